// One simulated life of a log: several boots on one hostile disk, from one seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vigil::simulation {

struct RunResult {
  std::optional<std::string> violation;  // the first broken promise
  std::vector<std::string> trace;        // the calls that led to it, when asked for
  std::uint64_t fingerprint = 0;         // of all that happened: the same seed gives the same

  struct Counts {
    std::uint64_t boots = 0, requests = 0, acknowledged = 0, positions = 0, segments = 0;
    std::uint64_t power_cuts = 0, kills = 0, poisoned = 0, torn_tails = 0, damages = 0, refusals = 0, tails_lost = 0;
    std::uint64_t from_images = 0;  // boots that began from an image of the state
    void add(const Counts& other);
  };
  Counts counts;
};

// Not for several threads at once. The same seed gives the same run, with or without its trace.
RunResult run_seed(std::uint64_t seed, bool trace = false);

}  // namespace vigil::simulation
