// Values as bytes: fixed little-endian fields in order, then texts with their length.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace vigil::eventlog {

static_assert(std::endian::native == std::endian::little, "stored values are little-endian");

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
  std::string_view take_text() { return take_bytes(take<std::uint8_t>()); }
  std::string_view take_bytes(std::size_t size) {
    if (rest_.size() < size) {
      short_ = true;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  // What was not taken yet.
  std::string_view rest() const { return rest_; }
  // Whether more was asked for than there is.
  bool is_short() const { return short_; }
  bool ok() const { return !short_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

}  // namespace vigil::eventlog
