#include "commands/policy.h"

#include <gtest/gtest.h>

namespace vigil::commands {
namespace {

std::string mistake(std::string_view toml) {
  const auto policy = Policy::parse(toml, "p.toml");
  EXPECT_FALSE(policy) << toml;
  if (policy) return {};
  EXPECT_EQ(policy.error().kind, eventlog::ErrorKind::invalid);
  return policy.error().text;
}

TEST(PolicyTest, AnEmptyTextIsTheDefaultPolicy) { EXPECT_EQ(*Policy::parse("", "p.toml"), Policy{}); }

TEST(PolicyTest, EveryKeyIsRead) {
  const auto policy = Policy::parse(R"(
base_currency = "USD"
amount_minor_min = 0
amount_minor_max = 5_000
future_skew = "0s"
horizon = "36h"
clock = "stream"
)",
                                    "p.toml");
  ASSERT_TRUE(policy) << policy.error().text;
  EXPECT_EQ(policy->base_currency.text(), "USD");
  EXPECT_EQ(policy->amount_minor_min, 0);
  EXPECT_EQ(policy->amount_minor_max, 5000);
  EXPECT_EQ(policy->future_skew_us, 0);
  EXPECT_EQ(policy->horizon_us, 36ll * 3'600'000'000);
  EXPECT_EQ(policy->clock, ReferenceClock::stream);
}

TEST(PolicyTest, TheCanonicalTextReadsBackEqual) {
  for (const std::int64_t time_us : {1ll, 1'001ll, 90'000'000ll, 7'200'000'000ll, 86'400'000'000ll}) {
    Policy policy;
    policy.base_currency = *eventlog::Code::parse("JPY");
    policy.amount_minor_min = 7;
    policy.amount_minor_max = 8;
    policy.future_skew_us = time_us - 1;
    policy.horizon_us = time_us;
    policy.clock = ReferenceClock::stream;
    const auto again = Policy::parse(policy.to_toml(), "p.toml");
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, policy);
    EXPECT_EQ(again->to_toml(), policy.to_toml());
  }
}

TEST(PolicyTest, EqualDurationsWrittenDifferentlyGiveOneText) {
  EXPECT_EQ(Policy::parse("horizon = \"7d\"", "a")->to_toml(), Policy::parse("horizon = \"168h\"", "b")->to_toml());
}

TEST(PolicyTest, MistakesNamePlaceAndReason) {
  EXPECT_EQ(mistake("clock = 'wall'\nhorizn = '7d'"), "p.toml:2:1: unknown key 'horizn'; did you mean 'horizon'?");
  EXPECT_EQ(mistake("\nbase_currency = 'EURO'").substr(0, 11), "p.toml:2:17");
  EXPECT_EQ(mistake("base_currency = 1"), "p.toml:1:17: 'base_currency' must be a text");
  EXPECT_EQ(mistake("amount_minor_min = '1'"), "p.toml:1:20: 'amount_minor_min' must be a whole number");
  EXPECT_EQ(mistake("amount_minor_min = -1"), "p.toml:1:20: 'amount_minor_min' must not be negative");
  EXPECT_EQ(mistake("amount_minor_min = 5\namount_minor_max = 4"),
            "p.toml:2:20: 'amount_minor_max' must not be below 'amount_minor_min'");
  EXPECT_NE(mistake("amount_minor_max = 1099511627776").find("largest amount"), std::string::npos);
  EXPECT_NE(mistake("future_skew = '5'").find("is no duration"), std::string::npos);
  EXPECT_NE(mistake("horizon = '0s'").find("longer than nothing"), std::string::npos);
  EXPECT_EQ(mistake("horizon = '815d'"),
            "p.toml:1:11: 'horizon' must be at most 814d, the longest that window entries can be kept");
  EXPECT_EQ(mistake("future_skew = '19537h'"),
            "p.toml:1:15: 'future_skew' must be at most 814d, the longest that window entries can be kept");
  EXPECT_EQ(mistake("horizon = '106751991d'\nfuture_skew = '106751991d'").substr(0, 12), "p.toml:2:15:");
  EXPECT_EQ(mistake("clock = 'sun'"), "p.toml:1:9: 'sun' is no clock; known are \"wall\" and \"stream\"");
  EXPECT_EQ(mistake("clock = ").substr(0, 9), "p.toml:1:");
}

}  // namespace
}  // namespace vigil::commands
