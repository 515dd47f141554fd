#include "tools/progress.h"

#include <unistd.h>

#include <cstdio>

namespace vigil::tools {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kTerminalPeriod{200};
constexpr milliseconds kPlainPeriod{5000};

}  // namespace

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      started_(Clock::now()),
      next_(started_ + (terminal_ ? kTerminalPeriod : kPlainPeriod)) {}

Progress::~Progress() { finish(); }

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

void Progress::update(std::uint64_t count, std::uint64_t done, std::uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? kTerminalPeriod : kPlainPeriod);
  const double elapsed = seconds();
  std::string line = what_ + ": " + grouped(count) + " " + unit_ + ", " +
                     grouped(static_cast<std::uint64_t>(static_cast<double>(count) / elapsed)) + "/s";
  if (total > 0 && done > 0) {
    const double share = static_cast<double>(done) / static_cast<double>(total);
    char percent[16];
    std::snprintf(percent, sizeof percent, ", %.0f %%", 100 * share);
    line += percent;
    if (share < 1) line += ", " + duration_text(elapsed * (1 - share) / share) + " left";
  }
  std::fprintf(stderr, terminal_ ? "\r\x1b[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  line_shown_ = true;
}

void Progress::finish() {
  if (terminal_ && line_shown_) std::fputs("\r\x1b[K", stderr);
  line_shown_ = false;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string duration_text(double seconds) {
  char text[48];
  if (seconds < 1) {
    std::snprintf(text, sizeof text, "%.0f ms", seconds * 1000);
  } else if (seconds < 90) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else {
    const auto whole = static_cast<long long>(seconds + 0.5);
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace vigil::tools
