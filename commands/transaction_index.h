// The ids decided within the acceptance horizon: what makes a repeat a repeat.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "commands/address_index.h"

namespace vigil::commands {

// Not thread-safe. Memory is bounded by the horizon: expire() forgets what is older, an hour of event time at
// once, a few entries per call. What was forgotten is still found by its own age through the log's id index.
class TransactionIndex {
 public:
  void insert(std::uint64_t key, eventlog::Address address, eventlog::EventTime event_time);
  template <class Visit>
  bool find(std::uint64_t key, Visit visit) const {
    return index_.find(key, visit);
  }
  void prefetch(std::uint64_t key) const { index_.prefetch(key); }
  // Forgets ids whose event time is before `oldest`, up to a small constant number per call.
  void expire(eventlog::EventTime oldest);
  std::size_t size() const { return index_.size(); }
  std::size_t bytes() const;

 private:
  struct Entry {
    std::uint64_t key;
    eventlog::Address address;
  };
  AddressIndex index_;
  std::map<std::int64_t, std::vector<Entry>> hours_;  // by event time in whole hours
};

}  // namespace vigil::commands
