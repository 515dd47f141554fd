#include <gtest/gtest.h>

#include "tests/simulation/run.h"

namespace vigil::simulation {
namespace {

TEST(Simulation, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunResult first = run_seed(seed), again = run_seed(seed, true);
    EXPECT_EQ(first.fingerprint, again.fingerprint) << seed;
    EXPECT_EQ(first.counts.positions, again.counts.positions) << seed;
    EXPECT_FALSE(again.trace.empty());
  }
}

TEST(Simulation, NoSeedBreaksAPromise) {
  RunResult::Counts sum;
  for (std::uint64_t seed = 1; seed <= VIGIL_SIMULATION_SEEDS; ++seed) {
    const RunResult result = run_seed(seed);
    ASSERT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation
                                   << "\nsee it again with: ./run simulate --seed " << seed;
    sum.add(result.counts);
  }
  // The faults do happen.
  EXPECT_GT(sum.acknowledged, VIGIL_SIMULATION_SEEDS);
  EXPECT_GT(sum.power_cuts, VIGIL_SIMULATION_SEEDS / 4);
  EXPECT_GT(sum.torn_tails, VIGIL_SIMULATION_SEEDS / 50);
  EXPECT_GT(sum.segments, sum.power_cuts / 2);
  EXPECT_GT(sum.poisoned, VIGIL_SIMULATION_SEEDS / 50);
  EXPECT_GT(sum.from_images, VIGIL_SIMULATION_SEEDS / 50);
}

}  // namespace
}  // namespace vigil::simulation
