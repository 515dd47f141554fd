// The pace of the threads that follow the log, alone or together.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "eventlog/storage/position.h"

namespace vigil::projections {

inline constexpr std::size_t kEventsPerHold = 512;                   // of a model's lock
inline constexpr std::chrono::milliseconds kBetweenSmallBatches{2};  // so that single events do not each wake a thread
inline constexpr std::chrono::milliseconds kLookAround{20};  // how long a call may go unnoticed while the log is silent
inline constexpr eventlog::Position kForever{std::numeric_limits<std::uint64_t>::max()};

}  // namespace vigil::projections
