// How much of what was sent to each peer still waits in memory, because the peer does not read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/socket.h"

namespace vigil::api {

// Not thread-safe, though the counters themselves may fall at any time.
class UnreadReplies {
 public:
  // From so many bytes on a peer gets no further replies, and its queries are answered `busy`.
  static constexpr std::size_t kBytesPerPeerMax = 64 << 20;
  // Shorter replies are bounded by their number alone (SocketLimits::send_frames_max).
  static constexpr std::size_t kCountedBytesMin = 1024;

  bool full(std::string_view address) const {
    const auto found = peers_.find(address);
    return found != peers_.end() && found->second->load(std::memory_order_relaxed) >= kBytesPerPeerMax;
  }
  // The counter for Socket::send_counted().
  std::shared_ptr<UnsentBytes> counter(std::string_view address);

 private:
  std::map<std::string, std::shared_ptr<UnsentBytes>, std::less<>> peers_;
  std::size_t look_at_size_ = 64;  // when there are so many, those who have read everything are forgotten
};

}  // namespace vigil::api
