#include "tests/simulation/found_frames.h"

#include <cstring>

#include "eventlog/storage/frame.h"

namespace vigil::simulation {

std::vector<FoundFrame> frames_on(const Disk& disk, const std::filesystem::path& log) {
  std::vector<FoundFrame> found;
  for (const std::string& name : disk.list(log)) {
    if (!name.ends_with(".seg")) continue;
    const auto inode = disk.find(log / name);
    std::vector<std::byte> block(eventlog::kBlockBytes);
    for (std::uint64_t at = 0; at + block.size() <= inode->bytes; at += block.size()) {
      inode->read_from_disk(at, block);
      eventlog::FrameHeader header;
      std::memcpy(&header, block.data(), sizeof header);
      if (header.magic != eventlog::kFrameMagic) continue;
      if (eventlog::is_frame_header(block, header.log_id, header.address)) found.push_back({log / name, at, header});
    }
  }
  return found;
}

}  // namespace vigil::simulation
