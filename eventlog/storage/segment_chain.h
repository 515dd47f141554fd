// Which segments a log's directory holds, and whether they follow from each other.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"
#include "eventlog/storage/frame.h"

namespace vigil::eventlog {

// A segment as it is stored: in its own file, archived, or both (an archiving that was interrupted).
struct StoredSegment {
  SegmentHeader header;
  bool file = false;                     // there is a `.seg`; it is what counts then
  std::optional<ArchiveHeader> archive;  // of the `.seg.zst`; read only when there is no `.seg`
  bool archived_too = false;             // there is a `.seg.zst` as well
};

// All segments in `directory`, oldest first, after checking that they chain: names, sizes, log id, base addresses,
// and that each one's predecessor ends with the position and the hash the header says. Reads the header of each and the
// last frame's header and trailer; of an archived one its archive header, which has all three.
// Empty when there are none. Errors: damaged (hole, stray, foreign or doubled file), unsupported_version, io.
Expected<std::vector<StoredSegment>> read_segments(Environment& environment, const std::filesystem::path& directory);
// Their headers alone.
Expected<std::vector<SegmentHeader>> read_segment_headers(Environment& environment,
                                                          const std::filesystem::path& directory);

// The header of one segment's file, or of its archive, checked by itself. Errors as above, and not_found.
Expected<StoredSegment> read_segment(Environment& environment, const std::filesystem::path& directory,
                                     std::uint64_t first_position);

// The positions of the segments in a directory, rising, as their names say. Error `damaged` for a name that is none.
Expected<std::vector<std::uint64_t>> list_segments(Environment& environment, const std::filesystem::path& directory);

// Where the log stands before a segment's first frame.
ChainState chain_before(const SegmentHeader& header);

}  // namespace vigil::eventlog
