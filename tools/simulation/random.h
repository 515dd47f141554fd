// The simulation's own chance: the same numbers from the same seed on every machine and with every compiler.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace vigil::tools::simulation {

// xoshiro256** 1.0 (D. Blackman, S. Vigna, 2018), seeded by splitmix64. All derived draws are integer
// arithmetic; neither libm nor the standard distributions (whose results are the library's choice) are used.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound); bound > 0. The bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high);
  bool chance_permille(std::uint32_t permille) { return below(1000) < permille; }
  // An index drawn with these weights; their sum must be positive.
  std::size_t weighted(std::span<const std::uint16_t> weights);
  // A log-normal-like factor around 1, in units of 1/65536. `spread` is the standard deviation of the base-2
  // logarithm in the same units (65536 doubles or halves at one sigma). The bell is the sum of 12 uniforms.
  std::int64_t factor_q16(std::int64_t spread_q16);

 private:
  std::array<std::uint64_t, 4> state_;
};

// A well-mixed number from a few small ones (splitmix64's finisher), for choices that must not depend on the
// order of draws: where somebody travels in week w, which shop is the favourite.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0);

// 2^(x / 65536) in units of 1/65536, within 0.3 %, for |x| up to 20 * 65536.
std::int64_t exp2_q16(std::int64_t x);

}  // namespace vigil::tools::simulation
