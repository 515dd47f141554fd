#include "api/held_peers.h"

#include <algorithm>

namespace vigil::api {

void HeldPeers::hold(std::string_view address, std::string_view request_id, Time now) {
  if (const auto found = held_.find(address); found != held_.end()) {
    if (now < found->second.until) {
      found->second.until = now + kHoldFor;
      return;
    }
    held_.erase(found);
  }
  if (held_.size() == kPeersMax) {
    held_.erase(std::ranges::min_element(held_, {}, [](const auto& entry) { return entry.second.since; }));
  }
  held_.emplace(address, Held{std::string(request_id), ++refusals_, now + kHoldFor});
}

bool HeldPeers::release(std::string_view address, std::string_view request_id, Time now) {
  if (held_.empty()) return true;
  const auto found = held_.find(address);
  if (found == held_.end()) return true;
  if (found->second.request_id != request_id && now < found->second.until) return false;
  held_.erase(found);
  return true;
}

}  // namespace vigil::api
