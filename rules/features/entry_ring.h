// The retained transactions of one entity, sorted by event time, in chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rules/features/chunk_arena.h"
#include "rules/features/entry_layout.h"

namespace vigil::rules {

// An index of an entry: counts on for the entity's life, modulo 2^32, so only differences mean anything. An
// insertion raises the indexes of all entries behind it by one.
using EntryIndex = std::uint32_t;

// What an entity's record holds of its ring; zero bytes are an empty ring. Used through RingStore only.
struct EntryRing {
  std::int64_t oldest_us = 0;  // event time of the entry at `begin`; meaningful when not empty
  EntryIndex begin = 0;
  EntryIndex end = 0;
  EntryIndex base = 0;         // of slot 0 of the first chunk (small rings)
  std::uint32_t where = 0;     // one chunk: its handle; several: handle of the directory; large: number
  std::uint16_t first = 0;     // directory: where the first chunk stands
  std::uint16_t chunks = 0;    // chunks in use (small rings)
  std::uint16_t capacity = 0;  // directory: room; 0 while there is at most one chunk
  std::uint8_t slots = 0;      // entries the only chunk has room for
  std::uint8_t large = 0;

  std::uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
};

// Neighbouring entries that lie next to each other in memory.
struct EntryRun {
  const std::byte* first = nullptr;
  std::uint32_t count = 0;
};

// All rings of one entity kind. Not thread-safe.
//
// Small rings (up to kSmallMax entries) are chunks of kChunk entries, all full but the outer two, under a
// directory of handles; a late entry shifts those behind it. Larger rings have chunks of kLargeChunk entries,
// filled as they come; a late entry moves entries of one chunk only and splits it when full. A ring that
// became large stays large.
//
// Times come back from their 48 bits by the newest event time of the stream: set_reference() must have seen
// every time that was inserted. That is exact while no entry is 2^48 µs older; in a ring that may have been left alone
// for longer, times come back one after the other from that of the oldest, which is kept whole.
class RingStore {
 public:
  static constexpr std::uint32_t kChunk = 8;
  static constexpr std::uint32_t kSmallMax = 1024;
  static constexpr std::uint32_t kLargeChunk = 256;

  explicit RingStore(const EntryLayout& layout) : layout_(layout) {}

  const EntryLayout& layout() const { return layout_; }
  void set_reference(std::int64_t newest_us) { reference_us_ = newest_us; }

  std::int64_t time_us(const std::byte* entry) const {
    const std::uint64_t age = (static_cast<std::uint64_t>(reference_us_) - (layout_.word(entry) >> 16)) & kTimeMask;
    return reference_us_ - static_cast<std::int64_t>(age);
  }
  // However long ago: of an entry less than 2^48 µs later than `earlier_us`.
  std::int64_t time_from(std::int64_t earlier_us, const std::byte* entry) const {
    const std::uint64_t later = ((layout_.word(entry) >> 16) - static_cast<std::uint64_t>(earlier_us)) & kTimeMask;
    return earlier_us + static_cast<std::int64_t>(later);
  }
  // ring.begin <= index < ring.end.
  std::byte* at(const EntryRing& ring, EntryIndex index) const;
  const void* directory_address(const EntryRing& ring) const {
    if (ring.large != 0) return &large_[ring.where]->chunks.back();
    return arena_.at(ring.where);
  }
  // The entries from `index` on that lie in one chunk; at least one, none beyond ring.end.
  EntryRun run(const EntryRing& ring, EntryIndex index) const;
  // The entries up to and without `index` that lie in one chunk; at least one. ring.begin < index <= ring.end.
  EntryRun run_before(const EntryRing& ring, EntryIndex index) const;
  // The first entry later than `time_us`, or ring.end.
  EntryIndex after(const EntryRing& ring, std::int64_t time_us) const;

  // Behind all entries of the same time. Returns its index.
  EntryIndex insert(EntryRing& ring, const Entry& entry);
  // The oldest entry goes; the ring must not be empty.
  void drop_oldest(EntryRing& ring);
  void clear(EntryRing& ring);
  // Fills an empty ring with `count` entries, sorted, in this store's layout.
  void assign(EntryRing& ring, const std::byte* entries, std::uint32_t count);
  // Whether the next insertion at the end takes a new chunk: the moment to drop what expired.
  bool wants_chunk(const EntryRing& ring) const;

  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const;

  // Rewrites `ring`, which belongs to `other`, into this store: same indexes, another layout.
  void adopt(EntryRing& ring, RingStore& other);

 private:
  struct LargeChunk {
    ChunkArena::Handle handle = 0;
    EntryIndex start = 0;     // index of slot 0
    std::uint32_t count = 0;  // slots in use, dropped ones included
  };
  struct LargeRing {
    std::vector<LargeChunk> chunks;
    std::size_t first = 0;  // chunks before were released
  };

  std::size_t chunk_bytes(std::uint32_t slots) const { return std::size_t{slots} * layout_.stride; }
  ChunkArena::Handle* directory(const EntryRing& ring) const {
    return reinterpret_cast<ChunkArena::Handle*>(arena_.at(ring.where));
  }
  const LargeChunk& large_chunk(const EntryRing& ring, EntryIndex index) const;
  std::byte* slot(ChunkArena::Handle handle, std::uint32_t number) const {
    return arena_.at(handle) + std::size_t{number} * layout_.stride;
  }

  void make_room_small(EntryRing& ring);
  void grow_single(EntryRing& ring);
  void add_chunk(EntryRing& ring);
  void drop_first_chunk(EntryRing& ring);
  void release_small(EntryRing& ring);
  void become_large(EntryRing& ring);
  void assign_small(EntryRing& ring, const std::byte* entries, std::uint32_t count);
  void assign_large(EntryRing& ring, const std::byte* entries, std::uint32_t count);
  std::byte* open_large(EntryRing& ring, EntryIndex index);
  void split(LargeRing& large, std::size_t chunk);
  void drop_first_large_chunk(LargeRing& large);

  EntryLayout layout_;
  std::int64_t reference_us_ = 0;
  ChunkArena arena_;
  std::vector<std::unique_ptr<LargeRing>> large_;
  std::uint64_t entries_ = 0;
};

}  // namespace vigil::rules
