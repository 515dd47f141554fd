// Given events in a log, then these answers: every model's fold, seen through the door its readers use.
#include "projections/read_models.h"

#include <thread>

#include "tests/projections/log_fixture.h"

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;

class ReadModelsTest : public testing::Test {
 protected:
  ReadModels& models() {
    writer_.settle();
    if (!models_) {
      ReadModelsOptions options;
      options.boot_id = "boot";
      auto opened = ReadModels::open(directory_.path() / "models", writer_.log(), options);
      EXPECT_TRUE(opened) << opened.error().text;
      models_ = std::move(*opened);
    }
    EXPECT_TRUE(models_->wait_for(writer_.durable(), 20s));
    return *models_;
  }
  CustomerProfile customer(const std::string& id) { return models().customer(id)->value(); }
  MerchantRisk merchant(const std::string& id) { return models().merchant(id)->value(); }
  std::vector<AggregateRow> rows(Granularity granularity, Dimension dimension, std::optional<std::string> value = {}) {
    AggregateQuery query;
    query.granularity = granularity;
    query.from = EventTime{0};
    query.to = EventTime{kNoon * 2};
    query.dimension = dimension;
    query.value = std::move(value);
    return *models().aggregates(query);
  }
  std::uint64_t quality(const std::string& name) {
    std::uint64_t sum = 0;
    const auto counts = *models().data_quality();
    for (const QualityCount& count : counts) sum += count.name == name ? count.count : 0;
    return sum;
  }

  TemporaryDirectory directory_;
  LogWriter writer_{directory_.path() / "log"};
  std::unique_ptr<ReadModels> models_;
};

TEST_F(ReadModelsTest, UnknownEntitiesAreEmptyAnswers) {
  EXPECT_FALSE(models().customer("nobody")->has_value());
  EXPECT_FALSE(models().merchant("nowhere")->has_value());
  EXPECT_FALSE(models().customer("")->has_value());
  EXPECT_FALSE(models().state_as_of(EntityKind::device, "none", Position{5})->has_value());
  EXPECT_TRUE(models().alerts({})->empty());
}

TEST_F(ReadModelsTest, CustomerProfileCountsOutcomesDevicesLabelsAndAlerts) {
  writer_.customer_updated("alice", "FR");
  writer_.decided({.id = "t1", .device = "phone", .amount = 100});
  writer_.decided({.id = "t2",
                   .merchant = "hotel",
                   .device = "phone",
                   .amount = 300,
                   .time = kNoon + 5,
                   .outcome = Outcome::decline,
                   .country = "DE"});
  writer_.decided({.id = "t3", .device = "tablet", .time = kNoon - 5, .outcome = Outcome::review});
  writer_.alerted("t2", "velocity");
  const Position newest = writer_.labelled("t2", LabelKind::fraud);
  const CustomerProfile profile = customer("alice");
  EXPECT_EQ(profile.state.lifetime.transactions, 3u);
  EXPECT_EQ(profile.state.approved(), 1u);
  EXPECT_EQ(profile.state.reviewed, 1u);
  EXPECT_EQ(profile.state.lifetime.declined, 1u);
  EXPECT_EQ(profile.state.lifetime.frauds, 1u);
  EXPECT_EQ(profile.state.lifetime.amount_sum_minor, 1400);
  EXPECT_EQ(profile.state.lifetime.first_seen, EventTime{kNoon - 5});
  EXPECT_EQ(profile.state.alerts, 1u);
  EXPECT_EQ(profile.state.events, 6u);
  EXPECT_EQ(profile.state.newest, newest);
  EXPECT_EQ(profile.devices, 2u);
  EXPECT_EQ(profile.last_merchant, "hotel");  // t3 came later but happened earlier
  EXPECT_EQ(profile.last_device, "phone");
  EXPECT_EQ(profile.last_country, "DE");
  EXPECT_EQ(profile.home_country, "FR");
  EXPECT_EQ(profile.segment, "gold");
  EXPECT_EQ(profile.home, (Place{1, 2}));
}

TEST_F(ReadModelsTest, MerchantRiskIsTheShareOfFraudByLabelsAndFollowsCorrections) {
  writer_.merchant_updated("bakery", "Bakery & Sons");
  for (int i = 0; i < 4; ++i) writer_.decided({.id = "t" + std::to_string(i), .amount = 100 + i});
  writer_.labelled("t1", LabelKind::fraud);
  writer_.labelled("t2", LabelKind::chargeback);
  writer_.labelled("t3", LabelKind::genuine);
  MerchantRisk risk = merchant("bakery");
  EXPECT_EQ(risk.display_name, "Bakery & Sons");
  EXPECT_EQ(risk.country, "DE");
  EXPECT_EQ(risk.fraud_rate, 0.5);
  EXPECT_EQ(risk.fraud_amount_minor, 203);
  EXPECT_EQ(risk.state.genuine, 1u);
  writer_.labelled("t1", LabelKind::genuine, LabelKind::fraud);
  risk = merchant("bakery");
  EXPECT_EQ(risk.fraud_rate, 0.25);
  EXPECT_EQ(risk.fraud_amount_minor, 102);
  EXPECT_EQ(risk.state.genuine, 2u);
}

TEST_F(ReadModelsTest, AggregatesRollUpMinutesToHoursAndDaysAndOverAllValues) {
  writer_.decided({.id = "t1", .amount = 100, .category = "food", .country = "DE"});
  writer_.decided(
      {.id = "t2", .amount = 200, .time = kNoon + 59 * kSecond, .outcome = Outcome::decline, .category = "fuel"});
  writer_.decided({.id = "t3",
                   .amount = 400,
                   .time = kNoon + 60 * kSecond,
                   .outcome = Outcome::review,
                   .currency = "USD",
                   .status = Status::pending});
  writer_.decided({.id = "t4", .amount = 800, .time = kNoon + 3600 * kSecond, .category = "food"});
  writer_.decided({.id = "t5", .amount = 1600, .time = kNoon + kDay / 2});
  const auto minutes = rows(Granularity::minute, Dimension::all);
  ASSERT_EQ(minutes.size(), 4u);
  EXPECT_EQ(minutes[0].bucket, EventTime{kNoon});
  EXPECT_EQ(minutes[0].transactions, 2u);
  EXPECT_EQ(minutes[0].declined, 1u);
  EXPECT_EQ(minutes[1].reviewed, 1u);
  const auto hours = rows(Granularity::hour, Dimension::all);
  ASSERT_EQ(hours.size(), 3u);
  EXPECT_EQ(hours[0].amount_minor, 700);
  const auto days = rows(Granularity::day, Dimension::all);
  ASSERT_EQ(days.size(), 2u);
  EXPECT_EQ(days[0].bucket, EventTime{kNoon - kDay / 2});
  EXPECT_EQ(days[0].amount_minor, 1500);
  EXPECT_EQ(days[1].amount_minor, 1600);
  const auto categories = rows(Granularity::day, Dimension::category);
  ASSERT_EQ(categories.size(), 4u);  // "", food, fuel; "" on the second day
  EXPECT_EQ(categories[0].value, "");
  EXPECT_EQ(categories[1].value, "food");
  EXPECT_EQ(categories[1].amount_minor, 900);
  EXPECT_EQ(rows(Granularity::day, Dimension::currency, "USD").at(0).transactions, 1u);
  EXPECT_EQ(rows(Granularity::day, Dimension::status, "PENDING").at(0).amount_minor, 400);
  EXPECT_EQ(rows(Granularity::day, Dimension::outcome, "decline").at(0).amount_minor, 200);
  EXPECT_EQ(rows(Granularity::day, Dimension::country, "DE").at(0).transactions, 1u);
}

TEST_F(ReadModelsTest, FraudIsBookedOnTheBucketsOfItsTransaction) {
  writer_.decided({.id = "t1", .category = "food"});
  writer_.decided({.id = "t2", .time = kNoon + 3 * kDay});
  writer_.labelled("t1", LabelKind::fraud);
  EXPECT_EQ(rows(Granularity::minute, Dimension::all).at(0).frauds, 1);
  EXPECT_EQ(rows(Granularity::day, Dimension::category, "food").at(0).frauds, 1);
  EXPECT_EQ(rows(Granularity::day, Dimension::all).at(1).frauds, 0);
  writer_.labelled("t1", LabelKind::genuine, LabelKind::fraud);
  EXPECT_EQ(rows(Granularity::hour, Dimension::all).at(0).frauds, 0);
}

TEST_F(ReadModelsTest, DaysCountDistinctCustomersMerchantsAndCompromisedCustomers) {
  writer_.decided({.id = "t1"});
  writer_.decided({.id = "t2", .merchant = "hotel"});
  writer_.decided({.id = "t3", .customer = "bob"});
  writer_.labelled("t1", LabelKind::fraud);
  writer_.labelled("t2", LabelKind::fraud);
  AggregateRow day = rows(Granularity::day, Dimension::all).at(0);
  EXPECT_EQ(day.active_customers, 2u);
  EXPECT_EQ(day.active_merchants, 2u);
  EXPECT_EQ(day.compromised_customers, 1u);
  EXPECT_EQ(day.frauds, 2);
  writer_.labelled("t1", LabelKind::genuine, LabelKind::fraud);
  EXPECT_EQ(rows(Granularity::day, Dimension::all).at(0).compromised_customers, 1u);
  writer_.labelled("t2", LabelKind::genuine, LabelKind::fraud);
  EXPECT_EQ(rows(Granularity::day, Dimension::all).at(0).compromised_customers, 0u);
}

TEST_F(ReadModelsTest, AggregateQueriesHonourRangeAndLimit) {
  for (int i = 0; i < 10; ++i) writer_.decided({.id = "t" + std::to_string(i), .time = kNoon + i * 60 * kSecond});
  AggregateQuery query;
  query.granularity = Granularity::minute;
  query.from = EventTime{kNoon + 1};  // the first minute began before it
  query.to = EventTime{kNoon + 5 * 60 * kSecond};
  EXPECT_EQ(models().aggregates(query)->size(), 4u);
  query.limit = 2;
  EXPECT_EQ(models().aggregates(query)->size(), 2u);
  ASSERT_TRUE(models().flush());
  EXPECT_EQ(models().aggregates(query)->at(1).bucket, EventTime{kNoon + 2 * 60 * kSecond});
}

TEST_F(ReadModelsTest, AlertsCarryWhatBecameOfTheirTransactionAndRulesTheirPrecision) {
  writer_.decided({.id = "t1"});
  const Position first = writer_.alerted("t1", "velocity", Severity::p0);
  writer_.alerted("t1", "amount");
  writer_.decided({.id = "t2", .customer = "bob"});
  writer_.alerted("t2", "velocity");
  writer_.decided({.id = "t3", .customer = "bob"});
  writer_.alerted("t3", "velocity");
  ASSERT_TRUE(models().flush());  // labels reach alerts that are in the store, and ones that are not
  writer_.labelled("t1", LabelKind::fraud);
  writer_.labelled("t2", LabelKind::genuine);
  const auto all = *models().alerts({});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].position, first);
  EXPECT_EQ(all[0].truth, AlertTruth::fraud);
  EXPECT_EQ(all[1].truth, AlertTruth::fraud);
  EXPECT_EQ(all[2].truth, AlertTruth::genuine);
  EXPECT_EQ(all[3].truth, AlertTruth::unlabelled);
  const auto rules = *models().rule_statistics();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[1].rule_id, "velocity");
  EXPECT_EQ(rules[1].raised, 3u);
  EXPECT_EQ(rules[1].precision(), 0.5);
  EXPECT_EQ(rules[1].unlabelled(), 1u);
  AlertQuery query;
  query.rule_id = "velocity";
  EXPECT_EQ(models().alerts(query)->size(), 3u);
  query.customer_id = "bob";
  EXPECT_EQ(models().alerts(query)->size(), 2u);
  query.limit = 1;
  EXPECT_EQ(models().alerts(query)->size(), 1u);
  AlertQuery severe;
  severe.severity = Severity::p0;
  EXPECT_EQ(models().alerts(severe)->size(), 1u);
  severe.since = next(first);
  EXPECT_EQ(models().alerts(severe)->size(), 0u);
  writer_.labelled("t1", LabelKind::genuine, LabelKind::fraud);
  EXPECT_EQ(models().rule_statistics()->at(1).fraud, 0u);
  EXPECT_EQ(models().rule_statistics()->at(1).genuine, 2u);
}

TEST_F(ReadModelsTest, QuarantineListsReasonsAndSize) {
  const Position first = writer_.quarantined("{broken", "bad_json");
  writer_.quarantined("{}", "missing_field");
  ASSERT_TRUE(models().flush());
  writer_.quarantined("[]", "bad_json");
  const auto all = *models().quarantine({});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].position, first);
  EXPECT_EQ(all[0].source, "test");
  EXPECT_EQ(all[0].raw_bytes, 7u);
  ASSERT_EQ(all[0].reasons.size(), 1u);
  EXPECT_EQ(all[0].reasons[0].code, "bad_json");
  EXPECT_EQ(all[0].reasons[0].text, "because");
  QuarantineQuery query;
  query.code = "bad_json";
  EXPECT_EQ(models().quarantine(query)->size(), 2u);
  query.since = next(first);
  EXPECT_EQ(models().quarantine(query)->size(), 1u);
  query.code.reset();
  query.limit = 1;
  EXPECT_EQ(models().quarantine(query)->size(), 1u);
}

TEST_F(ReadModelsTest, DataQualityCountsLatenessGapsLabelsAndQuarantine) {
  writer_.decided({.id = "t1", .device = "phone", .category = "food", .country = "DE"});
  writer_.decided({.id = "t2", .time = kNoon - kSecond});
  writer_.decided({.id = "t3", .time = kNoon - 2 * kSecond});
  writer_.decided({.id = "t4", .time = kNoon - 8 * kDay});
  writer_.decided({.id = "t5", .time = kNoon + kDay});
  writer_.labelled("t1", LabelKind::fraud);
  writer_.labelled("ghost", LabelKind::fraud);
  writer_.quarantined("x", "bad_json");
  EXPECT_EQ(quality("transactions"), 5u);
  EXPECT_EQ(quality("late:1s"), 1u);
  EXPECT_EQ(quality("late:1m"), 1u);
  EXPECT_EQ(quality("late:more"), 1u);
  EXPECT_EQ(quality("missing:device_id"), 4u);
  EXPECT_EQ(quality("missing:category"), 4u);
  EXPECT_EQ(quality("missing:place"), 5u);
  EXPECT_EQ(quality("labels:fraud"), 2u);
  EXPECT_EQ(quality("labels:unknown_transaction"), 1u);
  EXPECT_EQ(quality("quarantined"), 1u);
  EXPECT_EQ(quality("quarantined:bad_json"), 1u);
  EXPECT_EQ(models().data_quality()->front().day, EventTime{kNoon - kDay / 2});
  EXPECT_EQ(models().data_quality()->back().day, EventTime{kNoon + kDay / 2});
}

// What the fold of the first events says, as a plain second opinion on snapshots and links.
TEST_F(ReadModelsTest, StateAsOfAnyPositionIsTheFoldOfTheEventsUpToIt) {
  std::vector<std::pair<Position, std::uint64_t>> known;  // position, transactions of alice up to it
  std::uint64_t transactions = 0;
  for (int i = 0; i < 1500; ++i) {
    const bool hers = i % 2 == 0;
    const Position position = writer_.decided(
        {.id = "t" + std::to_string(i), .customer = hers ? "alice" : "bob", .device = hers ? "phone" : ""});
    transactions += hers ? 1 : 0;
    known.emplace_back(position, transactions);
  }
  ASSERT_TRUE(models().flush());
  for (std::size_t i = 0; i < known.size(); i += 37) {
    const auto answer = *models().state_as_of(EntityKind::customer, "alice", known[i].first);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->state.lifetime.transactions, known[i].second);
    EXPECT_EQ(answer->as_of, known[i].first);
    EXPECT_LT(answer->events_folded, 256u);
    EXPECT_EQ(models().state_as_of(EntityKind::device, "phone", known[i].first)->value().state.events, known[i].second);
  }
  EXPECT_FALSE(models().state_as_of(EntityKind::customer, "bob", known[0].first)->has_value());
  EXPECT_EQ(models().state_as_of(EntityKind::merchant, "bakery", Position{1'000'000})->value().as_of, Position{1500});
}

TEST_F(ReadModelsTest, QueriesSeeWhatIsFoldedBeforeItIsCommitted) {
  writer_.decided({.id = "t1"});
  ASSERT_TRUE(models().flush());
  writer_.decided({.id = "t2"});
  EXPECT_EQ(customer("alice").state.lifetime.transactions, 2u);
  EXPECT_EQ(models().applied(), Position{2});
}

TEST_F(ReadModelsTest, WaitingForAPositionThatDoesNotComeTimesOut) {
  writer_.decided({.id = "t1"});
  EXPECT_FALSE(models().wait_for(Position{2}, 5ms));
}

TEST_F(ReadModelsTest, AnEventThatCannotBeAppliedParksTheModelsOfItsTypeAndLeavesTheirQueriesStanding) {
  writer_.decided({.id = "t1"});
  models();
  writer_.unappliable();
  writer_.decided({.id = "t2"});
  writer_.settle();
  EXPECT_FALSE(models_->wait_for(Position{3}, 20s));
  const auto flushed = models_->flush();
  ASSERT_FALSE(flushed);
  EXPECT_NE(flushed.error().text.find("parked before position 2"), std::string::npos) << flushed.error().text;
  for (const ModelStatus& status : models_->status()) {
    if (status.name == "alerts" || status.name == "quarantine") {  // they fold no transactions
      EXPECT_EQ(status.state, ModelState::following) << status.name;
      EXPECT_EQ(status.checkpoint, Position{3});
      continue;
    }
    EXPECT_EQ(status.state, ModelState::parked) << status.name;
    EXPECT_EQ(status.checkpoint, Position{1});
    EXPECT_NE(status.reason.find("65 bytes"), std::string::npos) << status.reason;
  }
  EXPECT_EQ(models_->customer("alice")->value().state.lifetime.transactions, 1u);
}

TEST_F(ReadModelsTest, AnEventOfANewerVigilParksAllModels) {
  writer_.decided({.id = "t1"});
  models();
  writer_.newer_than_us();
  writer_.settle();
  EXPECT_FALSE(models_->wait_for(Position{2}, 20s));
  EXPECT_FALSE(models_->flush());
  for (const ModelStatus& status : models_->status()) {
    EXPECT_EQ(status.state, ModelState::parked) << status.name;
    EXPECT_EQ(status.checkpoint, Position{1});
    EXPECT_NE(status.reason.find("newer Vigil"), std::string::npos) << status.reason;
  }
}

TEST_F(ReadModelsTest, ASecondWriterIsLockedOut) {
  models();
  auto second = ReadModels::open(directory_.path() / "models", writer_.log(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::locked);
}

TEST_F(ReadModelsTest, ClosedModelsRefuseQueries) {
  models();
  ASSERT_TRUE(models_->close());
  EXPECT_EQ(models_->customer("alice").error().kind, ErrorKind::invalid);
}

TEST_F(ReadModelsTest, ReadersOfThisProcessNeverSeeHalfAnEvent) {
  models();
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      auto profile = models_->customer("alice");
      ASSERT_TRUE(profile);
      if (*profile) {
        EXPECT_EQ((*profile)->state.lifetime.amount_sum_minor,
                  static_cast<std::int64_t>((*profile)->state.lifetime.transactions) * 1000);
      }
      AggregateQuery query;
      query.to = EventTime{kNoon * 2};
      ASSERT_TRUE(models_->aggregates(query));
    }
  });
  for (int i = 0; i < 3000; ++i) {
    writer_.decided({.id = "t" + std::to_string(i), .time = kNoon + i * kSecond});
    if (i % 100 == 0) writer_.settle();
    if (i % 500 == 0) {
      EXPECT_TRUE(models_->flush());
    }
  }
  EXPECT_EQ(customer("alice").state.lifetime.transactions, 3000u);
  done = true;
  reader.join();
}

}  // namespace
}  // namespace vigil::projections
