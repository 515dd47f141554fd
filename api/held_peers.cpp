#include "api/held_peers.h"

#include <algorithm>

namespace vigil::api {

void HeldPeers::hold(std::string_view address, std::string_view request_id) {
  if (held_.contains(address)) return;
  if (held_.size() == kPeersMax) {
    held_.erase(std::ranges::min_element(held_, {}, [](const auto& entry) { return entry.second.since; }));
  }
  held_.emplace(address, Held{std::string(request_id), ++refusals_});
}

bool HeldPeers::release(std::string_view address, std::string_view request_id) {
  if (held_.empty()) return true;
  const auto found = held_.find(address);
  if (found == held_.end()) return true;
  if (found->second.request_id != request_id) return false;
  held_.erase(found);
  return true;
}

}  // namespace vigil::api
