// Distances on the sphere, computed from +, −, ×, ÷ and sqrt alone so that every machine gets the same bits.
#pragma once

#include "eventlog/schema/transaction.h"

namespace vigil::rules {

inline constexpr double kEarthRadiusKm = 6371.0088;  // IUGG mean radius

// Great-circle distance by the haversine formula (R. W. Sinnott, Sky & Telescope 68, 1984).
// Relative error below 1e-9 for distances over a metre; 0 for equal places. libm's sin and cos are not used:
// their last bits differ between machines.
double distance_km(eventlog::Place a, eventlog::Place b);
// The same for degrees; callers guarantee |latitude| <= 90, |longitude| <= 180.
double distance_km(double latitude_a, double longitude_a, double latitude_b, double longitude_b);

}  // namespace vigil::rules
