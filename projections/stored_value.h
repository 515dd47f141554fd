// How values of read models become bytes: fixed little-endian fields in order, then texts with their length.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "eventlog/storage/value_bytes.h"

namespace vigil::projections {

using eventlog::ValueReader;
using eventlog::ValueWriter;

// A text of at most `Capacity` bytes held in place; a longer one is cut. Equal texts, equal bytes when stored.
template <std::size_t Capacity>
class Text {
 public:
  static_assert(Capacity < 256);
  void assign(std::string_view text) {
    size_ = static_cast<std::uint8_t>(text.size() < Capacity ? text.size() : Capacity);
    if (size_ != 0) std::memcpy(bytes_, text.data(), size_);
  }
  std::string_view view() const { return {bytes_, size_}; }
  std::string string() const { return std::string(view()); }

 private:
  std::uint8_t size_ = 0;
  char bytes_[Capacity];
};

// Keys: numbers are big-endian so that LMDB's byte order is theirs.
inline void append_be32(std::string& key, std::uint32_t number) {
  number = __builtin_bswap32(number);
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}
inline void append_be64(std::string& key, std::uint64_t number) {
  number = __builtin_bswap64(number);
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}
inline std::uint32_t be32_at(std::string_view key, std::size_t offset) {
  std::uint32_t number = 0;
  std::memcpy(&number, key.data() + offset, sizeof number);
  return __builtin_bswap32(number);
}
inline std::uint64_t be64_at(std::string_view key, std::size_t offset) {
  std::uint64_t number = 0;
  std::memcpy(&number, key.data() + offset, sizeof number);
  return __builtin_bswap64(number);
}

}  // namespace vigil::projections
