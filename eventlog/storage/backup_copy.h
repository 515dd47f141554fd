// Copying a segment from one directory to another, and checking the copy.
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

// Where a segment, or what is wanted of it, ends.
struct SegmentCut {
  std::uint64_t end_address = 0;
  Hash hash{};  // chain hash of the frame that ends there
  std::uint64_t last_position = 0;
  std::int64_t ingest_time_us = 0;
  std::uint64_t epoch = 0;
};

// What is wanted at most.
struct CutLimit {
  std::uint64_t position = 0;
  std::int64_t ingest_time_us = std::numeric_limits<std::int64_t>::max();
  bool is_there = false;  // the segment is known to hold the position: where nothing stands before it, that is damage
};

// The end of the last frame within the limit; nothing when not even the first is. Walks from the segment's first one,
// and does not look behind the frame that ends at the wanted position: a writer may be at work there. Checks headers
// and succession only. Errors: damaged, io.
Expected<std::optional<SegmentCut>> find_cut(Environment& environment, const std::filesystem::path& directory,
                                             const SegmentHeader& header, const CutLimit& limit);

// Whether the stored segment ends with that place and hash: reads a trailer. Error: io.
Expected<bool> ends_at(Environment& environment, const std::filesystem::path& directory, const StoredSegment& segment,
                       std::uint64_t end_address, const Hash& hash);

enum class CopyForm {
  as_it_is,  // an archive stays one
  file,      // an archive is unpacked
};

// What is wanted of a segment: all of a sealed one, or its frames up to `end_address` and zeros behind them.
struct SegmentCopy {
  const StoredSegment& segment;
  std::uint64_t end_address;
  Hash hash;
  bool whole = true;
  CopyForm form = CopyForm::as_it_is;
  std::string_view suffix = {};  // stands behind the copy's name until it is given its own
};
// Copies into `to`, synced and then checked whole as it is on the disk. Returns the name, without the suffix, and bytes
// of the new file. On an error nothing is left there. `progress` is told bytes as they are copied. Errors: damaged,
// which names the source when that is damaged, and the copy only when it alone is; full, io.
struct CopiedFile {
  std::string name;
  std::uint64_t bytes = 0;
  SegmentCut cut;
};
Expected<CopiedFile> copy_segment(Environment& environment, const std::filesystem::path& from,
                                  const std::filesystem::path& to, const SegmentCopy& copy,
                                  const std::function<void(std::uint64_t)>& progress);

}  // namespace vigil::eventlog
