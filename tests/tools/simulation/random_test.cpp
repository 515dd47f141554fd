#include "tools/simulation/random.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace vigil::tools::simulation {
namespace {

TEST(RandomTest, TheFirstNumbersOfASeedNeverChange) {
  Random random(42);
  // splitmix64 of 42 as the state of xoshiro256**, computed by an independent program (Python).
  EXPECT_EQ(random.next(), 1546998764402558742ull);
  EXPECT_EQ(random.next(), 6990951692964543102ull);
  EXPECT_EQ(random.next(), 12544586762248559009ull);
}

TEST(RandomTest, DrawsStayInTheirBoundsAndReachThem) {
  Random random(7);
  std::array<int, 5> seen{};
  for (int n = 0; n < 1000; ++n) ++seen[static_cast<std::size_t>(random.between(10, 14) - 10)];
  for (const int count : seen) EXPECT_GT(count, 150);
}

TEST(RandomTest, WeightsDecideHowOftenAnIndexComes) {
  Random random(7);
  const std::vector<std::uint16_t> weights = {0, 1, 0, 3, 0};
  std::array<int, 5> seen{};
  for (int n = 0; n < 4000; ++n) ++seen[random.weighted(weights)];
  EXPECT_EQ(seen[0] + seen[2] + seen[4], 0);
  EXPECT_NEAR(seen[1], 1000, 120);
}

TEST(RandomTest, PowersOfTwoAreExactAtWholeExponentsAndCloseBetween) {
  EXPECT_EQ(exp2_q16(0), 65536);
  EXPECT_EQ(exp2_q16(3 * 65536), 8 * 65536);
  EXPECT_EQ(exp2_q16(-65536), 32768);
  EXPECT_NEAR(static_cast<double>(exp2_q16(32768)), 65536 * 1.41421356, 65536 * 1.41421356 * 0.003);
}

TEST(RandomTest, FactorsScatterAroundOneOnBothSides) {
  Random random(3);
  int above = 0;
  for (int n = 0; n < 2000; ++n) above += random.factor_q16(60'000) > 65536;
  EXPECT_NEAR(above, 1000, 120);
}

}  // namespace
}  // namespace vigil::tools::simulation
