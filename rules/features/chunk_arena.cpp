#include "rules/features/chunk_arena.h"

#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

// Readers load eight bytes at once even at the end of a block.
constexpr std::size_t kOverread = 8;
constexpr std::size_t kSlabsMax = std::size_t{1} << 16;

}  // namespace

ChunkArena::Handle ChunkArena::allocate(std::size_t bytes) {
  const std::size_t wanted = units(bytes);
  eventlog::invariant(bytes > 0 && bytes <= kBlockBytesMax, "a block of window entries fits a slab");
  bytes_in_use_ += wanted * kUnit;
  if (wanted < released_.size() && released_[wanted] != 0) {
    const Handle handle = released_[wanted];
    std::memcpy(&released_[wanted], at(handle), sizeof(Handle));
    return handle;
  }
  if (slab_used_ + wanted * kUnit > kSlabBytes) {
    eventlog::invariant(slabs_.size() < kSlabsMax, "window entries stay below 32 GiB per entity kind");
    slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(kSlabBytes + kOverread));
    // The very first unit stays unused, since handle 0 means none.
    slab_used_ = slabs_.size() == 1 ? kUnit : 0;
  }
  const auto handle = static_cast<Handle>((slabs_.size() - 1) << 16 | slab_used_ / kUnit);
  slab_used_ += wanted * kUnit;
  return handle;
}

void ChunkArena::release(Handle handle, std::size_t bytes) {
  const std::size_t freed = units(bytes);
  if (freed >= released_.size()) released_.resize(freed + 1, 0);
  std::memcpy(at(handle), &released_[freed], sizeof(Handle));
  released_[freed] = handle;
  bytes_in_use_ -= freed * kUnit;
}

}  // namespace vigil::rules
