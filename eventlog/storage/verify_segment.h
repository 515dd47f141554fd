// One segment checked whole, by itself: from the hash before it, as its header says, to its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"
#include "eventlog/storage/forward_reader.h"
#include "eventlog/storage/frame.h"

namespace vigil::eventlog {

// What was found up to the segment's end or its first damage.
struct SegmentVerdict {
  std::uint64_t frames = 0, records = 0, bytes = 0;  // checked whole; `bytes` of frames
  std::optional<FrameHeader> first;                  // the first frame's header
  ChainState end;                                    // behind the last intact frame
  std::string torn_tail;                             // see Verification
  std::optional<Error> damage;                       // kind damaged: names file, offset, position and fault
};

struct SegmentCheck {
  Environment& environment;
  const std::filesystem::path& directory;
  SegmentHeader header;
  bool sealed = true;  // a segment behind it has begun: it holds nothing but frames and zeros
  std::optional<std::uint64_t> end_address = {};  // where the header behind it says that it ended
  std::uint64_t from_position = 1;                // frames that end before it are only found, not checked
  ForwardReader::AfterPiece after_piece = {};     // after each piece that was read
  std::function<void(const Frame&)> seen = {};    // each frame that is intact
  std::string_view suffix = {};                   // of a file that has not got the segment's name yet
};

// Reads the segment once, forward. In a segment that is not sealed a writer may be at work: what is not whole yet is
// looked at again before it is called damaged, and what was found is synced before it counts.
// Error: io, or what `after_piece` returned. Damage is a verdict.
Expected<SegmentVerdict> verify_segment(const SegmentCheck& check);

// The same where `check.end_address` is known, and the chain hash there: anything else is an error `damaged`.
Expected<ChainState> require_intact(const SegmentCheck& check, const Hash& hash);

// What stands where `chain` leads in its segment: header, succession and lengths are checked. `bytes` hold the frame.
struct FrameLook {
  std::span<const std::byte> bytes;
  std::expected<Frame, FrameFault> frame;
};
Expected<FrameLook> look_at_frame(ForwardReader& reader, const SegmentHeader& header, const ChainState& chain);

}  // namespace vigil::eventlog
