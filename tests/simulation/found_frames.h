// Which frame headers the next opening finds, whatever the log itself thinks of them.
#pragma once

#include <filesystem>
#include <vector>

#include "eventlog/storage/format.h"
#include "tests/simulation/disk.h"

namespace vigil::simulation {

struct FoundFrame {
  std::filesystem::path path;
  std::uint64_t offset = 0;
  eventlog::FrameHeader header;
};

// All intact headers of frames at the beginnings of blocks, in all segments: what is on its way to the disk counts, as
// opening syncs before it looks.
std::vector<FoundFrame> frames_on(const Disk& disk, const std::filesystem::path& log);

}  // namespace vigil::simulation
