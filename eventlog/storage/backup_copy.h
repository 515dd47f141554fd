// Copying a segment from one directory to another, and checking the copy.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

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

// The end of the last frame for which `wanted` is true, walking from the segment's first one; nothing when it is not
// even true for that. Checks headers and succession only. Errors: damaged, io.
Expected<std::optional<SegmentCut>> find_cut(Environment& environment, const std::filesystem::path& directory,
                                             const SegmentHeader& header,
                                             const std::function<bool(const FrameHeader&)>& wanted);

// Whether the stored segment ends with that place and hash: reads a trailer. Error: io.
Expected<bool> ends_at(Environment& environment, const std::filesystem::path& directory, const StoredSegment& segment,
                       std::uint64_t end_address, const Hash& hash);

// Every frame of a segment from the hash its header begins with: checksums, chain hashes, records, padding; that it
// ends at `cut`, and that nothing stands behind. Error: damaged, naming file, offset and position; io.
Expected<SegmentCut> check_segment(Environment& environment, const std::filesystem::path& directory,
                                   const SegmentHeader& header, std::uint64_t end_address, const Hash& hash);

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
};
// Copies into `to`, synced and then checked whole as it is on the disk. Returns the name and bytes of the new file. On
// an error nothing is left there. `progress` is told bytes as they are copied. Errors: damaged, full, io.
struct CopiedFile {
  std::string name;
  std::uint64_t bytes = 0;
  SegmentCut cut;
};
Expected<CopiedFile> copy_segment(Environment& environment, const std::filesystem::path& from,
                                  const std::filesystem::path& to, const SegmentCopy& copy,
                                  const std::function<void(std::uint64_t)>& progress);

}  // namespace vigil::eventlog
