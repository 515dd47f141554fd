// Decimal texts as integers of a fixed scale: exact, without floating point.
#pragma once

#include <cstdint>
#include <string_view>

namespace vigil::commands {

enum class DecimalFault : std::uint8_t {
  none,
  not_a_number,
  too_large,          // does not fit into 64 bits at that scale
  too_many_decimals,  // only from parse_decimal_exact
};
std::string_view text(DecimalFault fault);  // "is not a number" …

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Decimal {
  std::int64_t value = 0;  // the number times 10^scale, when `fault` is none
  DecimalFault fault = DecimalFault::none;
};

// `text` is [+-] digits [. digits] [e [+-] digits], with a digit before or after the point; 0 ≤ scale ≤ 9.
// Decimals beyond the scale must be zeros.
Decimal parse_decimal_exact(std::string_view text, int scale);
// The nearest value, halves away from zero.
Decimal parse_decimal_rounded(std::string_view text, int scale);

}  // namespace vigil::commands
