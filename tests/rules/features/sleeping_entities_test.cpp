#include "rules/features/sleeping_entities.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rules/expression/transaction_fields.h"
#include "rules/features/decision_state.h"

namespace vigil::rules::sleeping_entities_test {
namespace {

using eventlog::Address;
using eventlog::EventTime;

TEST(SleepingEntities, KeepsWhatItWasGivenUntilItIsRemoved) {
  SleepingEntities sleeping;
  const std::string large(40'000, 'l');
  sleeping.add(3, "three");
  sleeping.add(4, large);
  sleeping.add(9, large);  // does not fit beside the one before
  EXPECT_EQ(sleeping.size(), 3u);
  EXPECT_EQ(sleeping.find(3), "three");
  EXPECT_EQ(sleeping.find(4), large);
  EXPECT_EQ(sleeping.find(9), large);
  for (const std::uint32_t awake : {0u, 5u, 8u, 10u, 4'000'000'000u}) EXPECT_EQ(sleeping.find(awake), "");
  sleeping.remove(4);
  EXPECT_EQ(sleeping.find(4), "");
  EXPECT_EQ(sleeping.find(9), large);
}

TEST(SleepingEntities, GivesItsMemoryBackWhenAllAreAwake) {
  SleepingEntities sleeping;
  for (std::uint32_t number = 0; number < 10'000; ++number) sleeping.add(number, "some bytes");
  EXPECT_GT(sleeping.bytes(), 100'000u);
  for (std::uint32_t number = 0; number < 10'000; ++number) sleeping.remove(number);
  EXPECT_EQ(sleeping.size(), 0u);
  EXPECT_EQ(sleeping.bytes(), 0u);
}

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kNoon = 1'700'000'000 * kSecond;
constexpr std::int64_t kMonthsLater = kNoon + 90 * kDay;  // nothing of noon is retained
constexpr int kCustomers = 100;

constexpr const char* kFeatures = R"(
[[feature]]
name = "payments"
entity = "customer"
aggregate = "lifetime_count"
[[feature]]
name = "recent"
entity = "customer"
aggregate = "count"
window = "1h"
[[feature]]
name = "categories"
entity = "customer"
aggregate = "distinct"
field = "category"
window = "7d"
[[feature]]
name = "last_country"
entity = "customer"
aggregate = "last"
field = "country"
[[feature]]
name = "from_home"
entity = "customer"
aggregate = "distance_km_from_home"
[[feature]]
name = "shop_mean"
entity = "merchant"
aggregate = "lifetime_mean"
[[feature]]
name = "phone_payments"
entity = "device"
aggregate = "lifetime_count"
[[feature]]
name = "phone_recent"
entity = "device"
aggregate = "count"
window = "24h"
)";

Catalogue parsed() {
  auto catalogue = Catalogue::parse(kFeatures, "test.toml");
  EXPECT_TRUE(catalogue) << (catalogue ? "" : catalogue.error().text);
  return std::move(*catalogue);
}

std::string customer(int i) { return "customer-" + std::to_string(i); }
std::string device(int i) { return "a device whose name is kept apart " + std::to_string(i); }

// Texts that live as long as the test, since events only point to theirs.
class Texts {
 public:
  std::string_view operator()(std::string text) {
    return *kept_.emplace_back(std::make_unique<std::string>(std::move(text)));
  }

 private:
  std::vector<std::unique_ptr<std::string>> kept_;
};

// A state after months of silence, and another that was restored from its image.
class Silence : public ::testing::Test {
 protected:
  Silence() {
    for (int i = 0; i < kCustomers; ++i) {
      for (int n = 0; n <= i % 7; ++n) apply(payment(i, kNoon + (i + n) * kSecond), live_);
      if (i % 3 == 0) apply(home_of(i), live_);
    }
    apply(payment(kCustomers, kMonthsLater), live_);
    restored_ = restored(live_);
  }

  using Event = std::function<void(DecisionState&, Address)>;
  void apply(const Event& event, DecisionState& state) { event(state, Address{address_ += 8}); }
  void apply_to_both(const Event& event) {
    address_ += 8;
    for (DecisionState* state : {&live_, restored_.get()}) event(*state, Address{address_});
  }

  eventlog::Transaction transaction(int i, std::int64_t at_us, const std::string& category = "food") {
    eventlog::Transaction made;
    made.id = texts_("t" + std::to_string(at_us) + category);
    made.event_time = EventTime{at_us};
    made.customer_id = texts_(customer(i));
    made.merchant_id = texts_("shop-" + std::to_string(i % 10));
    made.device_id = texts_(device(i));
    made.amount = {1000 + i, *eventlog::Code::parse("EUR")};
    made.category = texts_(category);
    made.country = *eventlog::Code::parse(i % 2 == 0 ? "DE" : "FR");
    made.place = eventlog::Place{480'000'000 + i, 110'000'000};
    return made;
  }
  Event payment(int i, std::int64_t at_us, const std::string& category = "food") {
    eventlog::TransactionDecided event;
    event.transaction = transaction(i, at_us, category);
    event.amount_base_minor = event.transaction.amount.minor;
    return [event](DecisionState& state, Address at) { state.apply(event, at); };
  }
  Event home_of(int i) {
    eventlog::CustomerUpdated event;
    event.customer_id = texts_(customer(i));
    event.home = eventlog::Place{470'000'000 + 1000 * i, 120'000'000};
    return [event](DecisionState& state, Address at) { state.apply(event, at); };
  }
  Event fraud_of(int i) {
    eventlog::LabelReported event;
    event.transaction_id = texts_("t");
    event.kind = eventlog::LabelKind::fraud;
    event.customer_id = texts_(customer(i));
    event.device_id = texts_(device(i));
    event.transaction_time = EventTime{kNoon};
    event.amount_base_minor = 1000;
    return [event](DecisionState& state, Address at) { state.apply(event, at); };
  }
  Event alert_of(int i) {
    eventlog::AlertRaised event;
    event.customer_id = texts_(customer(i));
    event.device_id = texts_(device(i));
    return [event](DecisionState& state, Address at) { state.apply(event, at); };
  }

  std::vector<Value> seen(DecisionState& state, const eventlog::Transaction& transaction) {
    std::vector<Value> slots(kTransactionFields), values(catalogue_.size());
    fill_transaction_fields(transaction, transaction.amount.minor, slots);
    state.prefetch(transaction);
    state.observe(transaction, transaction.amount.minor, slots, values);
    return values;
  }

  static std::vector<Address> links_of(DecisionState& state, const eventlog::Transaction& transaction) {
    std::vector<Address> links;
    for (const auto& link : state.links(transaction.customer_id, transaction.merchant_id, transaction.device_id)) {
      links.push_back(link.previous);
      links.push_back(link.jump);
    }
    return links;
  }

  std::unique_ptr<DecisionState> restored(const DecisionState& source) {
    auto state = std::make_unique<DecisionState>(catalogue_, kDay);
    state->restore_stream_time(source.stream_time());
    SavedSoFar saved;
    for (eventlog::Piece piece; source.save(saved, 1000, piece); piece.clear()) {
      EXPECT_TRUE(state->restore(piece.view()));
    }
    return state;
  }

  Texts texts_;
  const Catalogue catalogue_ = parsed();
  DecisionState live_{catalogue_, kDay};
  std::unique_ptr<DecisionState> restored_;
  std::uint64_t address_ = 0;
};

TEST_F(Silence, TheAsleepTakeLessMemoryAndCountAsKnown) {
  const DecisionStateMemory live = live_.memory(), asleep = restored_->memory();
  EXPECT_EQ(asleep.customers, live.customers);
  EXPECT_EQ(asleep.devices, live.devices);
  EXPECT_EQ(asleep.window_entries, 2u);  // of the one who paid last, and that one's device
  EXPECT_LT(asleep.window_bytes, live.window_bytes);
}

TEST_F(Silence, TheAsleepKnowWhatTheAwakeKnow) {
  EXPECT_EQ(restored_->digest(), live_.digest());
  for (int i = 0; i < kCustomers; ++i) {
    const eventlog::Transaction next = transaction(i, kMonthsLater + kSecond);
    EXPECT_EQ(seen(*restored_, next), seen(live_, next)) << i;
    EXPECT_EQ(links_of(*restored_, next), links_of(live_, next)) << i;
  }
  EXPECT_EQ(restored_->digest(), live_.digest());
}

TEST_F(Silence, EveryEventWakesThem) {
  for (int i = 0; i < kCustomers; i += 4) {
    apply_to_both(payment(i, kMonthsLater + i * kSecond));
    apply_to_both(fraud_of(i + 1));
    apply_to_both(alert_of(i + 2));
    apply_to_both(home_of(i + 3));
    ASSERT_EQ(restored_->digest(), live_.digest()) << i;
  }
  for (int i = 0; i < kCustomers; ++i) {
    const eventlog::Transaction next = transaction(i, kMonthsLater + kDay);
    ASSERT_EQ(seen(*restored_, next), seen(live_, next)) << i;
  }
}

TEST_F(Silence, AnEventTheyHoldAlreadyChangesNothing) {
  const std::uint64_t before = restored_->digest();
  for (int i = 0; i < kCustomers; ++i) alert_of(i)(*restored_, Address{8});
  EXPECT_EQ(restored_->digest(), before);
}

TEST_F(Silence, AnImageTakenWhileTheySleepHoldsThem) {
  apply_to_both(payment(5, kMonthsLater + kSecond));
  restored_ = restored(*restored_);
  EXPECT_EQ(restored_->digest(), live_.digest());
  apply_to_both(payment(6, kMonthsLater + 2 * kSecond));
  EXPECT_EQ(restored_->digest(), live_.digest());
}

TEST_F(Silence, TheyWakeIntoColumnsThatHaveBecomeWider) {
  for (int i = 0; i < 66'000; ++i) {
    apply_to_both(payment(kCustomers, kMonthsLater + i * kSecond / 100, "k" + std::to_string(i)));
  }
  for (int i = 0; i < kCustomers; ++i) apply_to_both(payment(i, kMonthsLater + 1000 * kSecond, "k65999"));
  EXPECT_EQ(restored_->digest(), live_.digest());
}

}  // namespace
}  // namespace vigil::rules::sleeping_entities_test
