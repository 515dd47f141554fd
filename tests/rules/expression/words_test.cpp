// Durations and suggestions.
#include <gtest/gtest.h>

#include <array>

#include "rules/expression/duration.h"
#include "rules/expression/suggestion.h"

namespace vigil::rules::words_test {
namespace {

TEST(Duration, DigitsAndAUnit) {
  EXPECT_EQ(parse_duration_us("0s"), 0);
  EXPECT_EQ(parse_duration_us("7us"), 7);
  EXPECT_EQ(parse_duration_us("2ms"), 2'000);
  EXPECT_EQ(parse_duration_us("90s"), 90'000'000);
  EXPECT_EQ(parse_duration_us("10m"), 600'000'000);
  EXPECT_EQ(parse_duration_us("24h"), 86'400'000'000);
  EXPECT_EQ(parse_duration_us("30d"), 2'592'000'000'000);
  EXPECT_EQ(parse_duration_us("1_000w"), 604'800'000'000'000);
}

TEST(Duration, AnythingElseIsNone) {
  for (const char* text : {"", "s", "10", "10 m", " 10m", "10m ", "-1s", "1.5h", "10min", "_1s", "1_s", "1__0s",
                           "9223372036854775808us", "999999999999d"}) {
    EXPECT_EQ(parse_duration_us(text), std::nullopt) << text;
  }
}

TEST(Suggestion, DistanceCountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("amuont", "amount"), 1u);
  EXPECT_EQ(edit_distance("AMOUNT", "amount"), 0u);
}

TEST(Suggestion, TheNearestIsNamedAndTheFarIsNot) {
  const std::array<std::string_view, 3> names{"score", "severity", "cooldown"};
  EXPECT_EQ(did_you_mean("scor", names), "; did you mean 'score'?");
  EXPECT_EQ(did_you_mean("cool_down", names), "; did you mean 'cooldown'?");
  EXPECT_EQ(did_you_mean("weight", names), "");
  EXPECT_EQ(did_you_mean(std::string(1000, 'x'), names), "");
}

}  // namespace
}  // namespace vigil::rules::words_test
