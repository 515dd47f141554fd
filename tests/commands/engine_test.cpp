// Given a log, when commands, then events and replies: the write side as its callers see it.
#include "commands/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "eventlog/storage/posix_environment.h"
#include "tests/commands/engine_fixture.h"

namespace vigil::commands::engine_test {
namespace {

using namespace engine_fixture;  // NOLINT: tests only
using eventlog::Code;
using eventlog::EventTime;
using eventlog::EventType;
using eventlog::LabelKind;
using eventlog::Outcome;

constexpr std::int64_t kDayUs = 86'400 * kSecondUs;

const std::string kFeatures = joined({kCustomerCount1h, kMerchantFrauds7d});
const std::string kRules = joined({kThresholds, kVelocity, "cooldown = \"1h\"\n", kBlocked});

class EngineTest : public engine_fixture::EngineFixture<eventlog::PosixEnvironment> {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    options_.features_toml = kFeatures;
    options_.rules_toml = kRules;
    open();
  }

  static eventlog::Transaction transaction(std::string_view id, std::int64_t second = 0,
                                           std::string_view customer = "c1") {
    eventlog::Transaction t;
    t.id = id;
    t.event_time = EventTime{kStartUs + second * kSecondUs};
    t.customer_id = customer;
    t.merchant_id = "m1";
    t.amount = {1000, *Code::parse("EUR")};
    return t;
  }
  static ReportLabel label(std::string_view id, LabelKind kind = LabelKind::fraud) {
    return {id, 1, kind, EventTime{kStartUs}, "test"};
  }

  Reply run(CommandBody body, std::string_view raw = "{}") {
    command_ = {std::move(body), raw, "test"};
    auto taken = engine_->submit(std::span(&command_, 1), replies_);
    EXPECT_TRUE(taken && *taken == 1) << (taken ? "not taken" : taken.error().text);
    EXPECT_TRUE(engine_->settle());
    return replies_.empty() ? Reply{} : replies_.front();
  }
  Reply submit(const eventlog::Transaction& t) { return run(SubmitTransaction{t}); }

  std::vector<EventType> events() {
    std::vector<EventType> types;
    auto cursor = engine_->log().read_from(eventlog::Position{1});
    while (auto record = *(*cursor)->next()) types.push_back(*eventlog::type_of(*record));
    return types;
  }
  std::size_t count(EventType type) { return static_cast<std::size_t>(std::ranges::count(events(), type)); }

  Command command_;
  std::vector<Reply> replies_;
};

TEST_F(EngineTest, AFreshLogBeginsWithPolicyFeaturesAndRules) {
  EXPECT_EQ(events(),
            (std::vector{EventType::policy_updated, EventType::features_activated, EventType::rules_activated}));
}

TEST_F(EngineTest, ARepeatGetsTheRecordedAnswerAndAppendsNothing) {
  const Reply first = submit(transaction("t1"));
  EXPECT_EQ(first.status, ReplyStatus::decided);
  EXPECT_FALSE(first.repeat);
  const Reply again = submit(transaction("t1"));
  EXPECT_EQ(again.status, ReplyStatus::decided);
  EXPECT_TRUE(again.repeat);
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(count(EventType::transaction_decided), 1u);
}

TEST_F(EngineTest, OtherContentUnderAKnownIdIsAConflict) {
  const Reply first = submit(transaction("t1"));
  auto changed = transaction("t1");
  changed.amount.minor += 1;
  const Reply conflict = submit(changed);
  EXPECT_EQ(conflict.status, ReplyStatus::conflict);
  EXPECT_EQ(conflict.position, first.position);
  EXPECT_EQ(submit(transaction("t1", 1)).status, ReplyStatus::conflict);
  EXPECT_EQ(count(EventType::transaction_decided), 1u);
}

TEST_F(EngineTest, ARepeatIsKnownAfterARestartAndBeyondTheHorizon) {
  const auto position = submit(transaction("t1")).position;
  open();
  EXPECT_EQ(submit(transaction("t1")).position, position);
  submit(transaction("t2", 20 * 86'400));  // stream time moves on; t1 is older than the horizon now
  for (int i = 0; i < 20; ++i) submit(transaction("x" + std::to_string(i), 20 * 86'400));
  const Reply old = submit(transaction("t1"));
  EXPECT_TRUE(old.repeat);
  EXPECT_EQ(old.position, position);
  EXPECT_EQ(submit(transaction("t0")).status, ReplyStatus::quarantined);
}

TEST_F(EngineTest, ARepeatAtTheEdgeOfTheHorizonIsKnownWhenStreamTimeRunsAhead) {
  options_.policy = {};
  std::filesystem::remove_all(directory_);
  open();
  constexpr std::int64_t kHour = 3600 * kSecondUs;
  constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
  const std::int64_t now_us = environment_.now().value();
  // Wall and stream clock must lie on both sides of a full hour for an id's hour to have ended for one of them:
  // a skew of two hours makes sure of it.
  ASSERT_EQ(run(UpdatePolicy{"future_skew = \"2h\"\n", "p.toml"}).status, ReplyStatus::applied);
  auto edge = transaction("edge");
  edge.event_time = EventTime{now_us - options_.policy.horizon_us + 10 * kMinuteUs};
  const Reply first = submit(edge);
  ASSERT_EQ(first.status, ReplyStatus::decided);
  for (int i = 0; i < 20; ++i) {
    const std::string id = "ahead" + std::to_string(i);
    auto ahead = transaction(id);
    ahead.event_time = EventTime{now_us + 2 * kHour - kMinuteUs};
    ASSERT_EQ(submit(ahead).status, ReplyStatus::decided);
  }
  const Reply again = submit(edge);
  EXPECT_TRUE(again.repeat);
  EXPECT_EQ(again.position, first.position);
}

TEST_F(EngineTest, ARepeatIsKnownWhenTheHorizonThatForgotItBecameLonger) {
  ASSERT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"1d\"\n", "p.toml"}).status, ReplyStatus::applied);
  const auto position = submit(transaction("t1")).position;
  for (int i = 0; i < 20; ++i) submit(transaction("x" + std::to_string(i), 5 * 86'400));
  ASSERT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"30d\"\n", "p.toml"}).status, ReplyStatus::applied);
  const Reply again = submit(transaction("t1"));
  EXPECT_TRUE(again.repeat);
  EXPECT_EQ(again.position, position);
  EXPECT_EQ(submit(transaction("t0")).status, ReplyStatus::decided);
}

TEST_F(EngineTest, RepeatsAreKnownThoughStreamTimeRanAheadUnderAnEarlierPolicy) {
  const std::int64_t now_us = environment_.now().value();
  ASSERT_EQ(run(UpdatePolicy{"future_skew = \"30d\"\n", "p.toml"}).status, ReplyStatus::applied);
  auto ahead = transaction("ahead");
  ahead.event_time = EventTime{now_us + 20 * kDayUs};
  submit(ahead);
  ASSERT_EQ(run(UpdatePolicy{"future_skew = \"5m\"\n", "p.toml"}).status, ReplyStatus::applied);
  std::vector<std::string> ids;
  for (int i = 0; i < 50; ++i) ids.push_back("t" + std::to_string(i));
  const auto submit_all = [&] {
    std::size_t repeats = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto t = transaction(ids[i]);
      t.event_time = EventTime{now_us - static_cast<std::int64_t>(i)};
      const Reply reply = submit(t);
      EXPECT_EQ(reply.status, ReplyStatus::decided);
      repeats += reply.repeat;
    }
    return repeats;
  };
  EXPECT_EQ(submit_all(), 0u);
  EXPECT_EQ(submit_all(), ids.size());
  open();
  EXPECT_EQ(submit_all(), ids.size());
}

TEST_F(EngineTest, RulesDecideAndAlertsCoolDown) {
  submit(transaction("t1", 0));
  submit(transaction("t2", 1));
  const Reply third = submit(transaction("t3", 2));
  EXPECT_EQ(third.outcome, Outcome::review);
  EXPECT_EQ(third.score, 20);
  ASSERT_EQ(third.matched.size(), 1u);
  EXPECT_EQ(third.rule_set->rules()[third.matched[0]].id, "velocity");
  submit(transaction("t4", 3));
  EXPECT_EQ(count(EventType::alert_raised), 1u);
  const Reply repeat = submit(transaction("t3", 2));
  EXPECT_TRUE(repeat.repeat);
  ASSERT_EQ(repeat.matched.size(), 1u);
}

TEST_F(EngineTest, ListsBlockFromTheNextTransactionOn) {
  EXPECT_EQ(submit(transaction("t1")).outcome, Outcome::approve);
  EXPECT_EQ(run(UpdateList{{"blocked", {"c1"}, {}}}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdateList{{"blocked", {"c1"}, {}}}).status, ReplyStatus::unchanged);
  EXPECT_EQ(submit(transaction("t2")).outcome, Outcome::decline);
  open();
  EXPECT_EQ(submit(transaction("t3")).outcome, Outcome::decline);
}

TEST_F(EngineTest, LabelsAreRecordedOnceAndCorrected) {
  submit(transaction("t1"));
  EXPECT_EQ(run(label("t1")).status, ReplyStatus::applied);
  const Reply again = run(label("t1"));
  EXPECT_EQ(again.status, ReplyStatus::unchanged);
  EXPECT_GT(again.position.value(), 0u);
  EXPECT_EQ(run(label("t1", LabelKind::genuine)).status, ReplyStatus::applied);
  EXPECT_EQ(run(label("t1", LabelKind::genuine)).status, ReplyStatus::unchanged);
  EXPECT_EQ(count(EventType::label_reported), 2u);
}

TEST_F(EngineTest, ALabelSentAgainDoesNotOverturnALaterOne) {
  submit(transaction("t1"));
  const auto reported = [](LabelKind kind, std::int64_t day, std::string_view source = "test") {
    return ReportLabel{"t1", 1, kind, EventTime{kStartUs + day * kDayUs}, source};
  };
  const auto first = run(reported(LabelKind::fraud, 20)).position;
  const auto second = run(reported(LabelKind::genuine, 21)).position;
  for (int i = 0; i < 2; ++i) {
    const Reply again = run(reported(LabelKind::fraud, 20));
    EXPECT_EQ(again.status, ReplyStatus::unchanged);
    EXPECT_EQ(again.position, first);
    const Reply older = run(reported(LabelKind::fraud, 19, "another"));
    EXPECT_EQ(older.status, ReplyStatus::unchanged);
    EXPECT_EQ(older.position, second);
    open();
  }
  EXPECT_EQ(run(reported(LabelKind::chargeback, 21, "another")).status, ReplyStatus::applied);
  EXPECT_EQ(run(reported(LabelKind::genuine, 21)).position, second);
  EXPECT_EQ(run(reported(LabelKind::genuine, 22)).status, ReplyStatus::applied);
  EXPECT_EQ(count(EventType::label_reported), 4u);
}

TEST_F(EngineTest, ALabelOfAnUnknownTransactionIsQuarantined) {
  const Reply reply = run(label("nobody"), R"({"op":"label"})");
  EXPECT_EQ(reply.status, ReplyStatus::quarantined);
  ASSERT_EQ(reply.reasons.size(), 1u);
  EXPECT_EQ(reply.reasons[0].code, "unknown_transaction");
}

// Decided, far beyond the horizon already, and not yet durable: neither the log's id index nor the horizon knows it.
TEST_F(EngineTest, WhatIsNotDurableYetIsKnownHoweverOldItIs) {
  std::vector<std::string> ids{"old"};
  for (int i = 0; i < 20; ++i) ids.push_back("later" + std::to_string(i));
  std::vector<Command> commands{{SubmitTransaction{transaction("old")}, "{}", "test"}};
  for (std::size_t i = 1; i < ids.size(); ++i) {
    commands.push_back({SubmitTransaction{transaction(ids[i], 60 * 86'400)}, "{}", "test"});
  }
  commands.push_back({ReportLabel{label("old")}, "{}", "test"});
  commands.push_back({SubmitTransaction{transaction("old")}, "{}", "test"});
  ASSERT_EQ(engine_->submit(commands, replies_).value(), commands.size());
  EXPECT_EQ(replies_[21].status, ReplyStatus::applied);
  EXPECT_EQ(replies_[22].status, ReplyStatus::decided);
  EXPECT_TRUE(replies_[22].repeat);
  EXPECT_TRUE(engine_->settle());
}

TEST_F(EngineTest, EveryStatefulCheckHasItsReason) {
  submit(transaction("t1", 20 * 86'400));
  const auto code_of = [&](const eventlog::Transaction& t) {
    const Reply reply = run(SubmitTransaction{t}, t.id);
    return reply.reasons.empty() ? std::string() : std::string(reply.reasons[0].code);
  };
  auto t = transaction("a", 20 * 86'400);
  t.amount.minor = 0;
  EXPECT_EQ(code_of(t), "amount_below_minimum");
  t = transaction("b", 20 * 86'400);
  t.amount.minor = options_.policy.amount_minor_max + 1;
  EXPECT_EQ(code_of(t), "amount_above_maximum");
  EXPECT_EQ(code_of(transaction("c", 0)), "event_time_too_old");
  t = transaction("d", 0);
  t.event_time = EventTime{environment_.now().value() + kDayUs};
  EXPECT_EQ(code_of(t), "event_time_in_future");
  t = transaction("e", 20 * 86'400);
  t.amount.currency = *Code::parse("USD");
  EXPECT_EQ(code_of(t), "no_rate");
  t = transaction("f", 20 * 86'400);
  t.version = 2;
  EXPECT_EQ(code_of(t), "unknown_transaction");
  EXPECT_EQ(run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), INT64_MAX / 1000}}).status, ReplyStatus::applied);
  t = transaction("g", 20 * 86'400);
  t.amount = {1'000'000'000, *Code::parse("USD")};
  EXPECT_EQ(code_of(t), "amount_base_too_large");
  EXPECT_EQ(count(EventType::transaction_quarantined), 7u);
}

TEST_F(EngineTest, TheSameBadInputIsQuarantinedOnce) {
  const Unacceptable bad{"", {{"broken_json", "", "at byte 1"}}};
  const Reply first = run(bad, "{oops");
  const Reply again = run(bad, "{oops");
  EXPECT_EQ(again.position, first.position);
  EXPECT_TRUE(again.repeat);
  EXPECT_NE(run(bad, "{other").position, first.position);
  EXPECT_EQ(count(EventType::transaction_quarantined), 2u);
}

TEST_F(EngineTest, EqualBadRowsOfTwoPlacesAreEachQuarantinedOnce) {
  const Unacceptable bad{"", {{"broken_json", "", "at byte 1"}}};
  const std::vector<Command> rows{{bad, "{oops", "tx.csv:2"}, {bad, "{oops", "tx.csv:3"}};
  std::vector<eventlog::Position> positions;
  for (int run = 0; run < 3; ++run) {
    if (run == 2) open();
    ASSERT_TRUE(engine_->submit(rows, replies_));
    ASSERT_TRUE(engine_->settle());
    ASSERT_EQ(replies_.size(), 2u);
    for (const Reply& reply : replies_) positions.push_back(reply.position);
  }
  EXPECT_EQ(count(EventType::transaction_quarantined), 2u);
  EXPECT_NE(positions[0], positions[1]);
  for (std::size_t i = 2; i < positions.size(); ++i) EXPECT_EQ(positions[i], positions[i % 2]);
}

TEST_F(EngineTest, ReferenceDataIsRecordedWhenItChanges) {
  eventlog::CustomerUpdated update{"c1", eventlog::Place{1, 2}, {}, "gold"};
  EXPECT_EQ(run(UpdateCustomer{update}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdateCustomer{update}).status, ReplyStatus::unchanged);
  update.segment = "silver";
  EXPECT_EQ(run(UpdateCustomer{update}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdateMerchant{{"m1", "Shop", "food", {}, {}}}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdateMerchant{{"m1", "Shop", "food", {}, {}}}).status, ReplyStatus::unchanged);
  EXPECT_EQ(run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), 5}}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), 5}}).status, ReplyStatus::unchanged);
  EXPECT_EQ(run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), 0}}).status, ReplyStatus::refused);
  open();
  EXPECT_NE(run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), 5}}).position, eventlog::Position{});
}

TEST_F(EngineTest, NewFeaturesSeeThePastAndBadOnesAreRefused) {
  submit(transaction("t1", 0));
  submit(transaction("t2", 1));
  std::string wider(kFeatures);
  wider += "[[feature]]\nname = \"customer_count_2h\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"2h\"\n";
  EXPECT_EQ(run(ActivateFeatures{wider, "f.toml"}).status, ReplyStatus::applied);
  EXPECT_EQ(run(ActivateFeatures{wider, "f.toml"}).status, ReplyStatus::unchanged);
  EXPECT_EQ(submit(transaction("t3", 2)).outcome, Outcome::review);  // three within the hour, two of them from before

  const Reply bad = run(ActivateFeatures{"[[feature]]\nname = \"x\"\n", "f.toml"});
  EXPECT_EQ(bad.status, ReplyStatus::refused);
  EXPECT_NE(bad.reasons[0].text.find("f.toml:"), std::string::npos) << bad.reasons[0].text;
  // The rules in force use customer_count_1h.
  const Reply breaking = run(ActivateFeatures{
      "[[feature]]\nname = \"n\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"2h\"\n", "f.toml"});
  EXPECT_EQ(breaking.status, ReplyStatus::refused);
  EXPECT_EQ(breaking.reasons[0].code, "features_break_rules");
}

TEST_F(EngineTest, NewRulesApplyFromTheNextTransactionAndOldAnswersKeepTheirs) {
  for (int i = 0; i < 3; ++i) submit(transaction("t" + std::to_string(i), i));
  EXPECT_EQ(run(ActivateRules{"[thresholds]\nreview_score = 50\ndecline_score = 100\n", "r.toml"}).status,
            ReplyStatus::applied);
  EXPECT_EQ(submit(transaction("t4", 4)).outcome, Outcome::approve);
  const Reply old = submit(transaction("t2", 2));
  EXPECT_EQ(old.outcome, Outcome::review);
  ASSERT_EQ(old.matched.size(), 1u);
  EXPECT_EQ(old.rule_set->rules()[old.matched[0]].id, "velocity");
  EXPECT_EQ(run(ActivateRules{"[[rule]]\nid = 1\n", "r.toml"}).status, ReplyStatus::refused);
}

// Rule sets that a reply of the batch points into outlive the state that an activation replaces.
TEST_F(EngineTest, AnActivationLeavesTheAnswersBeforeItInItsBatch) {
  for (int i = 0; i < 3; ++i) submit(transaction("t" + std::to_string(i), i));
  std::string wider(kFeatures);
  wider += "[[feature]]\nname = \"customer_count_2h\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"2h\"\n";
  const std::vector<Command> batch{{SubmitTransaction{transaction("t3", 3)}, "{}", "test"},
                                   {ActivateFeatures{wider, "f.toml"}, "{}", "test"},
                                   {SubmitTransaction{transaction("t4", 4)}, "{}", "test"},
                                   {UpdatePolicy{"clock = \"stream\"\nhorizon = \"30d\"\n", "p.toml"}, "{}", "test"},
                                   {SubmitTransaction{transaction("t5", 5)}, "{}", "test"}};
  const auto taken = engine_->submit(batch, replies_);
  ASSERT_TRUE(taken && *taken == batch.size());
  for (const std::size_t decided : {0, 2, 4}) {
    ASSERT_EQ(replies_[decided].matched.size(), 1u);
    EXPECT_EQ(replies_[decided].rule_set->rules()[replies_[decided].matched[0]].id, "velocity");
  }
}

TEST_F(EngineTest, PolicyChangesAreRecordedAndBadOnesRefused) {
  EXPECT_EQ(run(UpdatePolicy{"amount_minor_min = 0\nclock = \"stream\"\n", "p.toml"}).status, ReplyStatus::applied);
  EXPECT_EQ(run(UpdatePolicy{"amount_minor_min = 0\nclock = \"stream\"\n", "p.toml"}).status, ReplyStatus::unchanged);
  auto t = transaction("t1");
  t.amount.minor = 0;
  EXPECT_EQ(submit(t).status, ReplyStatus::decided);
  EXPECT_EQ(run(UpdatePolicy{"horizon = \"soon\"\n", "p.toml"}).status, ReplyStatus::refused);
  EXPECT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"30d\"\n", "p.toml"}).status, ReplyStatus::applied);
  open();
  EXPECT_EQ(engine_->policy().horizon_us, 30 * kDayUs);
}

TEST_F(EngineTest, WhatNoWindowCanBeKeptForIsRefusedAndNotRecorded) {
  const std::size_t before = events().size();
  EXPECT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"900d\"\n", "p.toml"}).reasons[0].code, "bad_policy");
  const Reply policy = run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"810d\"\n", "p.toml"});
  ASSERT_EQ(policy.status, ReplyStatus::refused);
  EXPECT_EQ(policy.reasons[0].code, "horizon_too_long");
  EXPECT_EQ(events().size(), before);
  EXPECT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"700d\"\n", "p.toml"}).status, ReplyStatus::applied);
  // A short horizon later does not help: late transactions of the long one may be in the log.
  EXPECT_EQ(run(UpdatePolicy{"clock = \"stream\"\nhorizon = \"1d\"\n", "p.toml"}).status, ReplyStatus::applied);
  std::string longer(kFeatures);
  longer += "[[feature]]\nname = \"a\"\nentity = \"customer\"\naggregate = \"count\"\nwindow = \"200d\"\n";
  const Reply features = run(ActivateFeatures{longer, "f.toml"});
  ASSERT_EQ(features.status, ReplyStatus::refused);
  EXPECT_EQ(features.reasons[0].code, "horizon_too_long");
  EXPECT_EQ(events().size(), before + 2);
  open();
  EXPECT_EQ(submit(transaction("t1")).status, ReplyStatus::decided);
}

TEST_F(EngineTest, APolicyThatCannotBeKeptIsAnErrorAtOpenAndNotRecorded) {
  const auto fresh = directory_ / "fresh";
  for (const std::int64_t days : {810, 900, 106'751'991}) {
    EngineOptions options = options_;
    options.policy.horizon_us = days * kDayUs;
    const auto opened = Engine::open(environment_, fresh, options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, eventlog::ErrorKind::invalid);
    EXPECT_NE(opened.error().text.find("814"), std::string::npos) << opened.error().text;
  }
  EXPECT_TRUE(Engine::open(environment_, fresh, options_));
}

// Stream time may stand ahead by an earlier policy's skew when a later one accepts back by its longer horizon.
TEST_F(EngineTest, WindowsReachBackByTheHorizonOfOnePolicyFromTheSkewOfAnother) {
  const std::int64_t now_us = environment_.now().value();
  ASSERT_EQ(run(UpdatePolicy{"future_skew = \"40d\"\n", "p.toml"}).status, ReplyStatus::applied);
  auto ahead = transaction("ahead");
  ahead.event_time = EventTime{now_us + 39 * kDayUs};
  ASSERT_EQ(submit(ahead).status, ReplyStatus::decided);
  ASSERT_EQ(run(UpdatePolicy{"horizon = \"30d\"\n", "p.toml"}).status, ReplyStatus::applied);
  for (int i = 0; i < 3; ++i) {
    const std::string id = "late" + std::to_string(i);
    auto late = transaction(id);
    late.event_time = EventTime{now_us - 29 * kDayUs + i};
    const Reply reply = submit(late);
    ASSERT_EQ(reply.status, ReplyStatus::decided);
    EXPECT_EQ(reply.outcome, i < 2 ? Outcome::approve : Outcome::review);
  }
}

TEST_F(EngineTest, LiveStateEqualsReplayedState) {
  for (int i = 0; i < 500; ++i) {
    const std::string customer = "c" + std::to_string(i % 7);
    submit(transaction("t" + std::to_string(i), i * 37 % 9000, customer));
    if (i % 9 == 0) run(label("t" + std::to_string(i / 2)));
  }
  const std::uint64_t live = engine_->state().digest();
  open();
  EXPECT_EQ(engine_->state().digest(), live);
}

TEST_F(EngineTest, ManyCommandsAtOnceAreDecidedInOrderWhateverTheBatch) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5000; ++i) ids.push_back("t" + std::to_string(i));
  std::vector<Command> commands;
  for (int i = 0; i < 5000; ++i) commands.push_back({SubmitTransaction{transaction(ids[i], i % 100)}, "{}", "test"});
  std::span<const Command> rest(commands);
  std::uint64_t last = 0;
  while (!rest.empty()) {
    auto taken = engine_->submit(rest.first(std::min<std::size_t>(rest.size(), 777)), replies_);
    ASSERT_TRUE(taken) << taken.error().text;
    for (std::size_t i = 0; i < *taken; ++i) {
      EXPECT_EQ(replies_[i].transaction_id, ids[5000 - rest.size() + i]);
      EXPECT_GT(replies_[i].position.value(), last);
      last = replies_[i].position.value();
    }
    rest = rest.subspan(*taken);
    engine_->try_commit();
  }
  ASSERT_TRUE(engine_->settle());
  EXPECT_GE(engine_->log().durable().value(), last);
}

// A frame of these small segments holds less than a megabyte.
TEST_F(EngineTest, LongTextsAreActivatedOrRefusedHoweverFullTheFrameIs) {
  const auto padded = [](std::string_view text, std::size_t bytes) {
    return std::string(text) + "#" + std::string(bytes, 'x') + "\n";
  };
  const std::string extra = "\"note\":\"" + std::string(4000, 'x') + "\"";
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) ids.push_back("t" + std::to_string(i));
  std::vector<Command> batch;
  for (const std::string& id : ids) {
    auto t = transaction(id);
    t.extra = extra;
    batch.push_back({SubmitTransaction{t}, "{}", "test"});
  }
  const std::string rules = padded(kRules, 950'000), longest = padded(kRules, 1'048'000),
                    features = padded(kFeatures, 120'000);
  batch.push_back({ActivateRules{rules, "r.toml"}, "", "test"});
  batch.push_back({SubmitTransaction{transaction("t60")}, "{}", "test"});
  batch.push_back({ActivateFeatures{features, "f.toml"}, "", "test"});
  batch.push_back({ActivateRules{longest, "r.toml"}, "", "test"});
  std::vector<ReplyStatus> statuses;
  for (std::span<const Command> rest(batch); !rest.empty();) {
    const auto taken = engine_->submit(rest, replies_);
    ASSERT_TRUE(taken) << taken.error().text;
    for (const Reply& reply : replies_) {
      statuses.push_back(reply.status);
      if (reply.status == ReplyStatus::refused) {
        EXPECT_EQ(reply.reasons[0].code, "activation_too_large");
      }
    }
    rest = rest.subspan(*taken);
    ASSERT_TRUE(engine_->settle());
  }
  EXPECT_EQ(std::vector(statuses.end() - 4, statuses.end()),
            (std::vector{ReplyStatus::applied, ReplyStatus::decided, ReplyStatus::refused, ReplyStatus::refused}));
  open();
  EXPECT_EQ(engine_->rule_set().text().size(), rules.size());

  EngineOptions options = options_;
  options.rules_toml = longest;
  const auto opened = Engine::open(environment_, directory_ / "fresh", options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, eventlog::ErrorKind::invalid);
}

TEST_F(EngineTest, TooSmallSegmentsAndBadTextsAreErrorsAtOpen) {
  engine_.reset();
  EngineOptions options = options_;
  options.log.segment_bytes = 1 << 20;
  EXPECT_EQ(Engine::open(environment_, data(), options).error().kind, eventlog::ErrorKind::invalid);
  options = options_;
  options.rules_toml =
      "[[rule]]\nid = \"x\"\nwhen = \"no_such_feature > 1\"\noutcome = \"review\"\ndescription = \"d\"\n";
  options.rules_file = "my.toml";
  const auto fresh = directory_ / "fresh";
  const auto opened = Engine::open(environment_, fresh, options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text.find("my.toml:3:"), std::string::npos) << opened.error().text;
}

}  // namespace
}  // namespace vigil::commands::engine_test
