// The stored form of feature values: one tag byte each, then only the bytes the value needs.
#include <bit>
#include <cstring>

#include "eventlog/schema/value.h"

namespace vigil::eventlog {
namespace {

// docs/log-format.md "Values". Stored: never change.
enum Tag : std::uint8_t {
  kNull = 0,
  kFalse = 1,
  kTrue = 2,
  kText = 3,               // varint length, bytes
  kPositive = 4,           // varint of the integer
  kNegative = 5,           // varint of -1 - integer
  kFloatZero = 6,          // +0.0
  kFloatFirst = 8,         // kFloatFirst + n - 1: the n most significant bytes of the IEEE 754 double, n = 1 … 8
  kSmallIntegerFirst = 16  // kSmallIntegerFirst + i: the integer i, 0 … 239
};
constexpr std::int64_t kSmallIntegerMax = 255 - kSmallIntegerFirst;
constexpr std::size_t kVarintBytesMax = 10;

std::size_t put_varint(std::uint64_t number, std::byte* out) {
  std::size_t size = 0;
  while (number >= 0x80) {
    out[size++] = static_cast<std::byte>(number | 0x80);
    number >>= 7;
  }
  out[size++] = static_cast<std::byte>(number);
  return size;
}

// The most significant byte first, on every machine.
std::uint64_t big_endian(std::uint64_t bits) {
  return std::endian::native == std::endian::little ? std::byteswap(bits) : bits;
}

// Writes 9 bytes whatever the size, which kVarintBytesMax leaves room for: what is behind is written next.
std::size_t put_float(double value, std::byte* out) {
  static_assert(1 + sizeof(std::uint64_t) <= 1 + kVarintBytesMax);
  auto bits = std::bit_cast<std::uint64_t>(value);
  if (bits == 0) {
    out[0] = std::byte{kFloatZero};
    return 1;
  }
  const std::size_t size = 8 - static_cast<std::size_t>(std::countr_zero(bits)) / 8;
  out[0] = static_cast<std::byte>(kFloatFirst + size - 1);
  bits = big_endian(bits);
  std::memcpy(out + 1, &bits, sizeof bits);
  return 1 + size;
}

std::size_t put_integer(std::int64_t value, std::byte* out) {
  if (value >= 0 && value <= kSmallIntegerMax) {
    out[0] = static_cast<std::byte>(kSmallIntegerFirst + value);
    return 1;
  }
  out[0] = std::byte{value < 0 ? kNegative : kPositive};
  return 1 + put_varint(static_cast<std::uint64_t>(value < 0 ? -1 - value : value), out + 1);
}

// Reads forward over a list of bytes and remembers whether it ever ran out.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint8_t take() {
    if (at_ == bytes_.size()) return fail();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint64_t take_varint() {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < kVarintBytesMax; ++i) {
      const std::uint8_t byte = take();
      number |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) return number;
    }
    return fail();
  }
  // The next 1 … 8 bytes as the most significant ones of a double, the others zero.
  double take_float(std::size_t size) {
    const std::size_t left = bytes_.size() - at_;
    if (size > left) return fail();
    std::uint64_t bits = 0;
    if (left >= sizeof bits) std::memcpy(&bits, bytes_.data() + at_, sizeof bits);
    else std::memcpy(&bits, bytes_.data() + at_, size);
    at_ += size;
    return std::bit_cast<double>(big_endian(bits) & ~std::uint64_t{0} << (64 - 8 * size));
  }
  std::string_view take_text(std::uint64_t size) {
    if (size > bytes_.size() - at_) {
      fail();
      return {};
    }
    const auto* data = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += size;
    return {data, size};
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::uint8_t fail() {
    ok_ = false;
    return 0;
  }
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

bool take_value(Bytes& bytes, Value& value) {
  const std::uint8_t tag = bytes.take();
  if (tag >= kSmallIntegerFirst) {
    value = Value::of(static_cast<std::int64_t>(tag) - kSmallIntegerFirst);
  } else if (tag >= kFloatFirst) {
    value = Value::of(bytes.take_float(tag - kFloatFirst + 1u));
  } else {
    switch (tag) {
      case kNull: value = Value::null(); break;
      case kFalse: value = Value::boolean(false); break;
      case kTrue: value = Value::boolean(true); break;
      case kText: value = Value::of(bytes.take_text(bytes.take_varint())); break;
      case kPositive: value = Value::of(static_cast<std::int64_t>(bytes.take_varint())); break;
      case kNegative: value = Value::of(-1 - static_cast<std::int64_t>(bytes.take_varint())); break;
      case kFloatZero: value = Value::of(0.0); break;
      default: return false;
    }
  }
  return bytes.ok();
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case ValueType::null: return true;
    case ValueType::text: return a.text_view() == b.text_view();
    case ValueType::floating:
      return std::bit_cast<std::uint64_t>(a.floating) == std::bit_cast<std::uint64_t>(b.floating);
    default: return a.integer == b.integer;
  }
}

std::size_t values_bytes_max(std::span<const Value> values) {
  std::size_t bytes = values.size() * (1 + kVarintBytesMax);
  for (const Value& value : values) bytes += value.type == ValueType::text ? value.text_size : 0;
  return bytes;
}

std::size_t encode_values(std::span<const Value> values, std::span<std::byte> out) {
  std::byte* at = out.data();
  for (const Value& value : values) {
    switch (value.type) {
      case ValueType::null: *at++ = std::byte{kNull}; break;
      case ValueType::boolean: *at++ = std::byte{value.integer != 0 ? kTrue : kFalse}; break;
      case ValueType::integer: at += put_integer(value.integer, at); break;
      case ValueType::floating: at += put_float(value.floating, at); break;
      case ValueType::text:
        *at++ = std::byte{kText};
        at += put_varint(value.text_size, at);
        if (value.text_size > 0) std::memcpy(at, value.text_data, value.text_size);
        at += value.text_size;
        break;
    }
  }
  return static_cast<std::size_t>(at - out.data());
}

bool decode_values(std::span<const std::byte> bytes, std::span<Value> out) {
  Bytes source{bytes};
  for (Value& value : out) {
    if (!take_value(source, value)) return false;
  }
  return source.at_end();
}

}  // namespace vigil::eventlog
