#include "api/unread_replies.h"

#include <algorithm>

namespace vigil::api {

std::shared_ptr<UnsentBytes> UnreadReplies::counter(std::string_view address) {
  if (const auto found = peers_.find(address); found != peers_.end()) return found->second;
  if (peers_.size() >= look_at_size_) {
    // Whose counter is held elsewhere has a query or a reply under way.
    std::erase_if(peers_, [](const auto& peer) { return peer.second.use_count() == 1; });
    look_at_size_ = std::max<std::size_t>(64, 2 * peers_.size());
  }
  return peers_.emplace(address, std::make_shared<UnsentBytes>(0)).first->second;
}

}  // namespace vigil::api
