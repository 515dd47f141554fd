#include "commands/timestamp.h"

namespace vigil::commands {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible
// low-level date algorithms").
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}
static_assert(days_from_civil(1970, 1, 1) == 0 && days_from_civil(2000, 3, 1) == 11'017);

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Reads fixed-width numbers and marks from the front of a text; one miss and the rest is moot.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::int64_t digits(std::size_t count, std::int64_t low, std::int64_t high) {
    if (text_.size() < count) return miss();
    std::int64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return miss();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value < low || value > high ? miss() : value;
  }
  void one_of(std::string_view marks) {
    if (text_.empty() || marks.find(text_.front()) == marks.npos) {
      miss();
    } else {
      text_.remove_prefix(1);
    }
  }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool whole() const { return ok_ && text_.empty(); }
  std::int64_t miss() {
    ok_ = false;
    return 0;
  }

 private:
  std::string_view text_;
  bool ok_ = true;
};

std::int64_t fraction_us(Scanner& in) {
  if (in.peek() != '.') return 0;
  in.one_of(".");
  std::int64_t us = in.digits(1, 0, 9);
  for (int place = 1; place < 6; ++place) {
    const bool more = in.peek() >= '0' && in.peek() <= '9';
    us = us * 10 + (more ? in.digits(1, 0, 9) : 0);
  }
  return us;
}

std::int64_t zone_us(Scanner& in) {
  const char mark = in.peek();
  in.one_of("Zz+-");
  if (mark != '+' && mark != '-') return 0;
  const std::int64_t hours = in.digits(2, 0, 23);
  in.one_of(":");
  const std::int64_t us = (hours * 60 + in.digits(2, 0, 59)) * 60 * kSecondUs;
  return mark == '+' ? us : -us;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339_us(std::string_view text) {
  Scanner in(text);
  const std::int64_t year = in.digits(4, 0, 9999);
  in.one_of("-");
  const std::int64_t month = in.digits(2, 1, 12);
  in.one_of("-");
  const std::int64_t day = in.digits(2, 1, days_in_month(year, month));
  in.one_of("Tt ");
  const std::int64_t hour = in.digits(2, 0, 23);
  in.one_of(":");
  const std::int64_t minute = in.digits(2, 0, 59);
  in.one_of(":");
  const std::int64_t second = in.digits(2, 0, 59);
  const std::int64_t fraction = fraction_us(in);
  const std::int64_t zone = zone_us(in);
  if (!in.whole()) return std::nullopt;
  const std::int64_t seconds = days_from_civil(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second;
  const std::int64_t time_us = seconds * kSecondUs + fraction - zone;
  if (!is_event_time(time_us)) return std::nullopt;
  return time_us;
}

}  // namespace vigil::commands
