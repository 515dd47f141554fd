// Texts that live as long as a batch of commands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace vigil::commands {

// Copies stay where they are until reset(), which keeps the memory for the next batch. Not thread-safe.
class ByteArena {
 public:
  static constexpr std::size_t kChunkBytes = 256 << 10;

  // `bytes` uninitialised bytes.
  char* allocate(std::size_t bytes) {
    while (at_ < chunks_.size() && chunks_[at_].size - used_ < bytes) next_chunk();
    if (at_ == chunks_.size()) {
      const std::size_t size = std::max(bytes, kChunkBytes);
      chunks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    }
    char* const begin = chunks_[at_].bytes.get() + used_;
    used_ += bytes;
    return begin;
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* const begin = allocate(text.size());
    std::memcpy(begin, text.data(), text.size());
    return {begin, text.size()};
  }
  std::string_view join(std::string_view first, std::string_view second) {
    char* const begin = allocate(first.size() + second.size());
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), begin));
    return {begin, first.size() + second.size()};
  }
  void reset() { at_ = used_ = 0; }

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  void next_chunk() {
    ++at_;
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  std::size_t at_ = 0, used_ = 0;
};

}  // namespace vigil::commands
