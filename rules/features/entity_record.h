// What is kept of one entity: a header, then the windows and sums its kind's plan asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "eventlog/schema/transaction.h"
#include "eventlog/storage/history_chain.h"
#include "rules/features/entry_ring.h"
#include "rules/features/lifetime.h"

namespace vigil::rules {

inline constexpr std::int64_t kBeforeAllUs = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kAfterAllUs = std::numeric_limits<std::int64_t>::max();

// The header of a record; KindPlan::record_bytes in all. Keeps its place for the state's life.
struct alignas(16) EntityRecord {
  Lifetime lifetime;
  EntryRing ring;
  std::int64_t windows_at_us = kBeforeAllUs;  // the time all windows of the record stand at
  eventlog::HistoryChain chain;
  std::optional<eventlog::Place> home;  // customers

  // Fields behind the header, at the offsets of the plan; 4-byte aligned only.
  template <class T>
  T get(std::uint32_t offset) const {
    T value;
    std::memcpy(&value, reinterpret_cast<const std::byte*>(this) + offset, sizeof(T));
    return value;
  }
  template <class T>
  void set(std::uint32_t offset, T value) {
    std::memcpy(reinterpret_cast<std::byte*>(this) + offset, &value, sizeof(T));
  }
};

}  // namespace vigil::rules
