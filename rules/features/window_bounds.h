// The state of one sliding window in an entity's record.
#pragma once

#include "rules/features/entry_ring.h"

namespace vigil::rules {

// The entries [lo, hi) of the entity's ring are in the window as it stood at the record's window time.
struct WindowBounds {
  EntryIndex lo = 0;
  EntryIndex hi = 0;
};

}  // namespace vigil::rules
