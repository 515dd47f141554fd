#include "rules/expression/duration.h"

#include <array>
#include <utility>

namespace vigil::rules {

std::optional<std::int64_t> duration_unit_us(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kUnits{{
      {"us", 1},
      {"ms", 1'000},
      {"s", 1'000'000},
      {"m", 60'000'000},
      {"h", 3'600'000'000},
      {"d", 86'400'000'000},
      {"w", 604'800'000'000},
  }};
  for (const auto& [name, us] : kUnits) {
    if (name == unit) return us;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_duration_us(std::string_view text) {
  std::int64_t count = 0;
  std::size_t used = 0;
  for (; used < text.size(); ++used) {
    const char c = text[used];
    const bool between_digits = c == '_' && used > 0 && text[used - 1] != '_';
    if (between_digits) continue;
    if (c < '0' || c > '9') break;
    if (__builtin_mul_overflow(count, 10, &count) || __builtin_add_overflow(count, c - '0', &count)) {
      return std::nullopt;
    }
  }
  if (used == 0 || text[used - 1] == '_') return std::nullopt;
  const auto unit = duration_unit_us(text.substr(used));
  std::int64_t us = 0;
  if (!unit || __builtin_mul_overflow(count, *unit, &us)) return std::nullopt;
  return us;
}

}  // namespace vigil::rules
