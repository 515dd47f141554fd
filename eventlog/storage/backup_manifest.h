// Writing a backup's manifest, and opening a backup to take something from it; reading the manifest is in backup.h.
#pragma once

#include <vector>

#include "eventlog/storage/backup.h"
#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

std::string manifest_text(const BackupManifest& manifest);
// Under a temporary name, synced, renamed, and the directory synced.
Expected<void> write_manifest(Environment& environment, const std::filesystem::path& backup,
                              const BackupManifest& manifest);

// Where a backup keeps the segments: laid out as a data directory, so that `vigil verify --data` reads it.
inline std::filesystem::path backup_log(const std::filesystem::path& backup) { return backup / "log"; }

struct OpenedBackup {
  BackupManifest manifest;
  std::vector<StoredSegment> segments;  // those the manifest names, and perhaps more: a later backup was interrupted
  SegmentCut end;                       // the manifest's last frame, found where it must be
};

// Reads the manifest and holds the backup's segments to it, so that what was lost at their end is noticed too: all are
// there, of the same log, and reach the place and the chain hash it says. Frames are not read whole. Errors: not_found,
// damaged (names the file), unsupported_version, io.
Expected<OpenedBackup> open_backup(Environment& environment, const std::filesystem::path& backup);

// An error of a backup's file, with what helps then: no backup is restored from a backup.
Error of_backup(Error error);

}  // namespace vigil::eventlog
