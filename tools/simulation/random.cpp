#include "tools/simulation/random.h"

#include <bit>
#include <numeric>

namespace vigil::tools::simulation {
namespace {

std::uint64_t finished(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ull;

}  // namespace

Random::Random(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) word = finished(seed += kGolden);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
}

std::size_t Random::weighted(std::span<const std::uint16_t> weights) {
  std::uint64_t left = below(std::accumulate(weights.begin(), weights.end(), std::uint64_t{0}));
  std::size_t index = 0;
  while (left >= weights[index]) left -= weights[index++];
  return index;
}

std::int64_t Random::factor_q16(std::int64_t spread_q16) {
  // Twelve uniforms of variance 1/12 sum to variance 1; four fit in each draw.
  std::int64_t bell = -6 * 65536;
  for (int draw = 0; draw < 3; ++draw) {
    for (std::uint64_t bits = next(), part = 0; part < 4; ++part, bits >>= 16) {
      bell += static_cast<std::int64_t>(bits & 0xffff);
    }
  }
  return exp2_q16(bell * spread_q16 / 65536);
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return finished(finished(finished(a + kGolden) + b + kGolden) + c + kGolden);
}

std::int64_t exp2_q16(std::int64_t x) {
  const std::int64_t whole = x >> 16;
  const std::int64_t part = x & 0xffff;
  // 2^f = 1 + f (0.6565 + 0.3435 f) on [0, 1).
  const std::int64_t mantissa = 65536 + ((part * (43024 + ((22512 * part) >> 16))) >> 16);
  return whole >= 0 ? mantissa << whole : mantissa >> -whole;
}

}  // namespace vigil::tools::simulation
