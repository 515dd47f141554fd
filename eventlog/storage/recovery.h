// What a log's directory holds, and whether it may be trusted.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "eventlog/storage/log.h"
#include "eventlog/storage/recovery_decision.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

inline constexpr std::string_view kCleanName = "CLEAN";

// Moves `chain` over all intact frames of `segment` from where it is, calling `seen` with each frame and its
// offset. Returns why it stopped: the fault of what stands there.
Expected<FrameFault> scan_frames(const Segment& segment, ChainState& chain, FrameCheck check,
                                 const std::function<void(const Frame&, std::uint64_t)>& seen);

// Moves `chain` over the frames of a segment that is still written, adding them to its growing index, as scan_frames()
// with FrameCheck::payload does; then syncs `file`, the segment's own, and stops in front of the last frame when the
// disk does not hold what the page cache shows of it. No frame but the last can be like that: each was written after
// the one before was synced.
Expected<FrameFault> scan_to_the_end(Segment& segment, ChainState& chain, File& file);

// What stands behind the last intact frame of the last segment.
struct Tail {
  std::uint64_t begin = 0;  // offset behind the last intact frame
  std::uint64_t end = 0;    // behind the last block that is not zero; equals `begin` when nothing stands there
  FrameFault fault = FrameFault::absent;
  std::optional<std::uint64_t> frame_behind;  // offset of an intact frame header of this log further on
  bool whole_frame_behind = false;            // or a header at a place that is not its own: no torn write leaves either
  std::uint64_t durable_through = 0;          // the furthest that any intact header of this log says, `begin` included
  std::uint64_t commit_bytes = 0;             // length of the frame at `begin` if its header is intact, else 0
};
Tail inspect_tail(const Segment& segment, std::span<const std::byte> bytes, std::uint64_t begin, FrameFault fault);
// The same for offsets from `from` to `to` only, block by block; what is found there is added to `tail`.
void inspect_tail(const Segment& segment, std::span<const std::byte> bytes, std::uint64_t from, std::uint64_t to,
                  Tail& tail);
// What the table of recovery_decision.h asks about a tail. `next_position`: of the first event that is not there.
EndFacts facts_of(const Tail& tail, const SegmentHeader& header, std::uint64_t next_position);
// For readers, who ask neither marker nor checkpoints, and whom any intact header further on stops. Nothing when the
// tail is what one commit that was never acknowledged may have left (or nothing at all); otherwise why it is damage.
std::optional<std::string_view> why_not_torn(const Tail& tail, const SegmentHeader& header);

// What a writer finds. Without segments the log is new.
struct Recovered {
  std::vector<std::unique_ptr<Segment>> segments;  // the last one with a growing index
  ChainState end;                                  // with the epoch of the last writer
  RecoveryReport report;
  std::uint64_t looked_at = 0;  // what stands in the last segment from this offset on was not looked at yet
};
// For a writer that holds the lock: syncs, checks, cuts a torn tail, removes the clean-shutdown marker and
// unfinished files. A log that is refused is left as it is. Errors: damaged, unsupported_version, io.
//
// With look_behind_later, a log that was not closed in order, and behind whose end nothing stands as far as one commit
// reaches, is not looked at further: that is the longer part of a segment, and comes from the disk. look_behind() must
// be asked before anything is appended; a log refused only then has had the padding of its last frame zeroed, if it
// held garbage.
Expected<Recovered> recover(Environment& environment, const std::filesystem::path& directory, Position known_durable,
                            const std::string& known_durable_of, bool look_behind_later = false);
// Looks at the last segment from offset `looked_at` on; `end` is where the log ends. Error: damaged, when anything is
// there.
Expected<void> look_behind(const Segment& last, const ChainState& end, std::uint64_t looked_at);

// Written when a writer closes in order; tells the next one where the log must end.
Expected<void> write_clean_marker(Environment& environment, const std::filesystem::path& directory,
                                  const ChainState& end);

}  // namespace vigil::eventlog
