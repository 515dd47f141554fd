#include "commands/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace vigil::commands {
namespace {

// Longer texts are no numbers of this world; the limit also bounds the buffer an exponent is applied in.
constexpr std::size_t kDecimalBytesMax = 64;
constexpr int kExponentMax = 40;

enum class Rounding { none, half_away };

Decimal fault(DecimalFault what) { return {0, what}; }

// The digits left and right of the point.
struct Plain {
  std::string_view whole, decimals;
};

std::optional<Plain> split(std::string_view digits) {
  const auto point = digits.find('.');
  Plain plain{digits.substr(0, point), {}};
  if (point != digits.npos) plain.decimals = digits.substr(point + 1);
  if (plain.whole.empty() && plain.decimals.empty()) return std::nullopt;
  const auto all_digits = [](std::string_view text) { return std::ranges::all_of(text, is_digit); };
  if (!all_digits(plain.whole) || !all_digits(plain.decimals)) return std::nullopt;
  return plain;
}

Decimal scale_up(const Plain& plain, bool negative, int scale, Rounding rounding) {
  std::uint64_t value = 0, round_up = 0;
  const auto append = [&value](char digit) {
    return !__builtin_mul_overflow(value, 10u, &value) &&
           !__builtin_add_overflow(value, static_cast<unsigned>(digit - '0'), &value);
  };
  for (char digit : plain.whole) {
    if (!append(digit)) return fault(DecimalFault::too_large);
  }
  const auto kept = std::min<std::size_t>(plain.decimals.size(), static_cast<std::size_t>(scale));
  for (std::size_t i = 0; i < static_cast<std::size_t>(scale); ++i) {
    if (!append(i < kept ? plain.decimals[i] : '0')) return fault(DecimalFault::too_large);
  }
  const std::string_view dropped = plain.decimals.substr(kept);
  if (rounding == Rounding::none) {
    if (dropped.find_first_not_of('0') != dropped.npos) return fault(DecimalFault::too_many_decimals);
  } else if (!dropped.empty() && dropped.front() >= '5') {
    round_up = 1;
  }
  // Compared before it is rounded: 2^64 − 1 would become 0.
  if (value > static_cast<std::uint64_t>(INT64_MAX) - round_up) return fault(DecimalFault::too_large);
  const auto magnitude = static_cast<std::int64_t>(value + round_up);
  return {negative ? -magnitude : magnitude, DecimalFault::none};
}

// Moves the point of `plain` by `exponent` places, in `buffer`.
Plain shift(const Plain& plain, int exponent, std::array<char, kDecimalBytesMax + 2 * kExponentMax>& buffer) {
  char* end = buffer.data();
  const auto zeros = [&end](int count) { end = std::fill_n(end, std::max(count, 0), '0'); };
  zeros(-exponent - static_cast<int>(plain.whole.size()));
  end = std::ranges::copy(plain.whole, end).out;
  end = std::ranges::copy(plain.decimals, end).out;
  zeros(exponent - static_cast<int>(plain.decimals.size()));
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const int leading = std::max(-exponent - static_cast<int>(plain.whole.size()), 0);
  const auto point = static_cast<std::size_t>(leading + static_cast<int>(plain.whole.size()) + exponent);
  return {digits.substr(0, point), digits.substr(point)};
}

Decimal parse(std::string_view text, int scale, Rounding rounding) {
  if (text.empty() || text.size() > kDecimalBytesMax) return fault(DecimalFault::not_a_number);
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  const auto exponent_at = text.find_first_of("eE");
  const auto plain = split(text.substr(0, exponent_at));
  if (!plain) return fault(DecimalFault::not_a_number);
  if (exponent_at == text.npos) return scale_up(*plain, negative, scale, rounding);

  std::string_view power = text.substr(exponent_at + 1);
  if (power.starts_with('+') && power.size() > 1 && is_digit(power[1])) power.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (error == std::errc::invalid_argument || end != power.data() + power.size()) {
    return fault(DecimalFault::not_a_number);
  }
  if (error != std::errc{} || exponent > kExponentMax || exponent < -kExponentMax) {
    return fault(DecimalFault::too_large);
  }
  std::array<char, kDecimalBytesMax + 2 * kExponentMax> buffer;
  return scale_up(shift(*plain, exponent, buffer), negative, scale, rounding);
}

}  // namespace

std::string_view text(DecimalFault fault) {
  switch (fault) {
    case DecimalFault::none: return "is a number";
    case DecimalFault::not_a_number: return "is not a number";
    case DecimalFault::too_large: return "is too large";
    case DecimalFault::too_many_decimals: return "has too many decimals";
  }
  return "";
}

Decimal parse_decimal_exact(std::string_view text, int scale) { return parse(text, scale, Rounding::none); }

Decimal parse_decimal_rounded(std::string_view text, int scale) { return parse(text, scale, Rounding::half_away); }

}  // namespace vigil::commands
