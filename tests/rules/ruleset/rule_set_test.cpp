#include "rules/ruleset/rule_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "rules/expression/lists.h"
#include "rules/expression/transaction_fields.h"

namespace vigil::rules::rule_set_test {
namespace {

using eventlog::Outcome;
using eventlog::Severity;

Catalogue catalogue() {
  auto parsed = Catalogue::parse(R"(
[[feature]]
name = "customer_count_10m"
entity = "customer"
aggregate = "count"
window = "10m"
description = "count"
)",
                                 "features.toml");
  EXPECT_TRUE(parsed) << parsed.error().text;
  return *parsed;
}

Expected<RuleSet> parse(std::string_view toml) { return RuleSet::parse(toml, "rules.toml", catalogue()); }

std::string error_of(std::string_view toml) {
  const auto rules = parse(toml);
  return rules ? "parses" : rules.error().text;
}

// One rule with every required key and `more` of it.
std::string rule(std::string_view more = "", std::string_view id = "r1") {
  return "[[rule]]\nid = \"" + std::string(id) + "\"\nwhen = \"amount > 100\"\noutcome = \"review\"\n" +
         std::string(more);
}

std::vector<Value> slots(std::int64_t amount, std::int64_t count) {
  std::vector<Value> values(kTransactionFields + 1);
  values[static_cast<std::size_t>(TransactionField::amount)] = Value::of(amount);
  values[kTransactionFields] = Value::of(count);
  return values;
}

TEST(RuleSet, ReadsEveryKey) {
  const auto rules = parse(R"(
[[rule]]
id = "velocity-10m"
description = "Five in ten minutes"
when = "customer_count_10m >= 5"
outcome = "decline"
score = -30
severity = "P1"
cooldown = "1h"
alert = false
)");
  ASSERT_TRUE(rules) << rules.error().text;
  ASSERT_EQ(rules->rules().size(), 1u);
  const Rule& read = rules->rules()[0];
  EXPECT_EQ(read.id, "velocity-10m");
  EXPECT_EQ(read.description, "Five in ten minutes");
  EXPECT_EQ(read.condition.text(), "customer_count_10m >= 5");
  EXPECT_EQ(read.outcome, Outcome::decline);
  EXPECT_EQ(read.score, -30);
  EXPECT_EQ(read.severity, Severity::p1);
  EXPECT_EQ(read.cooldown_us, 3'600'000'000);
  EXPECT_FALSE(read.alerts);
  EXPECT_EQ(read.place.line, 5u);
  EXPECT_EQ(read.place.column, 9u);
}

TEST(RuleSet, WhatIsNotSaidHasADefault) {
  const auto rules = parse(rule());
  ASSERT_TRUE(rules) << rules.error().text;
  const Rule& read = rules->rules()[0];
  EXPECT_EQ(read.description, "");
  EXPECT_EQ(read.score, 0);
  EXPECT_EQ(read.severity, Severity::p2);
  EXPECT_EQ(read.cooldown_us, 0);
  EXPECT_TRUE(read.alerts);
  EXPECT_TRUE(parse("")) << "no rules are a rule set too";
}

TEST(RuleSet, IsNamedByTheHashOfItsText) {
  const auto rules = parse("");
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->text(), "");
  EXPECT_EQ(rules->sha256()[0], std::byte{0xe3}) << "SHA-256 of nothing begins with e3b0c442";
  EXPECT_EQ(rules->sha256()[1], std::byte{0xb0});
  EXPECT_NE(parse("# other")->sha256(), rules->sha256());
}

constexpr std::string_view kThree = R"(
[thresholds]
review_score = 50
decline_score = 100
[[rule]]
id = "a"
when = "amount > 10"
outcome = "approve"
score = 49
[[rule]]
id = "b"
when = "amount > 20"
outcome = "approve"
score = 1
[[rule]]
id = "c"
when = "customer_count_10m >= 5"
outcome = "approve"
score = 50
[[rule]]
id = "d"
when = "amount > 1000"
outcome = "decline"
score = -1000
)";

Verdict judge(const RuleSet& rules, std::int64_t amount, std::int64_t count, std::vector<std::uint16_t>& matched) {
  return rules.evaluate(slots(amount, count), Lists{}, matched);
}

TEST(RuleSet, TheStrongestOutcomeOrTheScoreDecides) {
  const auto rules = parse(kThree);
  ASSERT_TRUE(rules) << rules.error().text;
  std::vector<std::uint16_t> matched{9, 9};
  Verdict verdict = judge(*rules, 5, 0, matched);
  EXPECT_EQ(verdict.outcome, Outcome::approve);
  EXPECT_EQ(verdict.score, 0);
  EXPECT_TRUE(matched.empty()) << "what was there before is gone";
  verdict = judge(*rules, 15, 0, matched);
  EXPECT_EQ(verdict.outcome, Outcome::approve) << "one below the threshold";
  EXPECT_EQ(verdict.score, 49);
  verdict = judge(*rules, 25, 0, matched);
  EXPECT_EQ(verdict.outcome, Outcome::review) << "exactly the threshold";
  EXPECT_EQ(verdict.score, 50);
  verdict = judge(*rules, 25, 5, matched);
  EXPECT_EQ(verdict.outcome, Outcome::decline);
  EXPECT_EQ(verdict.score, 100);
  EXPECT_EQ(matched, (std::vector<std::uint16_t>{0, 1, 2}));
  verdict = judge(*rules, 2000, 0, matched);
  EXPECT_EQ(verdict.outcome, Outcome::decline) << "a low score does not weaken an outcome";
  EXPECT_EQ(verdict.score, -950);
}

TEST(RuleSet, WithoutThresholdsOnlyOutcomesCount) {
  const auto rules = parse("[[rule]]\nid = \"a\"\nwhen = \"true\"\noutcome = \"approve\"\nscore = 1000\n");
  ASSERT_TRUE(rules) << rules.error().text;
  std::vector<std::uint16_t> matched;
  EXPECT_EQ(judge(*rules, 1, 1, matched).outcome, Outcome::approve);
  EXPECT_EQ(matched.size(), 1u);
}

TEST(RuleSetErrors, UnknownKeysComeWithTheNearestKnownOne) {
  EXPECT_EQ(error_of(rule("scor = 3\n")), "rules.toml:5:1: unknown key 'scor' in [[rule]]; did you mean 'score'?");
  EXPECT_EQ(error_of(rule("zzz = 3\naaa = 3\n")), "rules.toml:5:1: unknown key 'zzz' in [[rule]]");
  EXPECT_EQ(error_of("[treshold]\n"), "rules.toml:1:2: unknown key 'treshold' in the file; did you mean 'thresholds'?");
  EXPECT_EQ(error_of("[thresholds]\nreview_scor = 1\n"),
            "rules.toml:2:1: unknown key 'review_scor' in [thresholds]; did you mean 'review_score'?");
}

TEST(RuleSetErrors, MissingKeys) {
  EXPECT_EQ(error_of("[[rule]]\nwhen = \"true\"\noutcome = \"review\"\n"), "rules.toml:1:1: the rule has no 'id'");
  EXPECT_EQ(error_of("[[rule]]\nid = \"a\"\noutcome = \"review\"\n"), "rules.toml:1:1: the rule has no 'when'");
  EXPECT_EQ(error_of("[[rule]]\nid = \"a\"\nwhen = \"true\"\n"), "rules.toml:1:1: the rule has no 'outcome'");
}

TEST(RuleSetErrors, WrongTypesAndRanges) {
  EXPECT_EQ(error_of(rule("score = \"30\"\n")), "rules.toml:5:9: 'score' must be an integer, got a string");
  EXPECT_EQ(error_of(rule("score = 1001\n")), "rules.toml:5:9: 'score' must be between -1000 and 1000, got 1001");
  EXPECT_EQ(error_of(rule("severity = 2\n")), "rules.toml:5:12: 'severity' must be a string, got an integer");
  EXPECT_EQ(error_of(rule("alert = 1\n")), "rules.toml:5:9: 'alert' must be true or false, got an integer");
  EXPECT_EQ(error_of("thresholds = 3\n"), "rules.toml:1:14: 'thresholds' must be a table, got an integer");
  EXPECT_EQ(error_of("[thresholds]\nreview_score = 0\n"),
            "rules.toml:2:16: 'review_score' must be between 1 and 2147483646, got 0");
  EXPECT_EQ(error_of("[thresholds]\nreview_score = 9\ndecline_score = 8\n"),
            "rules.toml:3:17: 'decline_score' is below 'review_score'");
  EXPECT_EQ(error_of("rule = 3\n"), "rules.toml:1:8: 'rule' must be an array of tables ([[rule]])");
  EXPECT_EQ(error_of("rule = [3]\n"), "rules.toml:1:8: 'rule' must be an array of tables ([[rule]])");
}

TEST(RuleSetErrors, UnknownWords) {
  EXPECT_EQ(error_of("[[rule]]\nid = \"a\"\nwhen = \"true\"\noutcome = \"declin\"\n"),
            "rules.toml:4:11: unknown outcome 'declin' (approve, review or decline); did you mean 'decline'?");
  EXPECT_EQ(error_of(rule("severity = \"high\"\n")), "rules.toml:5:12: unknown severity 'high' (P0, P1, P2 or P3)");
  EXPECT_EQ(error_of(rule("cooldown = \"1 hour\"\n")),
            "rules.toml:5:12: malformed duration '1 hour' (like \"30s\", \"10m\", \"24h\", \"7d\")");
  EXPECT_EQ(error_of(rule("cooldown = \"31d\"\n")), "rules.toml:5:12: 'cooldown' must be at most 30d");
}

TEST(RuleSetErrors, IdsArePlainAndTakenOnce) {
  EXPECT_EQ(error_of(rule() + rule()), "rules.toml:6:6: the id 'r1' is taken by the rule at line 2");
  const std::string reason = "rules.toml:2:6: 'id' must be 1 to 128 letters, digits, '-', '_' or '.'";
  EXPECT_EQ(error_of(rule("", "two words")), reason);
  EXPECT_EQ(error_of(rule("", "")), reason);
  EXPECT_EQ(error_of(rule("", std::string(129, 'x'))), reason);
  EXPECT_EQ(error_of(rule("", std::string(128, 'x'))), "parses");
}

TEST(RuleSetErrors, ConditionsPointIntoTheFile) {
  const auto with = [](std::string_view when) {
    return error_of("[[rule]]\nid = \"a\"\nwhen = " + std::string(when) + "\noutcome = \"review\"\n");
  };
  EXPECT_EQ(with("\"amont > 3\""), "rules.toml:3:9: unknown name 'amont'; did you mean 'amount'?");
  EXPECT_EQ(with("'1 > customer_count_10'"),
            "rules.toml:3:13: unknown name 'customer_count_10'; did you mean 'customer_count_10m'?");
  EXPECT_EQ(with("\"\"\"amont > 3\"\"\""), "rules.toml:3:11: unknown name 'amont'; did you mean 'amount'?");
  EXPECT_EQ(with("\"\"\"\namount > 3 and\n  amont > 3\"\"\""),
            "rules.toml:5:3: unknown name 'amont'; did you mean 'amount'?");
  EXPECT_EQ(with("\"amount\""), "rules.toml:3:9: the value must be boolean, but is integer");
  EXPECT_EQ(with("3"), "rules.toml:3:8: 'when' must be a string, got an integer");
}

TEST(RuleSetErrors, LimitsOfTextDescriptionAndNumber) {
  EXPECT_EQ(error_of(std::string(kRulesTextBytesMax, '\n')), "parses");
  EXPECT_EQ(error_of(std::string(kRulesTextBytesMax + 1, '\n')),
            "rules.toml:1:1: the rules are longer than 1048576 bytes");
  EXPECT_EQ(error_of(rule("description = \"" + std::string(kRuleDescriptionBytesMax, 'x') + "\"\n")), "parses");
  EXPECT_EQ(error_of(rule("description = \"" + std::string(kRuleDescriptionBytesMax + 1, 'x') + "\"\n")),
            "rules.toml:5:15: 'description' is longer than 512 bytes");
  std::string many;
  for (std::size_t i = 0; i < eventlog::kRulesMax; ++i) many += rule("", "r" + std::to_string(i));
  EXPECT_EQ(error_of(many), "parses");
  EXPECT_NE(error_of(many + rule("", "last")).find("more than 1024 rules"), std::string::npos);
}

TEST(RuleSetErrors, MalformedTomlNamesItsPlace) {
  EXPECT_TRUE(error_of("[[rule]\n").starts_with("rules.toml:1:")) << error_of("[[rule]\n");
  EXPECT_TRUE(error_of("a = 1\na = 2\n").starts_with("rules.toml:2:")) << error_of("a = 1\na = 2\n");
}

}  // namespace
}  // namespace vigil::rules::rule_set_test
