// Walking an entity's linked history backwards.
#pragma once

#include <cstddef>
#include <optional>

#include "eventlog/storage/error.h"
#include "eventlog/storage/log.h"

namespace vigil::eventlog {

// One entity's events, newest first, following the links in `slot` (the entity's kind). Not thread-safe; the
// source must outlive it. Errors are those of LogSource::at, and `damaged` for a link that does not lead back.
class HistoryWalk {
 public:
  HistoryWalk(const LogSource& source, Address newest, std::size_t slot) : source_(source), slot_(slot), at_(newest) {}

  // The event under the walk, then steps to the one before it. Nothing when the history is used up.
  Expected<std::optional<Record>> next();
  // Moves to the newest event at or before `address`, in O(log n) hops. A later address changes nothing.
  Expected<void> seek(Address address);
  // Records looked at so far.
  std::size_t hops() const { return hops_; }

 private:
  Expected<Record> here();

  const LogSource& source_;
  std::size_t slot_;
  Address at_;
  std::size_t hops_ = 0;
};

// The entity's newest event at or before `address`, when there is one.
Expected<std::optional<Record>> newest_at_or_before(const LogSource& source, Address newest, std::size_t slot,
                                                    Address address);

}  // namespace vigil::eventlog
