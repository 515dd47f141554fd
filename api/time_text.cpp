#include "api/time_text.h"

#include <chrono>

#include "commands/timestamp.h"

namespace vigil::api {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

void append_digits(std::string& out, std::int64_t number, int width) {
  char digits[20];
  for (int i = width - 1; i >= 0; --i, number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

}  // namespace

void append_time(std::string& out, std::int64_t micros) {
  std::int64_t day = micros / kMicrosPerDay, rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --day;
  }
  const std::chrono::year_month_day date{sys_days(days(day))};
  append_digits(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_digits(out, rest / (3600 * kMicrosPerSecond), 2);
  out += ':';
  append_digits(out, rest / (60 * kMicrosPerSecond) % 60, 2);
  out += ':';
  append_digits(out, rest / kMicrosPerSecond % 60, 2);
  out += '.';
  append_digits(out, rest % kMicrosPerSecond, 6);
  out += 'Z';
}

std::string time_text(std::int64_t micros) {
  std::string text;
  append_time(text, micros);
  return text;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  constexpr std::size_t kDateBytes = 10;  // "2026-03-01"
  if (text.size() == kDateBytes) return commands::parse_rfc3339_us(std::string(text) + "T00:00:00Z");
  return commands::parse_rfc3339_us(text);
}

}  // namespace vigil::api
