// Where a log ends, or ended: what a witness outside writes down, for a log cut off at an earlier frame is a valid
// shorter log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"

namespace vigil::eventlog {

struct LogHead {
  LogId log_id{};
  std::uint64_t epoch = 0;  // of the writer of the last frame
  Position position;        // of its last event
  Address address;          // behind it
  Hash hash{};              // its chain hash
  IngestTime ingest_time;   // of its events
  IngestTime created;       // when the head was taken
};

// The head of the log as it was when `position`, the last one of a frame, was its end; the frame is checked whole, the
// ones before it in its segment by their headers. `created` is now. Errors: not_found (no log, an empty one, or it ends
// before), damaged (also when no frame ends there), io.
Expected<LogHead> head_at(Environment& environment, const std::filesystem::path& directory, Position position);

}  // namespace vigil::eventlog
