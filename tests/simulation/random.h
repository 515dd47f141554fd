// The one source of chance of a simulated run.
#pragma once

#include <cstdint>

namespace vigil::simulation {

// Not thread-safe. The same seed gives the same numbers (SplitMix64, Steele, Lea and Flood, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0 … limit-1; `limit` is at least 1.
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  // from … to, both included.
  std::uint64_t between(std::uint64_t from, std::uint64_t to) { return from + below(to - from + 1); }
  bool per_mille(std::uint64_t chance) { return below(1000) < chance; }
  bool coin() { return (next() & 1) != 0; }

 private:
  std::uint64_t state_;
};

}  // namespace vigil::simulation
