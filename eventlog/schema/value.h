// A typed value as rules see it and events record it: null, boolean, integer, floating point or text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vigil::eventlog {

enum class ValueType : std::uint8_t { null, boolean, integer, floating, text };

// 16 bytes, trivially copyable, owns nothing: what text_view() shows must outlive the value.
struct Value {
  ValueType type = ValueType::null;
  std::uint32_t text_size = 0;  // 0 unless text
  union {
    std::int64_t integer = 0;  // also 0 or 1 for boolean
    double floating;
    const char* text_data;
  };
  // Requires type text.
  std::string_view text_view() const { return {text_data, text_size}; }

  static Value null() { return {}; }
  static Value boolean(bool b) { return of_integer(ValueType::boolean, b); }
  static Value of(std::int64_t i) { return of_integer(ValueType::integer, i); }
  static Value of(double d) {
    Value v;
    v.type = ValueType::floating;
    v.floating = d;
    return v;
  }
  static Value of(std::string_view s) {
    Value v;
    v.type = ValueType::text;
    v.text_size = static_cast<std::uint32_t>(s.size());
    v.text_data = s.data();
    return v;
  }
  bool is_null() const { return type == ValueType::null; }
  bool truth() const { return type == ValueType::boolean && integer != 0; }

 private:
  static Value of_integer(ValueType type, std::int64_t i) {
    Value v;
    v.type = type;
    v.integer = i;
    return v;
  }
};
static_assert(sizeof(Value) == 16);

// Exact equality: same type, same bits (so NaN equals itself and 0.0 differs from -0.0).
bool operator==(const Value& a, const Value& b);

// The stored form of a list of values, docs/log-format.md "Values". Stored: never change.
// Encodes into `out` and returns the bytes written; `out` needs values_bytes_max(values).
std::size_t values_bytes_max(std::span<const Value> values);
std::size_t encode_values(std::span<const Value> values, std::span<std::byte> out);
// Decodes into `out`, which must be as long as the recorded list; texts point into `bytes`. False when
// `bytes` is not a whole encoding of exactly out.size() values.
bool decode_values(std::span<const std::byte> bytes, std::span<Value> out);

}  // namespace vigil::eventlog
