#include "rules/features/decision_state.h"

#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "rules/expression/transaction_fields.h"

namespace vigil::rules::decision_state_test {
namespace {

using eventlog::Address;
using eventlog::EventTime;
using eventlog::Place;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kNoon = 1'700'000'000 * kSecond;

Catalogue parsed(const std::string& toml) {
  auto catalogue = Catalogue::parse(toml, "test.toml");
  if (!catalogue) throw std::runtime_error(catalogue.error().text);
  return std::move(*catalogue);
}

// A payment with what the tests vary; the rest is the same for all.
struct Payment {
  std::int64_t at_us = kNoon;
  std::string customer = "ann";
  std::string merchant = "shop";
  std::string device = "";
  std::int64_t amount = 1000;
  std::string category = "food";
  std::string country = "DE";
  std::optional<Place> place = std::nullopt;
  bool declined = false;
  std::string id = "t";
};

class Ledger {
 public:
  explicit Ledger(const std::string& toml, std::int64_t lateness_us = kDay)
      : catalogue_(parsed(toml)), state_(catalogue_, lateness_us), slots_(kTransactionFields) {}

  // The only feature's value for a payment that is not applied.
  Value see(const Payment& payment) {
    const auto event = decided(payment);
    std::vector<Value> values(catalogue_.size());
    fill_transaction_fields(event.transaction, event.amount_base_minor, slots_);
    state_.observe(event.transaction, event.amount_base_minor, slots_, values);
    return values[0];
  }
  void pay(const Payment& payment) { state_.apply(decided(payment), Address{address_ += 8}); }
  void label(const Payment& payment, eventlog::LabelKind kind) {
    state_.apply(labelled(payment, kind), Address{address_ += 8});
  }
  void correct(const Payment& payment, eventlog::LabelKind from, eventlog::LabelKind to) {
    auto event = labelled(payment, to);
    event.corrects = true;
    event.corrected_kind = from;
    state_.apply(event, Address{address_ += 8});
  }
  DecisionState& state() { return state_; }

 private:
  static eventlog::TransactionDecided decided(const Payment& payment) {
    eventlog::TransactionDecided event;
    eventlog::Transaction& transaction = event.transaction;
    transaction.id = payment.id;
    transaction.event_time = EventTime{payment.at_us};
    transaction.customer_id = payment.customer;
    transaction.merchant_id = payment.merchant;
    transaction.device_id = payment.device;
    transaction.amount = {payment.amount, *eventlog::Code::parse("EUR")};
    transaction.category = payment.category;
    transaction.country = eventlog::Code::parse(payment.country).value_or(eventlog::Code{});
    transaction.place = payment.place;
    event.amount_base_minor = payment.amount;
    event.outcome = payment.declined ? eventlog::Outcome::decline : eventlog::Outcome::approve;
    return event;
  }
  static eventlog::LabelReported labelled(const Payment& payment, eventlog::LabelKind kind) {
    eventlog::LabelReported event;
    event.transaction_id = payment.id;
    event.kind = kind;
    event.customer_id = payment.customer;
    event.merchant_id = payment.merchant;
    event.device_id = payment.device;
    event.transaction_time = EventTime{payment.at_us};
    event.amount_base_minor = payment.amount;
    return event;
  }

  Catalogue catalogue_;
  DecisionState state_;
  std::vector<Value> slots_;
  std::uint64_t address_ = 0;
};

std::string of(const std::string& entity, const std::string& lines) {
  return "[[feature]]\nname = \"f\"\nentity = \"" + entity + "\"\n" + lines + "\n";
}
const std::string kCountHour = of("customer", "aggregate = \"count\"\nwindow = \"1h\"");

TEST(Window, TheOlderEdgeIsOutsideAndTheNewerInside) {
  Ledger ledger(of("customer", "aggregate = \"count\"\nwindow = \"1h\"\nexclude_current = true"));
  ledger.pay({.at_us = kNoon});
  EXPECT_EQ(ledger.see({.at_us = kNoon}), Value::of(std::int64_t{1}));
  EXPECT_EQ(ledger.see({.at_us = kNoon + 3600 * kSecond - 1}), Value::of(std::int64_t{1}));
  EXPECT_EQ(ledger.see({.at_us = kNoon + 3600 * kSecond}), Value::of(std::int64_t{0}));
  EXPECT_EQ(ledger.see({.at_us = kNoon - 1}), Value::of(std::int64_t{0}));
}

TEST(Window, TheDelayMovesBothEdges) {
  Ledger ledger(of("merchant", "aggregate = \"count\"\nwindow = \"1h\"\ndelay = \"7d\""));
  ledger.pay({.at_us = kNoon});
  EXPECT_EQ(ledger.see({.at_us = kNoon + 7 * kDay - 1}), Value::of(std::int64_t{0}));
  EXPECT_EQ(ledger.see({.at_us = kNoon + 7 * kDay}), Value::of(std::int64_t{1}));
  EXPECT_EQ(ledger.see({.at_us = kNoon + 7 * kDay + 3600 * kSecond}), Value::of(std::int64_t{0}));
}

TEST(Window, LateTransactionCountsFromTheMomentItIsKnown) {
  Ledger ledger(kCountHour);
  ledger.pay({.at_us = kNoon});
  EXPECT_EQ(ledger.see({.at_us = kNoon + kSecond}), Value::of(std::int64_t{2}));
  ledger.pay({.at_us = kNoon - 60 * kSecond});
  EXPECT_EQ(ledger.see({.at_us = kNoon + kSecond}), Value::of(std::int64_t{3}));
}

TEST(Window, ObservingLeavesNoTrace) {
  Ledger ledger(kCountHour);
  ledger.pay({});
  const std::uint64_t before = ledger.state().digest();
  ledger.see({.at_us = kNoon + 5 * kDay, .customer = "bob"});
  ledger.see({.at_us = kNoon - 1});
  EXPECT_EQ(ledger.state().digest(), before);
  EXPECT_EQ(ledger.state().memory().customers, 1u);
}

TEST(Window, WhatIsBeyondReachAndLatenessIsForgottenWhetherTouchedOrNot) {
  Ledger ledger(of("customer", "aggregate = \"count\"\nwindow = \"1h\"\nexclude_current = true"));
  ledger.pay({.customer = "ann"});
  ledger.pay({.at_us = kNoon + kDay + 3600 * kSecond, .customer = "bob"});
  EXPECT_EQ(ledger.see({.customer = "ann"}), Value::of(std::int64_t{0}));
}

TEST(Window, ATimeBeyondTheHorizonCountsInTheLifetimeOnly) {
  Ledger ledger(of("customer", "aggregate = \"lifetime_count\"\nexclude_current = true") +
                "[[feature]]\nname = \"g\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"1h\"\n");
  ledger.pay({.at_us = kNoon});
  ledger.pay({.at_us = kNoon - 3 * kDay});
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{2}));
  EXPECT_EQ(ledger.state().memory().window_entries, 1u);
}

// Event times are kept modulo 8.9 years: a customer silent for that long must not find its old payments new.
TEST(Window, SilenceOfYearsBringsNothingBack) {
  Ledger ledger(of("customer", "aggregate = \"count\"\nwindow = \"1h\"\nexclude_current = true"));
  constexpr std::int64_t kWrap = std::int64_t{1} << 48;
  ledger.pay({.at_us = kNoon});
  ledger.pay({.at_us = kNoon + kWrap, .customer = "bob"});
  EXPECT_EQ(ledger.see({.at_us = kNoon + kWrap}), Value::of(std::int64_t{0}));
  ledger.pay({.at_us = kNoon + kWrap});
  EXPECT_EQ(ledger.see({.at_us = kNoon + kWrap}), Value::of(std::int64_t{1}));
}

// Two payments, then nothing for a wrap and so long that the second would look recent. `looked` a month later, when
// both were forgotten, or never.
void fall_silent(Ledger& ledger, bool looked) {
  ledger.pay({.at_us = kNoon});
  ledger.pay({.at_us = kNoon + kDay});
  ledger.pay({.at_us = kNoon + 30 * kDay, .customer = "bob"});
  if (looked) ledger.see({.at_us = kNoon + 30 * kDay});
  ledger.pay({.at_us = kNoon + (std::int64_t{1} << 48) + 8 * kDay + kDay / 2, .customer = "bob"});
}
const std::string kCategoriesWeek =
    of("customer", "aggregate = \"distinct\"\nfield = \"category\"\nwindow = \"7d\"\nexclude_current = true");
const Payment kAwake{.at_us = kNoon + (std::int64_t{1} << 48) + 7 * kDay + kDay / 2};

TEST(Window, NothingOfASilenceOfAWrapAndAWeekLooksRecent) {
  Ledger looked(kCategoriesWeek), left_alone(kCategoriesWeek);
  fall_silent(looked, true);
  fall_silent(left_alone, false);
  EXPECT_EQ(left_alone.state().digest(), looked.state().digest());
  EXPECT_EQ(left_alone.see(kAwake), Value::of(std::int64_t{0}));
  left_alone.pay(kAwake);
  looked.pay(kAwake);
  EXPECT_EQ(left_alone.see(kAwake), Value::of(std::int64_t{1}));
  EXPECT_EQ(left_alone.state().digest(), looked.state().digest());
}

TEST(Window, NothingOfALongSilenceComesBackWithAPaymentAlone) {
  Ledger looked(kCategoriesWeek), left_alone(kCategoriesWeek);
  fall_silent(looked, true);
  fall_silent(left_alone, false);
  looked.pay(kAwake);
  left_alone.pay(kAwake);
  EXPECT_EQ(left_alone.state().memory().window_entries, 2u);
  EXPECT_EQ(left_alone.state().digest(), looked.state().digest());
}

TEST(Window, NothingOfALongSilenceComesBackWithWiderColumns) {
  Ledger looked(kCategoriesWeek), left_alone(kCategoriesWeek);
  for (Ledger* ledger : {&looked, &left_alone}) {
    fall_silent(*ledger, ledger == &looked);
    for (int i = 0; i < 66'000; ++i) {
      ledger->pay({.at_us = kAwake.at_us, .customer = "bob", .category = "k" + std::to_string(i)});
    }
  }
  EXPECT_EQ(left_alone.state().digest(), looked.state().digest());
  EXPECT_EQ(left_alone.see(kAwake), Value::of(std::int64_t{0}));
}

TEST(Window, NothingOfALongSilenceComesBackFromAnImage) {
  Ledger left_alone(kCategoriesWeek);
  fall_silent(left_alone, false);
  Ledger restored(kCategoriesWeek);
  restored.state().restore_stream_time(left_alone.state().stream_time());
  SavedSoFar saved;
  while (true) {
    eventlog::Piece piece;
    if (!left_alone.state().save(saved, 100, piece)) break;
    ASSERT_TRUE(restored.state().restore(piece.view()));
  }
  EXPECT_EQ(restored.state().memory().window_entries, 1u);
  EXPECT_EQ(restored.state().digest(), left_alone.state().digest());
  EXPECT_EQ(restored.see(kAwake), Value::of(std::int64_t{0}));
}

TEST(Labels, MarkAndUnmarkTheTransactionTheyMean) {
  Ledger ledger(of("merchant", "aggregate = \"fraud_count\"\nwindow = \"1h\"\nfilter = \"category == 'food'\""));
  const Payment food{.customer = "ann", .id = "t1"}, fuel{.customer = "bob", .category = "fuel", .id = "t2"};
  ledger.pay(fuel);
  ledger.pay(food);
  ledger.label(fuel, eventlog::LabelKind::fraud);
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{0})) << "same time and amount, but the filter excludes it";
  ledger.label(food, eventlog::LabelKind::chargeback);
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{1}));
  ledger.correct(food, eventlog::LabelKind::chargeback, eventlog::LabelKind::fraud);
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{1}));
  ledger.correct(food, eventlog::LabelKind::fraud, eventlog::LabelKind::genuine);
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{0}));
}

TEST(Labels, OfAForgottenOrUnknownTransactionChangeNoWindow) {
  Ledger ledger(of("merchant", "aggregate = \"fraud_rate\"\nwindow = \"1h\"\nexclude_current = true"));
  ledger.label({.at_us = kNoon - 1}, eventlog::LabelKind::fraud);
  ledger.pay({});
  EXPECT_EQ(ledger.see({}), Value::of(0.0));
}

TEST(Life, TheNewestByEventTimeIsLastAndOfEqualTimesTheLaterArrival) {
  Ledger ledger(of("customer", "aggregate = \"last\"\nfield = \"country\""));
  EXPECT_TRUE(ledger.see({}).is_null());
  ledger.pay({.country = "FR"});
  ledger.pay({.at_us = kNoon - 1, .country = "IT"});
  EXPECT_EQ(ledger.see({}).text_view(), "FR");
  ledger.pay({.country = "ES"});
  EXPECT_EQ(ledger.see({}).text_view(), "ES");
  ledger.pay({.country = ""});
  EXPECT_TRUE(ledger.see({}).is_null());
}

TEST(Life, SpeedNeedsTimeAndPlaces) {
  Ledger ledger(of("customer", "aggregate = \"speed_kmh_from_last\""));
  ledger.pay({.place = Place{0, 0}});
  EXPECT_TRUE(ledger.see({.place = Place{0, 10'000'000}}).is_null()) << "no time has passed";
  EXPECT_TRUE(ledger.see({.at_us = kNoon + kSecond}).is_null()) << "no place";
  EXPECT_NEAR(ledger.see({.at_us = kNoon + 1800 * kSecond, .place = Place{0, 10'000'000}}).floating, 222.39, 0.01);
  EXPECT_NEAR(ledger.see({.at_us = kNoon - 1800 * kSecond, .place = Place{0, 10'000'000}}).floating, 222.39, 0.01);
}

TEST(Life, WithoutADeviceItsFeaturesAreNull) {
  Ledger ledger(of("device", "aggregate = \"count\"\nwindow = \"1h\""));
  EXPECT_TRUE(ledger.see({}).is_null());
  EXPECT_EQ(ledger.see({.device = "phone"}), Value::of(std::int64_t{1}));
}

TEST(Links, LeadToTheNewestEventOfEachEntity) {
  Ledger ledger(kCountHour);
  DecisionState& state = ledger.state();
  EXPECT_EQ(state.links("ann", "shop", "")[0].previous, Address{});
  ledger.pay({});  // at address 8
  eventlog::AlertRaised alert;
  alert.customer_id = "ann";
  state.apply(alert, Address{100});
  EXPECT_EQ(state.links("ann", "shop", "")[0].previous, Address{100});
  EXPECT_EQ(state.links("ann", "shop", "")[1].previous, Address{8});
  EXPECT_EQ(state.links("ann", "shop", "phone")[2].previous, Address{});
}

TEST(Digest, TellsStatesApart) {
  Ledger one(kCountHour), same(kCountHour), other(kCountHour);
  one.pay({});
  same.pay({});
  other.pay({.amount = 1001});
  EXPECT_EQ(one.state().digest(), same.state().digest());
  EXPECT_NE(one.state().digest(), other.state().digest());
  eventlog::ListUpdated list;
  list.list = "blocked";
  list.added = {"ann"};
  same.state().apply(list);
  EXPECT_NE(one.state().digest(), same.state().digest());
}

// More categories than two bytes can number: the column widens and nothing is mistaken for another.
TEST(Columns, WidenWhenTheirNumbersOutgrowThem) {
  Ledger ledger(
      of("customer", "aggregate = \"distinct\"\nfield = \"category\"\nwindow = \"1d\"\nexclude_current = true"));
  ledger.pay({.category = "k0"});
  for (int i = 1; i < 70'000; ++i) {
    ledger.pay({.customer = "c" + std::to_string(i % 100), .category = "k" + std::to_string(i)});
  }
  EXPECT_EQ(ledger.see({.customer = "c7"}), Value::of(std::int64_t{700}));
  ledger.pay({.category = "k65536"});  // what k0 would be confused with in two bytes
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{2}));
  ledger.pay({.category = "k0"});
  EXPECT_EQ(ledger.see({}), Value::of(std::int64_t{2}));
}

TEST(Memory, ACustomerEntryTakesAtMost24BytesWithTheDefaultCatalogue) {
  Ledger ledger{std::string(default_features_toml())};
  for (int round = 0; round < 100; ++round) {
    for (int customer = 0; customer < 200; ++customer) {
      ledger.pay({.at_us = kNoon + (round * 200 + customer) * kSecond,
                  .customer = "c" + std::to_string(customer),
                  .merchant = "m" + std::to_string(customer),
                  .device = ""});
    }
  }
  const DecisionStateMemory memory = ledger.state().memory();
  EXPECT_EQ(memory.window_entries, 40'000u);
  // Half the entries are merchants', at 16 bytes at most.
  EXPECT_LE(static_cast<double>(memory.window_bytes) / 40'000, (24.0 + 16.0) / 2);
  RecordProperty("bytes_per_entry", std::to_string(static_cast<double>(memory.window_bytes) / 40'000));
}

}  // namespace
}  // namespace vigil::rules::decision_state_test
