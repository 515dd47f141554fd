// Which segments a log's directory holds, and whether they follow from each other.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"
#include "eventlog/storage/frame.h"

namespace vigil::eventlog {

// What every refusal of damaged history ends with.
inline constexpr std::string_view kRestoreHint = "; restore the log from a backup with `vigil restore`";

// The headers of all segments in `directory`, oldest first, after checking that they chain: names, sizes, log
// id, base addresses, and that each one's predecessor ends with the position and the hash the header says.
// Empty when there are none. Errors: damaged (hole, stray, foreign or doubled file), unsupported_version, io.
Expected<std::vector<SegmentHeader>> read_segment_headers(Environment& environment,
                                                          const std::filesystem::path& directory);

// Where the log stands before a segment's first frame.
ChainState chain_before(const SegmentHeader& header);

}  // namespace vigil::eventlog
