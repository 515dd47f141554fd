#include "eventlog/storage/unpacked_chunks.h"

#include <array>

namespace vigil::eventlog {

Expected<SegmentWindow> UnpackedChunks::window(const ArchiveFile& archive, std::uint64_t offset) {
  const Key key{&archive, archive.chunk_of(offset)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = by_key_.find(key); known != by_key_.end()) {
      newest_first_.splice(newest_first_.begin(), newest_first_, known->second);
      return known->second->window;
    }
  }
  // Unpacked outside the lock: two threads may do the same work, but none waits for another's.
  const ArchiveFile::Chunk& chunk = archive.chunks()[key.second];
  const std::size_t bytes = chunk.end - chunk.begin;
  const auto memory = std::make_shared_for_overwrite<std::uint64_t[]>((bytes + 7) / 8);  // payloads are aligned
  const auto unpacked = std::as_writable_bytes(std::span(memory.get(), (bytes + 7) / 8)).first(bytes);
  if (auto done = archive.unpack(key.second, unpacked); !done) return std::unexpected(done.error());
  SegmentWindow window{unpacked, chunk.begin, memory};
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return window;
  newest_first_.push_front({key, window});
  by_key_[key] = newest_first_.begin();
  bytes_ += bytes;
  while (bytes_ > kUnpackedBytesMax && newest_first_.size() > 1) {
    bytes_ -= newest_first_.back().window.bytes.size();
    by_key_.erase(newest_first_.back().key);
    newest_first_.pop_back();
  }
  return window;
}

void keep_for_this_thread(const std::shared_ptr<const void>& chunk) {
  struct Ring {
    std::array<std::shared_ptr<const void>, kChunksKeptPerThread> chunks;
    std::size_t newest = 0;
  };
  static thread_local Ring ring;
  if (chunk == nullptr || ring.chunks[ring.newest] == chunk) return;
  ring.newest = (ring.newest + 1) % kChunksKeptPerThread;
  ring.chunks[ring.newest] = chunk;
}

}  // namespace vigil::eventlog
