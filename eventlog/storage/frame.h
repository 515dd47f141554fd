// One commit on disk: sealing it, and checking that it is what may stand at its place.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "eventlog/storage/format.h"

namespace vigil::eventlog {

// What stands at the end of the log so far; the next frame must be its exact successor.
struct ChainState {
  LogId log_id{};
  std::uint64_t address = 0;                // where the next frame stands
  std::uint64_t next_position = 1;          // of its first event
  std::uint64_t epoch = 0;                  // it has this or a higher one
  std::int64_t ingest_time_us = INT64_MIN;  // it has this or a later one
  Hash hash{};                              // its previous_hash
  bool anchored = true;  // false: begun in the middle, where epoch, time and hash before are not known
};

// The hash before a log's first frame: SHA-256 of the log's id.
Hash genesis_hash(const LogId& log_id);

enum class FrameFault {
  absent,  // the block is zero: nothing was ever written here
  magic,   // not the beginning of a frame
  header_checksum,
  other_log,
  not_successor,  // address, position, epoch, time or chain hash do not follow from the frame before
  length,         // does not fit where it stands
  payload_checksum,
  trailer,
  hash,
  records,      // the records do not add up to the payload
  padding,      // bytes between records and trailer are not zero
  not_on_disk,  // the page cache shows it, the disk does not hold it: a sync of it has failed
};
std::string_view text(FrameFault fault);

// A frame in place.
struct Frame {
  FrameHeader header;
  std::span<const std::byte> payload;
  Hash hash{};  // as its trailer says
  std::uint64_t bytes = 0;
};

enum class FrameCheck {
  header,   // header, succession and lengths: to find one's way
  payload,  // also the payload's checksum and the trailer: to read
  whole,    // also the hash, every record and the padding: to verify
};

// Fills in header and trailer of the frame in `bytes` (a whole number of blocks, the payload behind the
// header, zeros behind it), as the successor of `chain`. Returns the frame's hash. Allocates nothing.
Hash seal_frame(std::span<std::byte> bytes, FrameHeader& header, Sha256& sha);

// The frame at the beginning of `bytes`, which reach to the end of its segment.
std::expected<Frame, FrameFault> check_frame(std::span<const std::byte> bytes, const ChainState& chain,
                                             FrameCheck check, Sha256* sha = nullptr);
// Moves the chain behind a frame that was checked.
void advance(ChainState& chain, const Frame& frame);

// Whether `bytes` begin with an intact frame header of this log that belongs at `address`.
bool is_frame_header(std::span<const std::byte> bytes, const LogId& log_id, std::uint64_t address);
bool is_zero(std::span<const std::byte> bytes);

}  // namespace vigil::eventlog
