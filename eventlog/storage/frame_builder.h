// Builds the next frame in memory while the one before is on its way to the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "eventlog/storage/record.h"

namespace vigil::eventlog {

// Where a record that was just built will stand.
struct Placed {
  Position position;
  Address address;
};

// Not thread-safe: owned by the one thread that decides. Obtained from Log::builder(); its position and
// addresses are already final, because the frame before has a fixed length when this one begins.
// Sequence per record: begin_record → write the payload into the span → end_record.
class FrameBuilder {
 public:
  virtual ~FrameBuilder() = default;

  // True until the first record since the last commit.
  virtual bool empty() const = 0;
  // Bytes still free for records; a caller commits (or waits) when less than it needs is left.
  virtual std::size_t bytes_free() const = 0;
  // The time all records of this frame carry. Fixed by the first call of `begin` after a commit.
  virtual IngestTime ingest_time() const = 0;
  // Begins the frame at `now`, raised to the previous frame's time when the clock went backwards.
  virtual IngestTime begin(IngestTime now) = 0;

  // Reserves a record and returns `payload_bytes_max` zeroed, 8-aligned bytes to write the payload into.
  // Requires begin() before and enough bytes_free(); payload_bytes_max is a multiple of 8.
  virtual std::span<std::byte> begin_record(std::uint16_t type, std::uint16_t version, std::span<const Link> links,
                                            std::optional<std::uint64_t> key, std::size_t payload_bytes_max) = 0;
  // Where the record begun last will stand (valid from begin_record on).
  virtual Placed placed() const = 0;
  // Fixes the payload at its first `payload_bytes` bytes (a multiple of 8).
  virtual Placed end_record(std::size_t payload_bytes) = 0;
};

// Bytes a record takes besides its payload, at most.
inline constexpr std::size_t kRecordOverheadMax = 24 + kLinksMax * sizeof(Link);

}  // namespace vigil::eventlog
