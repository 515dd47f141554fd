// What was unpacked of archived segments and is kept in memory for a while.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "eventlog/storage/archive_file.h"

namespace vigil::eventlog {

// Bytes of a segment in one piece, and who keeps them in memory.
struct SegmentWindow {
  std::span<const std::byte> bytes;    // whole frames
  std::uint64_t begin = 0;             // their offset in the segment
  std::shared_ptr<const void> keep{};  // null when they are mapped, and stay until the segment goes

  bool covers(std::uint64_t offset) const { return offset >= begin && offset < begin + bytes.size(); }
  std::span<const std::byte> from(std::uint64_t offset) const { return bytes.subspan(offset - begin); }
};

// The chunks asked for last, up to kUnpackedBytesMax; older ones go as soon as nobody holds them. Shared, because a
// record must not lose its bytes while a reader looks at it. Thread-safe.
class UnpackedChunks {
 public:
  static constexpr std::uint64_t kUnpackedBytesMax = 128 << 20;

  // The chunk that holds `offset`. Errors: damaged, io.
  Expected<SegmentWindow> window(const ArchiveFile& archive, std::uint64_t offset);

 private:
  using Key = std::pair<const ArchiveFile*, std::size_t>;
  struct Kept {
    Key key;
    SegmentWindow window;
  };

  std::mutex mutex_;
  std::list<Kept> newest_first_;
  std::map<Key, std::list<Kept>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
};

// Records read by address are handed out without an owner, so each thread keeps the chunks of the last
// kChunksKeptPerThread such reads until it ends or asks for more.
inline constexpr std::size_t kChunksKeptPerThread = 64;
void keep_for_this_thread(const std::shared_ptr<const void>& chunk);

}  // namespace vigil::eventlog
