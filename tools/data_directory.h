// The layout of a data directory, and how the subcommands open what is in it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "eventlog/storage/log.h"

namespace vigil::tools {

// DIR/log holds the truth, DIR/models what can be rebuilt from it.
std::filesystem::path log_directory(const std::filesystem::path& data);
std::filesystem::path models_directory(const std::filesystem::path& data);

// Opens DIR/log for reading, also while a writer is at work; creates nothing. Error not_found names the
// directory when there is no log in it; else as LogReader::open.
eventlog::Expected<std::unique_ptr<eventlog::LogReader>> open_log(eventlog::Environment& environment,
                                                                  const std::filesystem::path& data);
// Error not_found when DIR has no log.
eventlog::Expected<void> require_log(const std::filesystem::path& data);

// A whole text file, of at most 16 MiB. Errors: not_found, io, invalid (too large): each names the file.
eventlog::Expected<std::string> read_text_file(const std::filesystem::path& file);

}  // namespace vigil::tools
