// Memory for window entries: blocks cut from slabs, named by 32-bit handles, recycled by size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace vigil::rules {

// Not thread-safe. A block keeps its place until released; slabs are never given back. Released blocks serve
// later requests of the same size, so a warm state allocates nothing.
class ChunkArena {
 public:
  using Handle = std::uint32_t;  // 0: none
  static constexpr std::size_t kUnit = 8;
  static constexpr std::size_t kSlabBytes = kUnit << 16;  // 16 bits of a handle say where in the slab
  static constexpr std::size_t kBlockBytesMax = 64 * 1024;

  // 1 <= bytes <= kBlockBytesMax. The block's content is arbitrary.
  Handle allocate(std::size_t bytes);
  // `bytes` as allocated.
  void release(Handle handle, std::size_t bytes);
  std::byte* at(Handle handle) const { return slabs_[handle >> 16].get() + (handle & 0xffff) * kUnit; }
  // Of the blocks in use.
  std::uint64_t bytes_in_use() const { return bytes_in_use_; }

 private:
  static std::size_t units(std::size_t bytes) { return (bytes + kUnit - 1) / kUnit; }

  std::vector<std::unique_ptr<std::byte[]>> slabs_;
  std::vector<Handle> released_;  // by units: the first of a list linked through the blocks
  std::size_t slab_used_ = kSlabBytes;
  std::uint64_t bytes_in_use_ = 0;
};

}  // namespace vigil::rules
