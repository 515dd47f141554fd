// Packing sealed segments, and unpacking them again, while nobody is kept from reading them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/position.h"

namespace vigil::eventlog {

// The newest sealed segment and the one that is written stay as they are: opening reads the one to know where the
// other must begin.
inline constexpr std::uint64_t kKeptMin = 1;

// Behind the name of what is not finished; the next archiving or unarchiving removes it. Not the `.tmp` of the writer,
// who may begin meanwhile and removes those (segment_supply.h).
inline constexpr std::string_view kArchivingSuffix = ".archiving";

struct ArchiveOptions {
  std::uint64_t keep = kKeptMin;   // so many of the newest sealed segments stay unpacked
  std::optional<Position> before;  // only segments that end before this position
  // Where the archives go; the log's directory when empty. Then `link` is called to make a link in the log's directory
  // that leads there (the seam to the machine knows no links).
  std::filesystem::path to;
  std::function<Expected<void>(const std::filesystem::path& target, const std::filesystem::path& link)> link;
  std::function<void(std::uint64_t, std::uint64_t)> progress;  // bytes done and in all
};

struct ArchiveReport {
  std::uint64_t segments = 0;      // packed, or unpacked, this time
  std::uint64_t before = 0;        // their bytes before
  std::uint64_t after = 0;         // and after
  std::uint64_t archived_all = 0;  // archived segments of the log now
  std::uint64_t replaced = 0;      // damaged segment files in whose place their archive was unpacked
};

// Packs sealed segments, oldest first. Each one's frames and chain hashes are checked before, and the archive is read
// back and compared before the segment's file goes. Interrupted at any point, the log is whole and the next call
// goes on. Works beside a running writer and readers. Errors: damaged (nothing of that segment was changed), full, io,
// locked (another archiving is under way).
Expected<ArchiveReport> archive_log(Environment& environment, const std::filesystem::path& directory,
                                    const ArchiveOptions& options);

struct UnarchiveOptions {
  std::optional<Position> from;                                // only segments that hold this position or later ones
  std::function<void(std::uint64_t, std::uint64_t)> progress;  // segments done and in all
};

// The way back, newest first: the segment is unpacked, checked whole, takes its name, and then the archive goes. Where
// an interrupted archiving left both, the segment's file is checked whole before, and replaced if it is damaged.
Expected<ArchiveReport> unarchive_log(Environment& environment, const std::filesystem::path& directory,
                                      const UnarchiveOptions& options);

// Unpacks one archive into a segment file at `path`, which is synced; its frames are the caller's to check.
Expected<void> unpack_segment(Environment& environment, const std::filesystem::path& archive,
                              const std::filesystem::path& path);

}  // namespace vigil::eventlog
