// A log proved from its bytes: every frame checked whole, segments in parallel, then the links between them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/log_head.h"

namespace vigil::eventlog {

struct VerifyOptions {
  std::size_t threads = 1;           // among which the segments are shared out
  Position since{1};                 // checks begin with the frame that holds it
  std::optional<LogHead> head = {};  // the log must contain it; with it, checks begin no later than at its frame
  // Bytes read and bytes in all. Called from one thread at a time, and never with less than before.
  std::function<void(std::uint64_t, std::uint64_t)> progress = {};
};

// A segment's root is the chain hash at its end: the next segment's header keeps it as its `previous_hash`, and with it
// the segment can be checked alone.
struct SegmentRoot {
  std::string file;
  Position first, last;  // `last` is before `first` in a segment that has no frame yet
  std::uint64_t frames = 0, bytes = 0;
  std::string root;  // 64 hex digits
  bool sealed = false;
};

struct VerifiedLog {
  Verification log;      // counts are of what was checked, from `first` on
  std::string log_id;    // 32 hex digits
  Position first, last;  // the events checked
  std::uint64_t epoch = 0;
  Address end;
  std::vector<SegmentRoot> segments;  // those checked, oldest first
};

// Checks checksums, hashes, chain, positions, times and records from the files alone; beside a running writer, what is
// durable. Errors: `damaged` names file, offset, position and kind of the first damage, or says how the log and the
// head differ; not_found (no log); invalid (`since` is behind the end); io.
Expected<VerifiedLog> verify_log(Environment& environment, const std::filesystem::path& directory,
                                 const VerifyOptions& options);

}  // namespace vigil::eventlog
