// The state of one sliding window in an entity's record.
#pragma once

#include <cstdint>

#include "rules/features/entry_ring.h"

namespace vigil::rules {

// The entries [lo, hi) of the entity's ring are in the window as it stood at the record's window time.
struct WindowBounds {
  EntryIndex lo = 0;
  EntryIndex hi = 0;
  // Before this event time a window that moves forward keeps its entries: a lower bound of the next entry's coming
  // or going, so that most windows need not look at the ring.
  std::int64_t next_us = 0;
};

// A superset of the numbers of a window's entries, each as one of 128 bits: tells most numbers that are not
// there without looking. Removed entries leave their bits, until a scan that found nothing writes them anew.
struct NumberTraces {
  std::uint64_t bits[2] = {};

  void add(std::uint32_t number) { bits[bit(number) / 64] |= std::uint64_t{1} << bit(number) % 64; }
  bool may_hold(std::uint32_t number) const { return (bits[bit(number) / 64] >> bit(number) % 64 & 1) != 0; }

 private:
  static unsigned bit(std::uint32_t number) { return number * 0x9e3779b1u >> 25; }
};

}  // namespace vigil::rules
