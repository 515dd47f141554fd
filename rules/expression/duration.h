// Lengths of time as people write them: "90s", "10m", "24h", "30d".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vigil::rules {

// Microseconds of a duration unit (us, ms, s, m, h, d, w); nothing for another word.
std::optional<std::int64_t> duration_unit_us(std::string_view unit);

// Digits (with `_` between them) directly followed by a unit. Nothing when it is not that, or does not fit
// into 64 bits.
std::optional<std::int64_t> parse_duration_us(std::string_view text);

}  // namespace vigil::rules
