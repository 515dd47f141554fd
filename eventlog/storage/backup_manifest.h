// Writing a backup's manifest; reading it is in backup.h.
#pragma once

#include "eventlog/storage/backup.h"

namespace vigil::eventlog {

std::string manifest_text(const BackupManifest& manifest);
// Under a temporary name, synced, renamed, and the directory synced.
Expected<void> write_manifest(Environment& environment, const std::filesystem::path& backup,
                              const BackupManifest& manifest);

// Where a backup keeps the segments: laid out as a data directory, so that `vigil verify --data` reads it.
inline std::filesystem::path backup_log(const std::filesystem::path& backup) { return backup / "log"; }

}  // namespace vigil::eventlog
