// How values of read models become bytes: fixed little-endian fields in order, then texts with their length.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace vigil::projections {

static_assert(std::endian::native == std::endian::little, "stored values are little-endian");

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

// Appends to a buffer the caller made large enough.
class ValueWriter {
 public:
  explicit ValueWriter(char* out) : begin_(out), at_(out) {}
  template <class T>
  ValueWriter& put(T field) {
    static_assert(std::has_unique_object_representations_v<T>);
    std::memcpy(at_, &field, sizeof field);
    at_ += sizeof field;
    return *this;
  }
  ValueWriter& put_text(std::string_view text) {  // at most 255 bytes
    put(static_cast<std::uint8_t>(text.size()));
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

// Reads what a ValueWriter wrote. ok() is false when the bytes were too few or too many.
class ValueReader {
 public:
  explicit ValueReader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    static_assert(std::has_unique_object_representations_v<T>);
    T field{};
    if (rest_.size() < sizeof field) {
      short_ = true;
      return field;
    }
    std::memcpy(&field, rest_.data(), sizeof field);
    rest_.remove_prefix(sizeof field);
    return field;
  }
  std::string_view take_text() {
    const std::size_t size = take<std::uint8_t>();
    if (rest_.size() < size) {
      short_ = true;
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  bool ok() const { return !short_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
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
