// What the service says of itself: counters of the command loop, the size of the decision state, the state of the
// scrub.
#pragma once

#include <cstdint>
#include <optional>

#include "eventlog/storage/scrub_status.h"
#include "rules/features/decision_state.h"

namespace vigil::api {

struct ServiceStatus {
  std::uint64_t messages = 0;     // received and well framed, queries included
  std::uint64_t commands = 0;     // taken by the engine
  std::uint64_t busy = 0;         // messages answered `busy`
  std::uint64_t malformed = 0;    // messages without address, without body, or with too many frames
  std::uint64_t undelivered = 0;  // replies whose peer was gone or did not read
  rules::DecisionStateMemory memory;
  std::optional<eventlog::ScrubStatus> scrub;  // nothing when cold history is not scrubbed
};

}  // namespace vigil::api
