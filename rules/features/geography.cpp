#include "rules/features/geography.h"

#include <cmath>

namespace vigil::rules {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kRadiansPerDegree = kPi / 180.0;

// Taylor series, Horner form. For |x| <= pi/4 the first omitted term is below 1e-13.
double sine_near_zero(double x) {
  const double z = x * x;
  const double tail =
      -1.0 / 6 +
      z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 + z * (-1.0 / 39916800 + z * (1.0 / 6227020800.0)))));
  return x + x * z * tail;
}

double cosine_near_zero(double x) {
  const double z = x * x;
  const double tail =
      -1.0 / 2 +
      z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800 +
                                                                z * (1.0 / 479001600 + z * (-1.0 / 87178291200.0))))));
  return 1.0 + z * tail;
}

// Reduction in degrees is exact enough to keep small angles and near-right angles accurate alike.
// Both want 0 <= degrees <= 90.
double sine_of_degrees(double degrees) {
  return degrees <= 45.0 ? sine_near_zero(degrees * kRadiansPerDegree)
                         : cosine_near_zero((90.0 - degrees) * kRadiansPerDegree);
}

double cosine_of_degrees(double degrees) { return sine_of_degrees(90.0 - degrees); }

// arctan of 0 <= t <= 1. Past tan(pi/8) it is pi/4 + arctan((t - 1) / (t + 1)); then |u| <= 0.4143 and the
// first omitted term is below 1e-14.
double arctangent(double t) {
  constexpr double kTanPi8 = 0.41421356237309503;
  const bool folded = t > kTanPi8;
  const double u = folded ? (t - 1.0) / (t + 1.0) : t;
  const double z = u * u;
  double tail = 0.0;
  for (int k = 31; k >= 3; k -= 2) tail = z * ((k % 4 == 1 ? 1.0 : -1.0) / k + tail);
  return (folded ? kPi / 4 : 0.0) + (u + u * tail);
}

double square(double x) { return x * x; }

// All arguments in degrees; the differences and the sum are taken by the caller, where they can be exact.
double distance_from(double latitude_a, double latitude_b, double latitude_difference, double latitude_sum,
                     double longitude_difference) {
  double across = std::fabs(longitude_difference);
  if (across > 180.0) across = 360.0 - across;
  const double parallels = cosine_of_degrees(std::fabs(latitude_a)) * cosine_of_degrees(std::fabs(latitude_b));
  // near = sin²(d/2) and far = cos²(d/2) of the angle d; far is the haversine to the antipode and is computed
  // on its own, since 1 − near has no correct digits left for places almost opposite.
  const double near =
      square(sine_of_degrees(std::fabs(latitude_difference) / 2)) + parallels * square(sine_of_degrees(across / 2));
  const double far =
      square(sine_of_degrees(std::fabs(latitude_sum) / 2)) + parallels * square(cosine_of_degrees(across / 2));
  if (near <= far) return 2 * kEarthRadiusKm * arctangent(std::sqrt(near / far));
  return kEarthRadiusKm * (kPi - 2 * arctangent(std::sqrt(far / near)));
}

}  // namespace

double distance_km(eventlog::Place a, eventlog::Place b) {
  constexpr double kPerDegree = 1e7;
  const std::int64_t latitude_difference = std::int64_t{a.latitude_e7} - b.latitude_e7;
  const std::int64_t latitude_sum = std::int64_t{a.latitude_e7} + b.latitude_e7;
  const std::int64_t longitude_difference = std::int64_t{a.longitude_e7} - b.longitude_e7;
  return distance_from(
      a.latitude_e7 / kPerDegree, b.latitude_e7 / kPerDegree, static_cast<double>(latitude_difference) / kPerDegree,
      static_cast<double>(latitude_sum) / kPerDegree, static_cast<double>(longitude_difference) / kPerDegree);
}

double distance_km(double latitude_a, double longitude_a, double latitude_b, double longitude_b) {
  return distance_from(latitude_a, latitude_b, latitude_a - latitude_b, latitude_a + latitude_b,
                       longitude_a - longitude_b);
}

}  // namespace vigil::rules
