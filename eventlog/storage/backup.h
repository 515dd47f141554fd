// A copy of a log in another directory, kept up segment by segment, and the ways back from it. docs/backup.md.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"

namespace vigil::eventlog {

inline constexpr std::string_view kManifestName = "MANIFEST";

// What a backup holds, as its MANIFEST says (docs/backup.md "The manifest"): lines of text, the last one a checksum.
struct BackupManifest {
  LogId log_id{};
  std::uint64_t position = 0;     // of the last event
  std::uint64_t end_address = 0;  // behind it
  Hash hash{};                    // its chain hash
  std::uint64_t epoch = 0;        // of its writer
  std::int64_t ingest_time_us = 0;
  std::int64_t taken_us = 0;  // when the backup was taken
  struct Segment {
    std::string name;         // of its file in log/
    std::uint64_t bytes = 0;  // of that file
    Hash hash{};              // chain hash of its last frame in the backup: the segment's root when it is sealed
  };
  std::vector<Segment> segments;
};

// Errors: not_found (there is no backup), damaged, unsupported_version, io.
Expected<BackupManifest> read_manifest(Environment& environment, const std::filesystem::path& backup);

struct BackupOptions {
  bool check_all = false;                                      // read also the segments that are there already
  std::function<void(std::uint64_t, std::uint64_t)> progress;  // bytes copied and in all
};

struct BackupReport {
  BackupManifest manifest;
  std::uint64_t copied = 0, copied_bytes = 0;
  std::uint64_t kept = 0, kept_bytes = 0;  // sealed segments that were there already
  std::uint64_t checked = 0;               // segments read back whole
};

// Brings `backup` up to what is durable in the log at `directory` when the call begins; a writer may run. Each copy is
// written aside, synced, read back and checked whole before it takes its name; the manifest last of all. Interrupted,
// or failed, the backup is what it was or holds some more of the same log, and the next call goes on. Errors: invalid
// (a directory that is no backup, of another log or another history of it), damaged, full, io, locked.
Expected<BackupReport> back_up(Environment& environment, const std::filesystem::path& directory,
                               const std::filesystem::path& backup, const BackupOptions& options);

// Frames are atomic: the restored log ends with the last frame that ends at or before what is asked for.
struct RestoreOptions {
  std::optional<Position> position;                            // the last event wanted
  std::optional<IngestTime> time;                              // nothing taken later than that
  std::function<void(std::uint64_t, std::uint64_t)> progress;  // bytes copied and in all
};

struct RestoreReport {
  LogId log_id{};
  std::uint64_t position = 0;
  std::int64_t ingest_time_us = 0;
  Hash hash{};
  std::uint64_t epoch = 0;  // the next writer's is higher
  std::uint64_t segments = 0, bytes = 0;
};

// The epoch of a restored log's next writer is higher by this than that of the backup's: the log that was lost may have
// been opened so often since, and no two histories may share an epoch.
inline constexpr std::uint64_t kEpochsSkipped = 1000;

// Makes the log directory `directory`, whose parent is there or is made; there must be none. It appears whole or not at
// all. Errors: invalid (there is a log already; a position the backup does not reach), not_found, damaged, full, io.
Expected<RestoreReport> restore(Environment& environment, const std::filesystem::path& backup,
                                const std::filesystem::path& directory, const RestoreOptions& options);

struct RepairReport {
  std::uint64_t checked = 0;           // sealed segments read whole
  std::vector<std::string> repaired;   // files put in place of damaged or missing ones
  std::vector<std::string> set_aside;  // what the damaged ones are called now
};

// Replaces sealed segments that are damaged or missing by the backup's, after checking that both are of one history.
// What is intact is not touched. For a log without a writer. Errors: invalid (another log or history; damage the backup
// does not reach), locked, damaged (the backup's own copy), full, io.
Expected<RepairReport> repair(Environment& environment, const std::filesystem::path& directory,
                              const std::filesystem::path& backup,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace vigil::eventlog
