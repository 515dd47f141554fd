// Finding one's way inside a segment: position → frame, time → frame, key → records.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"

namespace vigil::eventlog {

// One of a segment's frames; at most one is listed per kFrameStrideBytes. Stored in the side file.
struct FramePlace {
  std::uint64_t first_position = 0;
  std::int64_t ingest_time_us = 0;
  std::uint64_t offset = 0;  // in the segment
};
inline constexpr std::uint64_t kFrameStrideBytes = 64 << 10;

// A record that carries a key.
struct KeyPlace {
  std::uint64_t key = 0;
  std::uint32_t place = 0;  // offset in the segment / kAlignment
};

// The last listed frame that begins at or before `position`; the first for an earlier position.
const FramePlace* floor_by_position(std::span<const FramePlace> frames, std::uint64_t position);
// The last listed frame before `time`, or the first.
const FramePlace* floor_by_time(std::span<const FramePlace> frames, std::int64_t ingest_time_us);

// The index of the segment that is being written. One thread adds, any number ask.
class GrowingIndex {
 public:
  explicit GrowingIndex(std::uint64_t segment_bytes);

  // A frame and its keyed records. Allocates only when more come than a segment usually has.
  void add(const FramePlace& frame, std::span<const KeyPlace> keys);

  std::optional<FramePlace> floor_by_position(std::uint64_t position) const;
  std::optional<FramePlace> floor_by_time(std::int64_t ingest_time_us) const;
  // Appends the places of `key`, oldest first. The first question after many additions hashes them.
  void find(std::uint64_t key, std::vector<std::uint32_t>& places) const;

  // The side file's bytes for what was added so far.
  std::vector<std::byte> encode(const LogId& log_id, std::uint64_t base_address) const;

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t place = 0;  // 0: free; a record never stands at offset 0
  };
  void insert(const KeyPlace& key) const;
  void take_in_new_keys() const;

  mutable std::mutex adding_;  // held briefly: frames_ and keys_
  std::vector<FramePlace> frames_;
  std::vector<KeyPlace> keys_;
  mutable std::mutex asking_;  // held while hashing: table_, taken_ and taken_in_
  mutable std::vector<Slot> table_;
  mutable std::vector<KeyPlace> taken_;
  mutable std::size_t taken_in_ = 0;
};

// The index of a sealed segment, in the form of its side file. Thread-safe.
class SealedIndex {
 public:
  // Error: damaged when the bytes are not an index of this segment.
  static Expected<std::unique_ptr<SealedIndex>> from(std::vector<std::byte> bytes, const LogId& log_id,
                                                     std::uint64_t base_address);
  static Expected<std::unique_ptr<SealedIndex>> from(std::unique_ptr<Mapping> mapping, const LogId& log_id,
                                                     std::uint64_t base_address);

  // Whether a side file's header is that of this segment's index, and the file as long as it says.
  static bool fits(File& file, const LogId& log_id, std::uint64_t base_address);

  std::span<const FramePlace> frames() const { return frames_; }
  // Appends the places of `key`, oldest first.
  void find(std::uint64_t key, std::vector<std::uint32_t>& places) const;

 private:
  Expected<void> read(std::span<const std::byte> bytes, const LogId& log_id, std::uint64_t base_address);
  bool may_hold(std::uint64_t key) const;

  std::vector<std::byte> owned_;
  std::unique_ptr<Mapping> mapped_;
  std::span<const FramePlace> frames_;
  std::span<const std::uint64_t> filter_;
  std::span<const std::uint64_t> keys_;
  std::span<const std::uint32_t> places_;
};

}  // namespace vigil::eventlog
