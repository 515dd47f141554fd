// Points in time as people and machines write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vigil::commands {

// Event times lie between 1970-01-01 and the end of the year 9999, in microseconds since 1970-01-01 UTC.
inline constexpr std::int64_t kEventTimeUsMax = 253'402'300'799'999'999;
constexpr bool is_event_time(std::int64_t time_us) { return time_us >= 0 && time_us <= kEventTimeUsMax; }

// RFC 3339 with a zone ("2024-05-01T12:34:56.123456Z", "2024-05-01 14:34:56+02:00"), at most six digits of
// fraction, no leap second. Microseconds since 1970-01-01 UTC; nothing when it is not that, or is out of the
// range above.
std::optional<std::int64_t> parse_rfc3339_us(std::string_view text);

}  // namespace vigil::commands
