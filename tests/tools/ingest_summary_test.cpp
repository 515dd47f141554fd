#include "tools/ingest_summary.h"

#include <gtest/gtest.h>

namespace vigil::tools {
namespace {

using commands::ReplyStatus;
using eventlog::Outcome;

TEST(IngestSummaryTest, CountsEachKindOfAnswerOnce) {
  IngestSummary summary;
  summary.count(Asked::transaction, "f:1", {ReplyStatus::decided, false, Outcome::decline, {}, {}});
  summary.count(Asked::transaction, "f:2", {ReplyStatus::decided, true, Outcome::approve, {}, {}});
  summary.count(Asked::transaction, "f:3", {ReplyStatus::conflict, false, Outcome::approve, {}, {}});
  summary.count(Asked::transaction, "f:4", {ReplyStatus::quarantined, false, Outcome::approve, "too_old", "x"});
  summary.count(Asked::label, "f:5", {ReplyStatus::applied, false, Outcome::approve, {}, {}});
  summary.count(Asked::label, "f:6", {ReplyStatus::unchanged, false, Outcome::approve, {}, {}});
  summary.count(Asked::update, "f:7", {ReplyStatus::applied, false, Outcome::approve, {}, {}});
  summary.count(Asked::update, "p.toml", {ReplyStatus::refused, false, Outcome::approve, "bad_policy", "line 1"});
  EXPECT_EQ(summary.accepted, 1u);
  EXPECT_EQ(summary.outcomes, (std::array<std::uint64_t, 3>{0, 0, 1}));
  EXPECT_EQ(summary.repeats, 1u);
  EXPECT_EQ(summary.conflicts, 1u);
  EXPECT_EQ(summary.transactions(), 3u);
  EXPECT_EQ(summary.labels, 1u);
  EXPECT_EQ(summary.labels_repeated, 1u);
  EXPECT_EQ(summary.updates, 1u);
  EXPECT_EQ(summary.quarantined.at("too_old"), 1u);
  ASSERT_EQ(summary.first_refusals.size(), 1u);
  EXPECT_EQ(summary.first_refusals.front(), "p.toml: line 1");
  // decided, quarantined, label and update each appended one event; repeats and refusals none.
  EXPECT_EQ(summary.events(), 4u);
}

TEST(IngestSummaryTest, OnlyWhatIsAppliedOrUnchangedIsInForce) {
  IngestSummary summary;
  summary.count(Asked::update, "s", {ReplyStatus::applied, false, Outcome::approve, {}, {}});
  summary.count(Asked::update, "s", {ReplyStatus::unchanged, false, Outcome::approve, {}, {}});
  EXPECT_TRUE(summary.all_in_force(2));
  summary.count(Asked::update, "s", {ReplyStatus::quarantined, false, Outcome::approve, "too_long", "200 bytes"});
  const auto in_force = summary.all_in_force(3);
  ASSERT_FALSE(in_force);
  EXPECT_EQ(in_force.error().text, "s: 200 bytes");
}

TEST(IngestSummaryTest, TextAndJsonNameWhatHappened) {
  IngestSummary summary;
  summary.count(Asked::transaction, "f:1", {ReplyStatus::quarantined, false, Outcome::approve, "too_old", "x"});
  summary.seconds = 2;
  summary.alerts = 3;
  EXPECT_NE(summary.to_text().find("too_old 1"), std::string::npos);
  EXPECT_NE(summary.to_json().find("\"quarantined_by_reason\":{\"too_old\":1}"), std::string::npos);
  EXPECT_NE(summary.to_json().find("\"alerts\":3"), std::string::npos);
}

TEST(IngestSummaryTest, OnlyTheFirstRefusalsAreKept) {
  IngestSummary summary;
  for (int n = 0; n < 20; ++n) {
    summary.count(Asked::update, "f", {ReplyStatus::refused, false, Outcome::approve, "bad_policy", "x"});
  }
  EXPECT_EQ(summary.first_refusals.size(), kRefusalsShown);
  EXPECT_EQ(summary.refused.at("bad_policy"), 20u);
}

}  // namespace
}  // namespace vigil::tools
