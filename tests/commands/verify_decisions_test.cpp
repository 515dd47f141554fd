// Given a log, when every decision is taken again, then nothing differs, or the first difference is named.
#include "commands/verify_decisions.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include "eventlog/storage/posix_environment.h"
#include "tests/commands/engine_fixture.h"

namespace vigil::commands::taken_again {
namespace {

using namespace engine_fixture;  // NOLINT: tests only
using eventlog::Code;
using eventlog::EventTime;
using eventlog::EventType;
using eventlog::Position;
using eventlog::Record;

constexpr std::string_view kCustomerMean2h = R"(
[[feature]]
name = "customer_mean_2h"
entity = "customer"
aggregate = "mean"
window = "2h"
)";
const std::string kMoreFeatures = joined({kCustomerCount1h, kCustomerMean2h, kMerchantFrauds7d});
constexpr const char* kOtherRules = R"(
[[rule]]
id = "velocity"
description = "two or more in an hour"
when = "customer_count_1h >= 2"
outcome = "decline"
score = 30
severity = "P1"
)";

// What stands in place of a record; nothing leaves it as it is.
using Change = std::function<bool(const Record&, eventlog::FrameBuilder&)>;

class VerifyDecisionsTest : public engine_fixture::EngineFixture<eventlog::PosixEnvironment> {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    options_.features_toml = kCustomerCount1h;
    options_.rules_toml = joined({kThresholds, kVelocity, "cooldown = \"10m\"\n", kBlocked});
    open();
  }

  void run(CommandBody body) {
    const Command command{std::move(body), "{}", "test"};
    const auto taken = engine_->submit({&command, 1}, replies_);
    ASSERT_TRUE(taken && *taken == 1) << (taken ? "not taken" : taken.error().text);
    if (++commands_ % 10 == 0) {
      ASSERT_TRUE(engine_->settle());
    }
    ASSERT_NE(replies_.front().status, ReplyStatus::refused) << replies_.front().reasons.front().text;
  }
  // Payments of a few customers, some of them late, some labelled.
  void pay(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string id = "t" + std::to_string(++paid_);
      const std::string customer = "c" + std::to_string(random_() % 5);
      const std::int64_t late_s = random_() % 10 == 0 ? 900 : 0;
      eventlog::Transaction t;
      t.id = id;
      t.event_time = EventTime{kStartUs + (static_cast<std::int64_t>(paid_) * 240 - late_s) * kSecondUs};
      t.customer_id = customer;
      t.merchant_id = "m1";
      t.amount = {static_cast<std::int64_t>(100 + random_() % 9000), *Code::parse("EUR")};
      run(SubmitTransaction{t});
      if (random_() % 7 == 0) run(ReportLabel{id, 1, eventlog::LabelKind::fraud, t.event_time, "test"});
    }
  }
  // Everything that decisions depend on changes at least once.
  void a_life() {
    pay(40);
    run(UpdateList{{"blocked", {"c1"}, {}}});
    pay(30);
    run(ActivateFeatures{kMoreFeatures, "more.toml"});
    pay(30);
    run(ActivateRules{kOtherRules, "other.toml"});
    run(UpdateList{{"blocked", {}, {"c1"}}});
    pay(30);
    ASSERT_TRUE(engine_->close());
    engine_.reset();
  }

  static VerifiedDecisions verified(const std::filesystem::path& data) {
    eventlog::PosixEnvironment environment;
    const auto log = eventlog::LogReader::open(environment, data / "log");
    EXPECT_TRUE(log) << log.error().text;
    std::uint64_t last = 0, all = 0;
    auto found = verify_decisions(**log, [&](std::uint64_t done, std::uint64_t total) {
      EXPECT_GE(done, last);
      last = done, all = total;
    });
    EXPECT_TRUE(found) << found.error().text;
    if (found && !found->first) {
      EXPECT_EQ(last, all);
    }
    return found ? std::move(*found) : VerifiedDecisions{};
  }

  // A log with the same events but for what `change` writes instead.
  std::filesystem::path forged(const Change& change) {
    const std::filesystem::path forgery = directory_ / "forged";
    eventlog::LogOptions options;
    options.segment_bytes = 4 << 20;
    auto source = eventlog::LogReader::open(environment_, data() / "log");
    auto target = eventlog::Log::open(environment_, forgery / "log", options);
    EXPECT_TRUE(source && target);
    auto cursor = (*source)->read_from(Position{1});
    while (auto record = *(*cursor)->next()) {
      eventlog::FrameBuilder& frame = (*target)->builder();
      // All events of a frame carry its time.
      if (!frame.empty() && frame.ingest_time() != record->ingest_time) {
        EXPECT_TRUE((*target)->settle());
      }
      frame.begin(record->ingest_time);
      if (!change(*record, frame)) copy(*record, frame);
    }
    EXPECT_TRUE((*target)->settle());
    return forgery;
  }
  static void copy(const Record& record, eventlog::FrameBuilder& frame) {
    const auto payload =
        frame.begin_record(record.type, record.version, record.links, record.key, record.payload.size());
    std::memcpy(payload.data(), record.payload.data(), record.payload.size());
    frame.end_record(record.payload.size());
  }
  // Changes the decision of the `which`-th decided transaction.
  template <class Edit>
  static Change change_decision(std::size_t which, Edit edit) {
    return [which, edit, seen = std::size_t{0}](const Record& record, eventlog::FrameBuilder& frame) mutable {
      if (record.type != static_cast<std::uint16_t>(EventType::transaction_decided) || ++seen != which) return false;
      auto event = *eventlog::decode<eventlog::TransactionDecided>(record);
      edit(event);
      eventlog::EntityLinks links{};
      std::ranges::copy(record.links, links.begin());
      append(frame, event, links);
      return true;
    };
  }
  static Position position_of(const std::filesystem::path& data, EventType type, std::size_t which) {
    eventlog::PosixEnvironment environment;
    const auto log = eventlog::LogReader::open(environment, data / "log");
    auto cursor = (*log)->read_from(Position{1});
    while (auto record = *(*cursor)->next()) {
      if (record->type == static_cast<std::uint16_t>(type) && --which == 0) return record->position;
    }
    return {};
  }
  static void expect_first(const VerifiedDecisions& found, Position position, std::string_view field,
                           std::string_view recorded, std::string_view recomputed) {
    ASSERT_TRUE(found.first);
    EXPECT_EQ(found.first->position, position);
    ASSERT_FALSE(found.first->fields.empty());
    EXPECT_EQ(found.first->fields.front().field, field);
    EXPECT_EQ(found.first->fields.front().recorded, recorded);
    EXPECT_EQ(found.first->fields.front().recomputed, recomputed);
  }

  std::vector<Reply> replies_;
  std::uint64_t paid_ = 0, commands_ = 0;
  std::mt19937 random_{7};
};

TEST_F(VerifyDecisionsTest, AHealthyLogHasNoDifference) {
  a_life();
  const VerifiedDecisions found = verified(data());
  EXPECT_FALSE(found.first) << found.first->position.value() << ' ' << found.first->fields.front().field << ' '
                            << found.first->fields.front().recorded << ' ' << found.first->fields.front().recomputed;
  EXPECT_EQ(found.decisions, 130u);
  EXPECT_GT(found.alerts, 5u);
  EXPECT_EQ(found.catalogues, 2u);
  EXPECT_EQ(found.rule_sets, 3u) << "new features activate the rules again";
}

TEST_F(VerifyDecisionsTest, AnUnchangedCopyHasNoDifferenceEither) {
  a_life();
  const VerifiedDecisions found = verified(forged([](const Record&, eventlog::FrameBuilder&) { return false; }));
  EXPECT_FALSE(found.first);
  EXPECT_EQ(found.decisions, 130u);
}

TEST_F(VerifyDecisionsTest, AnAlteredOutcomeIsNamedWithItsPosition) {
  a_life();
  const auto data = forged(change_decision(50, [](auto& event) {
    event.outcome =
        event.outcome == eventlog::Outcome::approve ? eventlog::Outcome::decline : eventlog::Outcome::approve;
  }));
  const VerifiedDecisions found = verified(data);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->position, position_of(data, EventType::transaction_decided, 50));
  EXPECT_EQ(found.first->transaction_id, "t50");
  ASSERT_EQ(found.first->fields.size(), 1u);
  EXPECT_EQ(found.first->fields[0].field, "outcome");
}

TEST_F(VerifyDecisionsTest, AnAlteredScoreUnderLaterFeaturesIsNamed) {
  a_life();
  std::int32_t score = 0;
  const auto data = forged(change_decision(120, [&](auto& event) { score = event.score, event.score += 1; }));
  expect_first(verified(data), position_of(data, EventType::transaction_decided, 120), "score",
               std::to_string(score + 1), std::to_string(score));
}

TEST_F(VerifyDecisionsTest, AnAlteredFeatureIsNamedByItsName) {
  a_life();
  std::vector<std::byte> bytes(1);
  const auto data = forged(change_decision(1, [&](auto& event) {
    const eventlog::Value forty = eventlog::Value::of(std::int64_t{40});
    bytes.resize(eventlog::values_bytes_max({&forty, 1}));
    bytes.resize(eventlog::encode_values({&forty, 1}, bytes));
    event.features = bytes;
  }));
  expect_first(verified(data), position_of(data, EventType::transaction_decided, 1), "features.customer_count_1h", "40",
               "1");
}

TEST_F(VerifyDecisionsTest, AnAlteredAmountChangesWhatFollowsAndIsNamedThere) {
  a_life();
  const auto data = forged(change_decision(10, [](auto& event) { event.amount_base_minor += 1; }));
  const VerifiedDecisions found = verified(data);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->position, position_of(data, EventType::transaction_decided, 10));
  EXPECT_EQ(found.first->fields.front().field, "amount_base_minor");
}

TEST_F(VerifyDecisionsTest, MatchedRulesAreNamedByTheirIds) {
  a_life();
  const std::vector<std::uint16_t> both{0, 1};
  const auto data = forged(change_decision(1, [&](auto& event) { event.matched = both; }));
  expect_first(verified(data), position_of(data, EventType::transaction_decided, 1), "matched", "velocity, blocked",
               "none");
}

TEST_F(VerifyDecisionsTest, AnAlteredAlertIsNamed) {
  a_life();
  std::size_t seen = 0;
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    if (record.type != static_cast<std::uint16_t>(EventType::alert_raised) || ++seen != 2) return false;
    auto event = *eventlog::decode<eventlog::AlertRaised>(record);
    event.severity = eventlog::Severity::p3;
    append(frame, event, {});
    return true;
  });
  expect_first(verified(data), position_of(data, EventType::alert_raised, 2), "alert.severity", "P3", "P2");
}

TEST_F(VerifyDecisionsTest, AMissingAlertIsNamedWhereItShouldStand) {
  a_life();
  const Position alert = position_of(data(), EventType::alert_raised, 1);
  std::size_t seen = 0;
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    if (record.type != static_cast<std::uint16_t>(EventType::alert_raised) || ++seen != 1) return false;
    append(frame, eventlog::RateUpdated{*Code::parse("USD"), *Code::parse("EUR"), 900'000'000});
    return true;
  });
  expect_first(verified(data), alert, "alert", "none", "of rule velocity");
}

TEST_F(VerifyDecisionsTest, ADecisionRecordedTwiceIsNamed) {
  a_life();
  const Position first = position_of(data(), EventType::transaction_decided, 3);
  std::vector<Record> kept;
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    copy(record, frame);
    if (record.position == first) copy(record, frame);
    return true;
  });
  expect_first(verified(data), Position{first.value() + 1}, "acceptance", "accepted",
               "a repeat of position " + std::to_string(first.value()));
}

// Forgotten under a short horizon, then recorded again under a long one.
TEST_F(VerifyDecisionsTest, ADecisionRecordedAgainAfterItsIdWasForgottenIsNamed) {
  run(UpdatePolicy{"clock = 'stream'\nhorizon = '1h'", "p.toml"});
  pay(40);
  run(UpdatePolicy{"clock = 'stream'\nhorizon = '30d'", "p.toml"});
  pay(1);
  ASSERT_TRUE(engine_->close());
  engine_.reset();
  const Position first = position_of(data(), EventType::transaction_decided, 1);
  const Position last = position_of(data(), EventType::transaction_decided, 41);
  const auto log = eventlog::LogReader::open(environment_, data() / "log");
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    copy(record.position == last ? *(*log)->at(first) : record, frame);
    return true;
  });
  expect_first(verified(data), last, "acceptance", "accepted", "a repeat of position " + std::to_string(first.value()));
}

TEST_F(VerifyDecisionsTest, OtherRulesThanTheTextSaysAreNamed) {
  a_life();
  std::size_t seen = 0;
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    if (record.type != static_cast<std::uint16_t>(EventType::rules_activated) || ++seen != 1) return false;
    auto event = *eventlog::decode<eventlog::RulesActivated>(record);
    event.text = kOtherRules;  // its hash stays that of the rules that decided
    append(frame, event);
    return true;
  });
  const VerifiedDecisions found = verified(data);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->position, position_of(data, EventType::rules_activated, 1));
  EXPECT_EQ(found.first->fields.front().field, "sha256");
}

TEST_F(VerifyDecisionsTest, RulesChangedWithTheirHashAreFoundByTheFirstDecision) {
  a_life();
  std::size_t seen = 0;
  const auto other = [](const Record& record) { return *eventlog::decode<eventlog::RulesActivated>(record); };
  std::array<std::byte, 32> hash{};
  const Position last_rules = position_of(data(), EventType::rules_activated, 3);
  {
    const auto log = eventlog::LogReader::open(environment_, data() / "log");
    hash = other(*(*log)->at(last_rules)).sha256;
  }
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    if (record.type != static_cast<std::uint16_t>(EventType::rules_activated) || ++seen != 1) return false;
    append(frame, eventlog::RulesActivated{1, kOtherRules, hash});
    return true;
  });
  const VerifiedDecisions found = verified(data);
  ASSERT_TRUE(found.first);
  EXPECT_GT(found.first->position, Position{3});
  EXPECT_LT(found.first->position, Position{40});
}

TEST_F(VerifyDecisionsTest, ADecisionBeforeAnyFeaturesIsDamage) {
  pay(3);
  ASSERT_TRUE(engine_->close());
  engine_.reset();
  const auto data = forged([&](const Record& record, eventlog::FrameBuilder& frame) {
    if (record.type != static_cast<std::uint16_t>(EventType::features_activated)) return false;
    append(frame, eventlog::RateUpdated{*Code::parse("USD"), *Code::parse("EUR"), 900'000'000});
    return true;
  });
  const auto log = eventlog::LogReader::open(environment_, data / "log");
  ASSERT_TRUE(log);
  const auto found = verify_decisions(**log);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, eventlog::ErrorKind::damaged);
  EXPECT_NE(found.error().text.find("position 3: RulesActivated before any features"), std::string::npos)
      << found.error().text;
}

}  // namespace
}  // namespace vigil::commands::taken_again
