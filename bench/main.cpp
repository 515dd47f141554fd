// vigil_bench: the figures of the README, each with its limit beside it.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "bench/report.h"

namespace vigil::bench {

void row(const std::string& what, const std::string& figure) {
  std::printf("| %s | %s |\n", what.c_str(), figure.c_str());
  std::fflush(stdout);
}

void heading(const std::string& text) { std::printf("\n### %s\n\n| what | figure |\n|---|---|\n", text.c_str()); }

std::string rate(double count, double seconds) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f k/s", count / seconds / 1000);
  return text;
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void give_up(const std::string& reason) {
  std::fprintf(stderr, "vigil_bench: %s\n", reason.c_str());
  std::_Exit(1);
}

namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

int run(int argc, char** argv) {
  Settings settings;
  settings.vigil = std::filesystem::canonical("/proc/self/exe").parent_path() / "vigil";
  settings.scratch = std::filesystem::current_path() / "bench-data";
  std::string_view only;  // one part
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--seconds" && i + 1 < argc) {
      settings.seconds = std::atof(argv[++i]);
    } else if (argument == "--scratch" && i + 1 < argc) {
      settings.scratch = argv[++i];
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else {
      std::printf(
          "vigil_bench [--seconds S] [--scratch DIR] [--only in_process|over_zeromq|verifying]\n\n"
          "Measures this build of Vigil beside the limits of the machine.\n"
          "Example:\n  build/vigil_bench --seconds 3 --scratch /var/tmp/vigil-bench\n");
      return argument == "--help" ? 0 : 2;
    }
  }
  if (settings.seconds <= 0) give_up("--seconds must be above zero");
  if (!only.empty() && only != "in_process" && only != "over_zeromq" && only != "verifying") {
    give_up("--only takes in_process, over_zeromq or verifying");
  }
  std::filesystem::create_directories(settings.scratch);
  std::printf("%s, %u cores\n", processor().c_str(), std::thread::hardware_concurrency());
  if (only == "in_process") {
    measure_in_process(settings);
  } else if (only == "verifying") {
    measure_verifying(settings);
  } else {
    const Limits limits = measure_limits(settings);
    if (only.empty()) {
      measure_in_process(settings);
      measure_verifying(settings);
    }
    measure_over_zeromq(settings, limits);
  }
  std::filesystem::remove_all(settings.scratch);
  return 0;
}

}  // namespace
}  // namespace vigil::bench

int main(int argc, char** argv) { return vigil::bench::run(argc, argv); }
