#include "rules/features/lifetime.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>

namespace vigil::rules::lifetime_test {
namespace {

using eventlog::EventTime;
using eventlog::LabelKind;

eventlog::TransactionDecided paid(std::int64_t time_us, std::int64_t amount) {
  eventlog::TransactionDecided event;
  event.transaction.event_time = EventTime{time_us};
  event.amount_base_minor = amount;
  return event;
}

eventlog::LabelReported labelled(LabelKind kind) {
  eventlog::LabelReported event;
  event.kind = kind;
  return event;
}

TEST(Lifetime, NothingSeenHasNoMeanAndNoDeviation) {
  EXPECT_EQ(Lifetime{}.mean(), 0.0);
  EXPECT_EQ(Lifetime{}.standard_deviation(), 0.0);
}

TEST(Lifetime, MeanAndDeviationOfAmounts) {
  Lifetime lifetime;
  for (std::int64_t amount : {200, 400, 400, 400, 500, 500, 700, 900}) lifetime.apply(paid(1, amount));
  EXPECT_EQ(lifetime.mean(), 500.0);
  EXPECT_EQ(lifetime.standard_deviation(), 200.0);
}

TEST(Lifetime, FirstAndLastFollowEventTimeNotArrival) {
  Lifetime lifetime;
  lifetime.apply(paid(500, 1));
  lifetime.apply(paid(900, 1));
  lifetime.apply(paid(100, 1));
  EXPECT_EQ(lifetime.first_seen, EventTime{100});
  EXPECT_EQ(lifetime.last_seen, EventTime{900});
}

TEST(Lifetime, AnEarlierPlaceDoesNotBecomeTheNewestAndALaterArrivalAtTheSameTimeDoes) {
  Lifetime lifetime;
  auto event = paid(500, 1);
  event.transaction.place = eventlog::Place{1, 1};
  lifetime.apply(event);
  event = paid(400, 1);
  event.transaction.place = eventlog::Place{2, 2};
  lifetime.apply(event);
  EXPECT_EQ(lifetime.last_place, (eventlog::Place{1, 1}));
  lifetime.apply(paid(600, 1));
  EXPECT_EQ(lifetime.last_place, (eventlog::Place{1, 1})) << "a payment without a place keeps the place";
  event.transaction.event_time = EventTime{500};
  event.transaction.place = eventlog::Place{3, 3};
  lifetime.apply(event);
  EXPECT_EQ(lifetime.last_place, (eventlog::Place{3, 3}));
}

TEST(Lifetime, CorrectedLabelsTakeFraudsBack) {
  Lifetime lifetime;
  lifetime.apply(labelled(LabelKind::fraud));
  lifetime.apply(labelled(LabelKind::genuine));
  EXPECT_EQ(lifetime.frauds, 1u);
  auto correction = labelled(LabelKind::chargeback);
  correction.corrects = true;
  correction.corrected_kind = LabelKind::fraud;
  lifetime.apply(correction);
  EXPECT_EQ(lifetime.frauds, 1u) << "a chargeback of a fraud is the same fraud";
  correction.kind = LabelKind::genuine;
  correction.corrected_kind = LabelKind::chargeback;
  lifetime.apply(correction);
  EXPECT_EQ(lifetime.frauds, 0u);
}

TEST(Lifetime, DeclinesAreCounted) {
  Lifetime lifetime;
  auto event = paid(1, 1);
  event.outcome = eventlog::Outcome::decline;
  lifetime.apply(event);
  lifetime.apply(paid(2, 1));
  EXPECT_EQ(lifetime.declined, 1u);
  EXPECT_EQ(lifetime.transactions, 2u);
}

TEST(Mean, IsTheNearestDoubleEvenForSumsBeyond53Bits) {
  // 2^53 + 1 is no double; its third is exact in integers: 3002399751580331.
  EXPECT_EQ(mean_of(9007199254740993, 3), 3002399751580331.0);
  EXPECT_EQ(mean_of(-9007199254740993, 3), -3002399751580331.0);
  EXPECT_EQ(mean_of(std::numeric_limits<std::int64_t>::max(), 1), 9223372036854775807.0);
  EXPECT_EQ(mean_of(1, 3), 1.0 / 3);
  EXPECT_EQ(mean_of(5, 0), 0.0);
}

TEST(Deviation, ManyOfTheLargestAmountsDoNotOverflow) {
  const std::int64_t amount = eventlog::kAmountBaseMinorMax;
  const std::uint64_t count = 8'000'000;
  const auto square = static_cast<unsigned __int128>(amount) * static_cast<unsigned __int128>(amount);
  EXPECT_EQ(standard_deviation_of(amount * static_cast<std::int64_t>(count), square * count, count), 0.0);
}

// 2^25 payments, half of 1000 and half of 2^36 more: n·Σx² needs more than 128 bits.
TEST(Deviation, BeyondWhat128BitsHoldItIsStillClose) {
  const std::uint64_t half = std::uint64_t{1} << 24;
  const std::int64_t low = 1000, high = low + (std::int64_t{1} << 38);
  const auto squared = [](std::int64_t x) {
    return static_cast<unsigned __int128>(x) * static_cast<unsigned __int128>(x);
  };
  const double deviation = standard_deviation_of(static_cast<std::int64_t>(half) * (low + high),
                                                 half * squared(low) + half * squared(high), 2 * half);
  EXPECT_NEAR(deviation / static_cast<double>(std::int64_t{1} << 37), 1.0, 1e-12);
}

}  // namespace
}  // namespace vigil::rules::lifetime_test
