// How far a scrub came, kept in a small file across restarts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "eventlog/storage/environment.h"

namespace vigil::eventlog {

struct ScrubProgress {
  std::string log_id;               // 32 hex digits; "" before the log was looked at
  std::uint64_t next_position = 0;  // first position of the segment that comes next; 0 between passes
  std::int64_t began_us = 0;        // the pass under way or the last one; 0 when there was none
  std::int64_t last_full_pass_us = 0;
  std::map<std::uint64_t, std::string> damaged;  // by first position; one line each

  bool operator==(const ScrubProgress&) const = default;
};

// What the file says; nothing done yet when there is none or it is not one of ours.
ScrubProgress read_scrub_progress(Environment& environment, const std::filesystem::path& file);
// Durable, and whole or not at all. Errors: io, full.
Expected<void> write_scrub_progress(Environment& environment, const std::filesystem::path& file,
                                    const ScrubProgress& progress);

}  // namespace vigil::eventlog
