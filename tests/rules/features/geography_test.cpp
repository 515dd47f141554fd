#include "rules/features/geography.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <random>

namespace vigil::rules::geography_test {
namespace {

using eventlog::Place;

constexpr Place kBerlin{525200000, 134050000};
constexpr Place kParis{488566000, 23522000};
constexpr Place kSydney{-338688000, 1512093000};

// The textbook haversine in long double, with the antipode handled as in the text books: not at all.
long double reference_km(Place a, Place b) {
  const long double radian = std::acos(-1.0L) / 180 / 1e7L;
  const long double p = a.latitude_e7 * radian, q = b.latitude_e7 * radian;
  const long double up = std::sin((p - q) / 2);
  const long double across = std::sin((static_cast<long double>(a.longitude_e7) - b.longitude_e7) * radian / 2);
  const long double h = up * up + std::cos(p) * std::cos(q) * across * across;
  return 2 * static_cast<long double>(kEarthRadiusKm) * std::asin(std::sqrt(std::min(1.0L, h)));
}

TEST(Geography, KnownDistances) {
  EXPECT_NEAR(distance_km(kBerlin, kParis), 877.46, 0.05);
  EXPECT_NEAR(distance_km(kParis, kSydney), 16960, 10);
  EXPECT_NEAR(distance_km(0, 0, 0, 1), kEarthRadiusKm * std::acos(-1.0) / 180, 1e-9);
}

TEST(Geography, EqualPlacesAreNoDistanceApart) { EXPECT_EQ(distance_km(kSydney, kSydney), 0.0); }

TEST(Geography, TheOrderOfThePlacesDoesNotMatter) {
  EXPECT_EQ(distance_km(kBerlin, kSydney), distance_km(kSydney, kBerlin));
}

TEST(Geography, AcrossTheDateLineIsShort) {
  EXPECT_NEAR(distance_km(0, 179.5, 0, -179.5), distance_km(0, -0.5, 0, 0.5), 1e-9);
}

TEST(Geography, PolesAndAntipodes) {
  const double half_way_round = kEarthRadiusKm * std::acos(-1.0);
  EXPECT_NEAR(distance_km(90, 0, -90, 77), half_way_round, 1e-8);
  EXPECT_NEAR(distance_km(0, 0, 0, 180), half_way_round, 1e-8);
  EXPECT_NEAR(distance_km(90, 10, 90, -120), 0, 1e-8);
}

TEST(Geography, AgreesWithLongDoubleMathsToABillionth) {
  std::mt19937_64 random(5);
  const auto within = [&](std::int64_t limit) {
    return static_cast<std::int32_t>(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * limit)) -
                                     limit);
  };
  for (int i = 0; i < 200'000; ++i) {
    const Place a{within(900'000'000), within(1'800'000'000)};
    // From a metre to the other side of the earth.
    const std::int64_t reach = std::int64_t{100} << random() % 24;
    Place b = a;
    b.latitude_e7 = static_cast<std::int32_t>(
        std::clamp<std::int64_t>(std::int64_t{a.latitude_e7} + within(reach), -900'000'000, 900'000'000));
    b.longitude_e7 = static_cast<std::int32_t>(
        std::clamp<std::int64_t>(std::int64_t{a.longitude_e7} + within(reach), -1'800'000'000, 1'800'000'000));
    const auto expected = static_cast<double>(reference_km(a, b));
    if (expected < 0.001 || expected > 20'000) continue;
    ASSERT_NEAR(distance_km(a, b) / expected, 1.0, 1e-9) << expected;
  }
}

}  // namespace
}  // namespace vigil::rules::geography_test
