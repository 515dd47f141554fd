// Numbers in as few bytes as they need: seven bits to a byte, the lowest first, the eighth says that more follow
// (LEB128).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vigil::rules {

inline constexpr std::size_t kNumberBytesMax = 10;

// Zigzag: near zero, on either side, is small. 0, -1, 1, -2 … become 0, 1, 2, 3 …
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t from_zigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
}

// Appends to a buffer the caller made large enough.
class NumberWriter {
 public:
  explicit NumberWriter(char* out) : begin_(out), at_(out) {}
  void put(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) *at_++ = static_cast<char>(number | 0x80);
    *at_++ = static_cast<char>(number);
  }
  std::size_t bytes() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

// Reads what a NumberWriter wrote, and 0 where nothing is left. Of a number too long for 64 bits the rest is passed
// over, so that every end is the end of a number.
class NumberReader {
 public:
  explicit NumberReader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t take() {
    std::uint64_t number = 0;
    std::size_t i = 0;
    for (unsigned shift = 0; i < rest_.size(); ++i, shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[i]);
      if (shift < 64) number |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return number;
      }
    }
    return run_short();
  }
  void pass(std::size_t numbers) {
    while (numbers > 0 && rest_.size() >= sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, rest_.data(), sizeof(word));
      const std::uint64_t ends = ~word & 0x8080'8080'8080'8080;
      const auto ended = static_cast<std::size_t>(std::popcount(ends));
      if (ended > numbers) break;
      numbers -= ended;
      rest_.remove_prefix(numbers > 0 ? sizeof(word) : last_end(ends));
    }
    for (; numbers > 0 && !short_; --numbers) take();
  }
  std::string_view rest() const { return rest_; }
  // Whether more was asked for than there is.
  bool is_short() const { return short_; }

 private:
  static std::size_t last_end(std::uint64_t ends) { return 8 - static_cast<std::size_t>(std::countl_zero(ends)) / 8; }
  std::uint64_t run_short() {
    short_ = true;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool short_ = false;
};

}  // namespace vigil::rules
