#include "rules/features/aggregates.h"

#include <array>

namespace vigil::rules {
namespace {

using enum Aggregate;
using enum ValueType;
using F = FieldUse;
using L = FilterUse;

constexpr std::array<AggregateTraits, 23> kAggregates{{
    {count, "count", integer, F::none, L::optional, true, true, false},
    {sum, "sum", integer, F::amount, L::optional, true, true, true},
    {mean, "mean", floating, F::amount, L::optional, true, true, true},
    {stddev, "stddev", floating, F::amount, L::optional, true, true, true},
    {min, "min", integer, F::amount, L::optional, true, true, true},
    {max, "max", integer, F::amount, L::optional, true, true, true},
    {distinct, "distinct", integer, F::number, L::optional, true, true, false},
    {ratio, "ratio", floating, F::none, L::required, true, true, false},
    {fraud_count, "fraud_count", integer, F::none, L::optional, true, true, false},
    {fraud_rate, "fraud_rate", floating, F::none, L::optional, true, true, false},
    {decline_count, "decline_count", integer, F::none, L::optional, true, true, false},
    {zscore, "zscore", floating, F::amount, L::optional, true, true, false},
    {seen_before, "seen_before", boolean, F::number, L::optional, true, true, false},
    {last, "last", text, F::number, L::none, false, false, false},
    {seconds_since_last, "seconds_since_last", floating, F::none, L::none, false, false, false},
    {distance_km_from_last, "distance_km_from_last", floating, F::none, L::none, false, false, false},
    {speed_kmh_from_last, "speed_kmh_from_last", floating, F::none, L::none, false, false, false},
    {distance_km_from_home, "distance_km_from_home", floating, F::none, L::none, false, false, false},
    {seconds_since_first_seen, "seconds_since_first_seen", floating, F::none, L::none, false, false, false},
    {lifetime_count, "lifetime_count", integer, F::none, L::none, false, true, false},
    {lifetime_mean, "lifetime_mean", floating, F::none, L::none, false, true, false},
    {lifetime_zscore, "lifetime_zscore", floating, F::none, L::none, false, true, false},
    {expression, "expression", null, F::none, L::none, false, false, false},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kAggregates.size(); ++i) {
    if (static_cast<std::size_t>(kAggregates[i].aggregate) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const AggregateTraits> all_aggregates() { return kAggregates; }

const AggregateTraits& traits_of(Aggregate aggregate) { return kAggregates[static_cast<std::size_t>(aggregate)]; }

const AggregateTraits* find_aggregate(std::string_view name) {
  for (const AggregateTraits& traits : kAggregates) {
    if (traits.name == name) return &traits;
  }
  return nullptr;
}

}  // namespace vigil::rules
