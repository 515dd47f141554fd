#include "rules/features/entry_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

constexpr std::uint32_t kFirstSlots = 2;  // of an entity's first chunk: many entities are seen once
constexpr std::uint16_t kDirectoryAtFirst = 4;
// A directory grows by this many handles while small, so that its slack stays a byte per entry.
constexpr std::uint16_t kDirectoryStep = 4;
constexpr std::uint16_t kDirectoryStepsUpTo = 24;

std::size_t directory_bytes(std::uint16_t capacity) { return capacity * sizeof(ChunkArena::Handle); }

}  // namespace

const RingStore::LargeChunk& RingStore::large_chunk(const EntryRing& ring, EntryIndex index) const {
  const LargeRing& large = *large_[ring.where];
  const LargeChunk& newest = large.chunks.back();
  if (index - ring.begin >= newest.start - ring.begin && newest.start - ring.begin <= ring.size()) return newest;
  // The first chunk may start before ring.begin; differences are taken from its start.
  const EntryIndex origin = large.chunks[large.first].start;
  const auto behind = std::upper_bound(
      large.chunks.begin() + static_cast<std::ptrdiff_t>(large.first), large.chunks.end(), index - origin,
      [origin](std::uint32_t offset, const LargeChunk& chunk) { return offset < chunk.start - origin; });
  return *(behind - 1);
}

std::byte* RingStore::at(const EntryRing& ring, EntryIndex index) const {
  if (ring.large != 0) {
    const LargeChunk& chunk = large_chunk(ring, index);
    return slot(chunk.handle, index - chunk.start);
  }
  const std::uint32_t offset = index - ring.base;
  if (ring.capacity == 0) return slot(ring.where, offset);
  return slot(directory(ring)[ring.first + offset / kChunk], offset % kChunk);
}

EntryRun RingStore::run(const EntryRing& ring, EntryIndex index) const {
  const std::uint32_t left = ring.end - index;
  if (ring.large != 0) {
    const LargeChunk& chunk = large_chunk(ring, index);
    const std::uint32_t number = index - chunk.start;
    return {slot(chunk.handle, number), std::min(left, chunk.count - number)};
  }
  const std::uint32_t offset = index - ring.base;
  if (ring.capacity == 0) return {slot(ring.where, offset), left};
  return {slot(directory(ring)[ring.first + offset / kChunk], offset % kChunk),
          std::min(left, kChunk - offset % kChunk)};
}

EntryRun RingStore::run_before(const EntryRing& ring, EntryIndex index) const {
  const std::uint32_t left = index - ring.begin;
  if (ring.large != 0) {
    const LargeChunk& chunk = large_chunk(ring, index - 1);
    const std::uint32_t count = std::min(left, index - chunk.start);
    return {slot(chunk.handle, index - chunk.start - count), count};
  }
  const std::uint32_t offset = index - ring.base;
  if (ring.capacity == 0) return {slot(ring.where, offset - left), left};
  const std::uint32_t count = std::min(left, (offset - 1) % kChunk + 1);
  return {slot(directory(ring)[ring.first + (offset - 1) / kChunk], (offset - count) % kChunk), count};
}

EntryIndex RingStore::after(const EntryRing& ring, std::int64_t time) const {
  if (ring.empty() || time_us(at(ring, ring.end - 1)) <= time) return ring.end;
  EntryIndex low = ring.begin;
  std::uint32_t count = ring.size() - 1;  // the last one is later
  while (count > 0) {
    const std::uint32_t half = count / 2;
    if (time_us(at(ring, low + half)) <= time) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

EntryIndex RingStore::insert(EntryRing& ring, const Entry& entry) {
  const EntryIndex index = after(ring, entry.time_us);
  if (ring.large == 0 && ring.size() == kSmallMax) become_large(ring);
  std::byte* place = nullptr;
  if (ring.large != 0) {
    place = open_large(ring, index);
  } else {
    make_room_small(ring);
    ++ring.end;
    for (EntryIndex i = ring.end - 1; i != index; --i) std::memcpy(at(ring, i), at(ring, i - 1), layout_.stride);
    place = at(ring, index);
  }
  layout_.write(entry, place);
  if (index == ring.begin) ring.oldest_us = entry.time_us;
  ++entries_;
  return index;
}

bool RingStore::wants_chunk(const EntryRing& ring) const {
  if (ring.large != 0) return large_[ring.where]->chunks.back().count == kLargeChunk;
  return ring.end - ring.base == (ring.capacity == 0 ? ring.slots : ring.chunks * kChunk);
}

void RingStore::make_room_small(EntryRing& ring) {
  if (!wants_chunk(ring)) return;
  if (ring.capacity == 0 && ring.slots < kChunk) {
    grow_single(ring);
  } else {
    add_chunk(ring);
  }
}

// The only chunk: 0, 2, 4, then kChunk slots.
void RingStore::grow_single(EntryRing& ring) {
  const std::uint32_t slots = ring.slots == 0 ? kFirstSlots : ring.slots * 2u;
  const ChunkArena::Handle grown = arena_.allocate(chunk_bytes(slots));
  if (ring.slots != 0) {
    std::memcpy(arena_.at(grown), arena_.at(ring.where), chunk_bytes(ring.slots));
    arena_.release(ring.where, chunk_bytes(ring.slots));
  } else {
    ring.base = ring.end;
  }
  ring.where = grown;
  ring.slots = static_cast<std::uint8_t>(slots);
  ring.chunks = 1;
}

void RingStore::add_chunk(EntryRing& ring) {
  const ChunkArena::Handle added = arena_.allocate(chunk_bytes(kChunk));
  if (ring.capacity == 0) {
    const ChunkArena::Handle only = ring.where;
    ring.where = arena_.allocate(directory_bytes(kDirectoryAtFirst));
    ring.capacity = kDirectoryAtFirst;
    ring.first = 0;
    directory(ring)[0] = only;
  } else if (ring.first + ring.chunks == ring.capacity) {
    // A quarter free in front is worth moving for; otherwise growing is cheaper in the long run.
    if (ring.first * 4 >= ring.capacity) {
      std::memmove(directory(ring), directory(ring) + ring.first, directory_bytes(ring.chunks));
    } else {
      const auto capacity = static_cast<std::uint16_t>(
          ring.capacity < kDirectoryStepsUpTo ? ring.capacity + kDirectoryStep : ring.capacity * 2);
      const ChunkArena::Handle grown = arena_.allocate(directory_bytes(capacity));
      std::memcpy(arena_.at(grown), directory(ring) + ring.first, directory_bytes(ring.chunks));
      arena_.release(ring.where, directory_bytes(ring.capacity));
      ring.where = grown;
      ring.capacity = capacity;
    }
    ring.first = 0;
  }
  directory(ring)[ring.first + ring.chunks] = added;
  ++ring.chunks;
}

void RingStore::drop_oldest(EntryRing& ring) {
  eventlog::invariant(!ring.empty(), "only a ring with entries drops one");
  if (ring.size() == 1) {
    clear(ring);
    return;
  }
  ++ring.begin;
  --entries_;
  if (ring.large != 0) {
    // More than one may go: a split can leave a chunk of dropped entries only.
    LargeRing& large = *large_[ring.where];
    while (ring.begin - large.chunks[large.first].start >= large.chunks[large.first].count) {
      drop_first_large_chunk(large);
    }
  } else if (ring.begin - ring.base == kChunk && ring.capacity != 0) {
    drop_first_chunk(ring);
  }
  ring.oldest_us = time_from(ring.oldest_us, at(ring, ring.begin));
}

void RingStore::drop_first_chunk(EntryRing& ring) {
  arena_.release(directory(ring)[ring.first], chunk_bytes(kChunk));
  ring.base += kChunk;
  ++ring.first;
  --ring.chunks;
}

void RingStore::drop_first_large_chunk(LargeRing& large) {
  arena_.release(large.chunks[large.first].handle, chunk_bytes(kLargeChunk));
  ++large.first;
  if (large.first * 2 > large.chunks.size()) {
    large.chunks.erase(large.chunks.begin(), large.chunks.begin() + static_cast<std::ptrdiff_t>(large.first));
    large.first = 0;
  }
}

void RingStore::release_small(EntryRing& ring) {
  if (ring.capacity == 0) {
    if (ring.slots != 0) arena_.release(ring.where, chunk_bytes(ring.slots));
  } else {
    for (std::uint32_t i = 0; i < ring.chunks; ++i) {
      arena_.release(directory(ring)[ring.first + i], chunk_bytes(kChunk));
    }
    arena_.release(ring.where, directory_bytes(ring.capacity));
  }
  ring.where = 0;
  ring.first = ring.chunks = ring.capacity = 0;
  ring.slots = 0;
}

void RingStore::clear(EntryRing& ring) {
  entries_ -= ring.size();
  if (ring.large != 0) {
    // One empty chunk stays, so that a large ring always has a newest chunk.
    LargeRing& large = *large_[ring.where];
    while (large.chunks.size() - large.first > 1) drop_first_large_chunk(large);
    large.chunks.back().start = ring.end;
    large.chunks.back().count = 0;
  } else {
    release_small(ring);
  }
  ring.begin = ring.base = ring.end;
}

void RingStore::become_large(EntryRing& ring) {
  auto large = std::make_unique<LargeRing>();
  for (EntryIndex i = ring.begin; i != ring.end; ++i) {
    if (large->chunks.empty() || large->chunks.back().count == kLargeChunk) {
      large->chunks.push_back({arena_.allocate(chunk_bytes(kLargeChunk)), i, 0});
    }
    LargeChunk& chunk = large->chunks.back();
    std::memcpy(slot(chunk.handle, chunk.count), at(ring, i), layout_.stride);
    ++chunk.count;
  }
  release_small(ring);
  ring.where = static_cast<std::uint32_t>(large_.size());
  ring.large = 1;
  large_.push_back(std::move(large));
}

// Makes an empty slot at `index`, ring.end included, and returns it.
std::byte* RingStore::open_large(EntryRing& ring, EntryIndex index) {
  LargeRing& large = *large_[ring.where];
  const bool at_end = index == ring.end;
  if (at_end && large.chunks.back().count == kLargeChunk) {
    large.chunks.push_back({arena_.allocate(chunk_bytes(kLargeChunk)), index, 0});
  }
  std::size_t number =
      at_end ? large.chunks.size() - 1 : static_cast<std::size_t>(&large_chunk(ring, index) - large.chunks.data());
  if (large.chunks[number].count == kLargeChunk) {
    split(large, number);
    if (index - large.chunks[number].start > large.chunks[number].count) ++number;
  }
  LargeChunk& chunk = large.chunks[number];
  const std::uint32_t inside = index - chunk.start;
  std::byte* place = slot(chunk.handle, inside);
  std::memmove(place + layout_.stride, place, chunk_bytes(chunk.count - inside));
  ++chunk.count;
  ++ring.end;
  for (std::size_t i = number + 1; i < large.chunks.size(); ++i) ++large.chunks[i].start;
  return place;
}

void RingStore::split(LargeRing& large, std::size_t chunk) {
  const ChunkArena::Handle upper = arena_.allocate(chunk_bytes(kLargeChunk));
  LargeChunk& lower = large.chunks[chunk];
  const std::uint32_t kept = lower.count / 2;
  const LargeChunk added{upper, lower.start + kept, lower.count - kept};
  std::memcpy(arena_.at(upper), slot(lower.handle, kept), chunk_bytes(added.count));
  lower.count = kept;
  large.chunks.insert(large.chunks.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, added);
}

void RingStore::assign(EntryRing& ring, const std::byte* entries, std::uint32_t count) {
  eventlog::invariant(ring.empty() && ring.slots == 0 && ring.large == 0, "only a new ring is assigned to");
  if (count == 0) return;
  ring.base = ring.begin;
  ring.end = ring.begin + count;
  if (count <= kSmallMax) {
    assign_small(ring, entries, count);
  } else {
    assign_large(ring, entries, count);
  }
  entries_ += count;
  ring.oldest_us = time_us(entries);
}

void RingStore::assign_small(EntryRing& ring, const std::byte* entries, std::uint32_t count) {
  ring.chunks = static_cast<std::uint16_t>((count + kChunk - 1) / kChunk);
  if (ring.chunks == 1) {
    ring.slots = static_cast<std::uint8_t>(std::max(kFirstSlots, std::bit_ceil(count)));
    ring.where = arena_.allocate(chunk_bytes(ring.slots));
    std::memcpy(arena_.at(ring.where), entries, chunk_bytes(count));
    return;
  }
  ring.slots = kChunk;
  ring.capacity = static_cast<std::uint16_t>((ring.chunks + kDirectoryStep - 1) / kDirectoryStep * kDirectoryStep);
  ring.where = arena_.allocate(directory_bytes(ring.capacity));
  for (std::uint32_t i = 0; i < ring.chunks; ++i) {
    const ChunkArena::Handle chunk = arena_.allocate(chunk_bytes(kChunk));
    directory(ring)[i] = chunk;
    std::memcpy(arena_.at(chunk), entries + chunk_bytes(i * kChunk), chunk_bytes(std::min(kChunk, count - i * kChunk)));
  }
}

void RingStore::assign_large(EntryRing& ring, const std::byte* entries, std::uint32_t count) {
  auto large = std::make_unique<LargeRing>();
  for (std::uint32_t done = 0; done < count; done += kLargeChunk) {
    const std::uint32_t filled = std::min(kLargeChunk, count - done);
    const ChunkArena::Handle chunk = arena_.allocate(chunk_bytes(kLargeChunk));
    std::memcpy(arena_.at(chunk), entries + chunk_bytes(done), chunk_bytes(filled));
    large->chunks.push_back({chunk, ring.begin + done, filled});
  }
  ring.where = static_cast<std::uint32_t>(large_.size());
  ring.large = 1;
  large_.push_back(std::move(large));
}

std::uint64_t RingStore::bytes() const {
  std::uint64_t total = arena_.bytes_in_use();
  for (const auto& large : large_) total += large->chunks.capacity() * sizeof(LargeChunk);
  return total;
}

void RingStore::adopt(EntryRing& ring, RingStore& other) {
  EntryRing copy;
  copy.begin = copy.end = copy.base = ring.begin;
  Entry entry;
  for (EntryIndex i = ring.begin; i != ring.end; ++i) {
    const std::byte* from = other.at(ring, i);
    other.layout_.read(from, other.time_us(from), entry);
    insert(copy, entry);
  }
  other.clear(ring);
  ring = copy;
}

}  // namespace vigil::rules
