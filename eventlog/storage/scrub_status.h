// What a scrub (scrub.h) says of itself.
#pragma once

#include <cstdint>
#include <string>

#include "eventlog/storage/position.h"

namespace vigil::eventlog {

struct ScrubStatus {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t bytes = 0;    // read by this process
  Position next;              // where the pass under way goes on; 0 between passes
  std::uint64_t passes = 0;   // finished by this process
  IngestTime last_full_pass;  // when the last one ended, also of an earlier process; 0 when there was none
  std::uint64_t damaged = 0;  // segments that were not whole when they were read last
  std::string damage;         // the first of them: file, offset, position and fault
};

}  // namespace vigil::eventlog
