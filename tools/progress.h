// How far a long piece of work has come: one changing line on a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::tools {

// Writes to stderr, so that stdout stays the result's. Not thread-safe. Says nothing until a moment has
// passed: short work needs no progress.
class Progress {
 public:
  // `what` is done ("ingesting"), `unit` is counted ("transactions").
  Progress(std::string what, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `count` units so far; `done` of `total` (in any measure, bytes for example) gives percent and time left;
  // total 0: unknown.
  void update(std::uint64_t count, std::uint64_t done, std::uint64_t total);
  // Removes the line from the terminal. Called by the destructor too.
  void finish();

  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_, unit_;
  bool terminal_;
  bool line_shown_ = false;
  Clock::time_point started_, next_;
};

// "1,234,567".
std::string grouped(std::uint64_t number);
// "850 ms", "12.3 s", "4 min 05 s".
std::string duration_text(double seconds);

}  // namespace vigil::tools
