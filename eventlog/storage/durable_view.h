// Everything of a log that is durable, for any number of readers: the reading side shared by the writer's
// Log and by LogReader.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "eventlog/storage/log.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/signal.h"

namespace vigil::eventlog {

// Thread-safe for readers; one thread at a time adds and publishes. Cursors must not outlive it.
// Invariants: (1) segments are in order and never removed; (2) whoever sees a durable position also sees the
// segments and durable_bytes() that hold everything up to it.
class DurableView {
 public:
  void add(std::unique_ptr<Segment> segment);
  // Everything up to `bytes` of the last segment is durable and ends with `position`.
  void publish(std::uint64_t bytes, Position position);
  // Wakes all who wait, for good.
  void close();

  Position durable() const { return Position{durable_.load(std::memory_order_acquire)}; }
  std::string id() const;
  Expected<std::unique_ptr<Cursor>> read_from(Position from) const;
  Expected<Record> at(Address address) const;
  Expected<Record> at(Position position) const;
  Expected<Position> first_at_or_after(IngestTime time) const;
  Expected<std::vector<Address>> find_key(std::uint64_t key) const;

  // True once `position` is durable; false after `timeout` or when closed.
  bool wait_for(Position position, std::chrono::milliseconds timeout) const;
  // The segment behind `segment`, or null.
  const Segment* after(const Segment& segment) const;
  Segment& last() const;
  // All segments so far, oldest first.
  std::vector<Segment*> segments() const;

 private:
  const Segment* segment_of(Position position) const;
  const Segment* segment_of(Address address) const;
  static Expected<Record> record_in(const Segment& segment, const Frame& frame, Position position);

  UnpackedChunks unpacked_;  // of the archived segments
  mutable std::shared_mutex segments_mutex_;
  std::vector<std::unique_ptr<Segment>> segments_;

  mutable std::mutex publish_mutex_;  // held briefly, by those who need length and position of the same moment
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> closed_{false};
  Signal published_;  // rung when one of the two changes
};

}  // namespace vigil::eventlog
