// A rule set asks guards before it runs conditions; what matches must be what the conditions alone say.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "rules/expression/lists.h"
#include "rules/expression/transaction_fields.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::rules::guarded_rules_test {
namespace {

using eventlog::Outcome;

class GuardedRules : public ::testing::Test {
 protected:
  GuardedRules() {
    auto catalogue = Catalogue::parse(default_features_toml(), "default_features.toml");
    if (!catalogue) throw std::runtime_error(catalogue.error().text);
    catalogue_ = std::move(*catalogue);
    auto rules = RuleSet::parse(default_rules_toml(), "default_rules.toml", catalogue_);
    if (!rules) throw std::runtime_error(rules.error().text);
    rules_.emplace(std::move(*rules));
  }

  // Numbers near those the default rules speak of; some nulls, some values of another type.
  Value value(ValueType type) {
    static constexpr std::int64_t kNumbers[] = {
        0,      1,      2,      3,       4,       5,       6,       10,      12,        15,        20,       29,
        30,     40,     100,    499,     500,     999,     1'000,   3'599,   3'600,     9'999,     10'000,   20'000,
        30'000, 50'000, 99'999, 100'000, 150'000, 899'999, 900'000, 999'999, 1'000'000, 7'776'000, 7'776'001};
    static constexpr std::string_view kTexts[] = {"", "FR", "DE", "a", "b", "c"};
    if (random_() % 12 == 0) return Value::null();
    if (random_() % 40 == 0) type = static_cast<ValueType>(random_() % 5);
    const std::int64_t number = kNumbers[random_() % std::size(kNumbers)];
    switch (type) {
      case ValueType::boolean: return Value::boolean(random_() % 2 == 0);
      case ValueType::integer: return Value::of(number);
      case ValueType::floating: return Value::of(static_cast<double>(number) / (random_() % 3 == 0 ? 100.0 : 1.0));
      case ValueType::text: return Value::of(kTexts[random_() % std::size(kTexts)]);
      case ValueType::null: break;
    }
    return Value::null();
  }

  Catalogue catalogue_;
  std::optional<RuleSet> rules_;
  std::mt19937_64 random_{11};
};

TEST_F(GuardedRules, MatchWhatTheConditionsAloneMatch) {
  Lists listed;
  for (const char* list : {"blocked_customers", "blocked_merchants", "blocked_devices"})
    listed.apply({list, {"a"}, {}});
  listed.apply({"blocked_countries", {"DE", "b"}, {}});
  const Lists empty;
  const RuleSet copied = *rules_;  // its guards point into programs it shares
  std::vector<std::size_t> matches(rules_->rules().size());
  std::vector<std::uint16_t> matched, expected;
  for (int round = 0; round < 200'000; ++round) {
    std::vector<Value> slots(kTransactionFields + catalogue_.size());
    for (const Symbol& symbol : catalogue_.symbols()) slots[symbol.slot] = value(symbol.type);
    const Lists& lists = round % 2 == 0 ? listed : empty;
    expected.clear();
    std::int32_t score = 0;
    Outcome outcome = Outcome::approve;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const Rule& rule = rules_->rules()[i];
      if (!rule.condition.evaluate(slots, lists).truth()) continue;
      expected.push_back(static_cast<std::uint16_t>(i));
      score += rule.score;
      outcome = std::max(outcome, rule.outcome);
      ++matches[i];
    }
    if (score >= 50) outcome = std::max(outcome, Outcome::review);
    if (score >= 100) outcome = Outcome::decline;
    const Verdict verdict = (round % 3 == 0 ? copied : *rules_).evaluate(slots, lists, matched);
    ASSERT_EQ(matched, expected) << "round " << round;
    ASSERT_EQ(verdict.score, score);
    ASSERT_EQ(verdict.outcome, outcome);
  }
  for (std::size_t i = 0; i < matches.size(); ++i) {
    EXPECT_GT(matches[i], 20u) << rules_->rules()[i].id << " hardly ever held: the test says nothing about it";
  }
}

TEST_F(GuardedRules, TooFewSlotsEndTheProcess) {
  const std::vector<Value> slots(kTransactionFields);
  std::vector<std::uint16_t> matched;
  EXPECT_DEATH(rules_->evaluate(slots, {}, matched), "every slot of the rules has its value");
}

}  // namespace
}  // namespace vigil::rules::guarded_rules_test
