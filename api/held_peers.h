// Senders whose message was refused with `busy`, and whose later ones must not overtake it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vigil::api {

// Only for messages that ask for their order ("in_order"). Not thread-safe.
class HeldPeers {
 public:
  // Beyond so many the one that has been held longest is let go: it has most likely left for good.
  static constexpr std::size_t kPeersMax = 4096;
  // How long one is held behind the last message that found no room. A sender that pauses at most a second is back
  // by then; one that was started anew under the same address knows nothing of the refused message, and would wait
  // for ever.
  static constexpr std::chrono::seconds kHoldFor{10};
  using Time = std::chrono::steady_clock::time_point;

  // A message found no room. The first one counts until it comes again, or until none did for kHoldFor.
  void hold(std::string_view address, std::string_view request_id, Time now);
  // Whether a message may be taken: its sender is not held, or this is the refused message, which ends that.
  bool release(std::string_view address, std::string_view request_id, Time now);
  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::string request_id;
    std::uint64_t since = 0;  // in order of refusal
    Time until;
  };
  std::map<std::string, Held, std::less<>> held_;
  std::uint64_t refusals_ = 0;
};

}  // namespace vigil::api
