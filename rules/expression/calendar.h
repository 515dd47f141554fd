// Hour and weekday of an event time in UTC, by integer arithmetic: no locale, no time zone database.
#pragma once

#include <cstdint>

namespace vigil::rules {

inline constexpr std::int64_t kHourUs = 3'600'000'000;
inline constexpr std::int64_t kDayUs = 24 * kHourUs;

// Days since 1970-01-01, rounded towards the past.
constexpr std::int64_t utc_day(std::int64_t time_us) { return time_us / kDayUs - (time_us % kDayUs < 0 ? 1 : 0); }

// 0 – 23.
constexpr std::int64_t utc_hour(std::int64_t time_us) {
  const std::int64_t within_day = time_us % kDayUs;
  return (within_day < 0 ? within_day + kDayUs : within_day) / kHourUs;
}

// 1 (Monday) – 7 (Sunday). 1970-01-01 was a Thursday.
constexpr std::int64_t utc_weekday(std::int64_t time_us) {
  const std::int64_t since_monday = (utc_day(time_us) + 3) % 7;
  return (since_monday < 0 ? since_monday + 7 : since_monday) + 1;
}

}  // namespace vigil::rules
