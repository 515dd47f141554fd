// What each part of the benchmark measured, as printed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace vigil::bench {

inline constexpr std::int64_t kDayUs = 86'400ll * 1'000'000;

struct Settings {
  std::filesystem::path scratch;  // on the disk to be measured; emptied
  std::filesystem::path vigil;    // the executable under test
  double seconds = 8;             // of each throughput part
};

// One line of the table: what, figure.
void row(const std::string& what, const std::string& figure);
void heading(const std::string& text);
std::string rate(double count, double seconds);  // "123.4 k/s"
std::int64_t now_us();                           // steady
std::int64_t wall_us();                          // since 1970

// The parts. Each prints its rows; an operational failure ends the program with its reason.
[[noreturn]] void give_up(const std::string& reason);
struct Limits {
  double append_p50_us = 0;
  double round_trip_p50_us = 0;
};
Limits measure_limits(const Settings& settings);
void measure_in_process(const Settings& settings);
void measure_verifying(const Settings& settings);
void measure_over_zeromq(const Settings& settings, const Limits& limits);

}  // namespace vigil::bench
