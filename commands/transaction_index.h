// The ids decided within the acceptance horizon: what makes a repeat a repeat.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>

#include "commands/address_index.h"

namespace vigil::commands {

// Not thread-safe. Memory is bounded by the horizon: expire() forgets what is older, an hour of event time at
// once, a few entries per call. What was forgotten is still found through the log's id index, which has to be asked
// about every event time before forgotten_before(): policies change, and stream time may have run ahead.
class TransactionIndex {
 public:
  TransactionIndex() = default;
  TransactionIndex(const TransactionIndex&) = delete;
  TransactionIndex& operator=(const TransactionIndex&) = delete;

  void insert(std::uint64_t key, eventlog::Address address, eventlog::EventTime event_time);
  template <class Visit>
  bool find(std::uint64_t key, Visit visit) const {
    return index_.find(key, visit);
  }
  void prefetch(std::uint64_t key) const { index_.prefetch(key); }
  // Forgets ids whose event time is before `oldest`, up to a small constant number per call. What stands at or
  // behind `settled` stays: the log's id index may not know it yet.
  void expire(eventlog::EventTime oldest, eventlog::Address settled);
  // The greatest `oldest` so far: ids whose event time is not before it were never forgotten.
  eventlog::EventTime forgotten_before() const { return forgotten_before_; }
  std::size_t size() const { return index_.size(); }
  std::size_t bytes() const;

  // Where save() goes on.
  struct SavedUpTo {
    std::int64_t hour = INT64_MIN;
    std::size_t entries = 0;  // of that hour
  };
  // Appends ids behind `saved`, of one hour, about `bytes` bytes of them; false when there is none behind.
  bool save(SavedUpTo& saved, std::size_t bytes, eventlog::Piece& piece) const;
  // Adds the ids of a piece that stand up to `newest`. False when it is none.
  bool restore(eventlog::ValueReader& piece, eventlog::Address newest);
  // forgotten_before() when the last piece was saved.
  void restore_forgotten_before(eventlog::EventTime time) { forgotten_before_ = std::max(forgotten_before_, time); }

 private:
  struct Entry {
    std::uint64_t key;
    eventlog::Address address;
  };
  void insert(std::uint64_t key, eventlog::Address address, std::int64_t hour);

  AddressIndex index_;
  using Hour = std::deque<Entry>;       // grows without moving what it holds
  std::map<std::int64_t, Hour> hours_;  // by event time in whole hours
  // Where the last id went, and most likely the next; null when that hour is forgotten.
  Hour* newest_ = nullptr;
  std::int64_t newest_hour_ = 0;
  eventlog::EventTime forgotten_before_{INT64_MIN};
};

}  // namespace vigil::commands
