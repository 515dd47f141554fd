// Values for every symbol, chosen by a seed: what expressions may meet, nulls and extremes included.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rules/expression/expression.h"

namespace vigil::fuzz {

inline rules::Value any_value(rules::ValueType type, std::uint64_t bits) {
  using rules::Value;
  static constexpr std::array<std::int64_t, 8> kIntegers = {
      0, 1, -1, 100, 86'400'000'000, INT64_MAX, INT64_MIN, 1'700'000'000'000'000};
  static constexpr std::array<double, 8> kFloatings = {
      0.0,  -0.0, 0.5, -1.5, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(),
      180.0};
  static constexpr std::array<std::string_view, 8> kTexts = {"",       "a",           "EUR",     "FR",
                                                             "online", "customer-17", "blocked", "\xC3\xA9"};
  if (bits % 5 == 0) return Value::null();
  const std::size_t which = bits / 5 % 8;
  switch (type) {
    case rules::ValueType::null: return Value::null();
    case rules::ValueType::boolean: return Value::boolean(which % 2 == 0);
    case rules::ValueType::integer: return Value::of(kIntegers[which]);
    case rules::ValueType::floating: return Value::of(kFloatings[which]);
    case rules::ValueType::text: return Value::of(kTexts[which]);
  }
  return Value::null();
}

inline std::vector<rules::Value> any_slots(const rules::Symbols& symbols, std::uint64_t seed) {
  std::size_t count = 0;
  for (const rules::Symbol& symbol : symbols) count = symbol.slot >= count ? symbol.slot + 1 : count;
  std::vector<rules::Value> slots(count);
  for (const rules::Symbol& symbol : symbols) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    slots[symbol.slot] = any_value(symbol.type, seed >> 33);
  }
  return slots;
}

}  // namespace vigil::fuzz
