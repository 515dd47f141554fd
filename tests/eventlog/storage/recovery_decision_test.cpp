// Every combination of what opening may find at the end of a log, against what DESIGN §5 says in words.
#include "eventlog/storage/recovery_decision.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vigil::eventlog {
namespace {

constexpr Behind kBehind[] = {Behind::nothing, Behind::torn, Behind::wrong};
constexpr MarkerSays kMarkers[] = {MarkerSays::nothing, MarkerSays::less, MarkerSays::ends_here, MarkerSays::more,
                                   MarkerSays::otherwise};

void for_all(const std::function<void(const EndFacts&)>& see) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    for (const Behind behind : kBehind) {
      for (const MarkerSays marker : kMarkers) {
        EndFacts facts;
        facts.frame_behind = (bits & 1) != 0;
        facts.durable_through_reaches = (bits & 2) != 0;
        facts.larger_than_one_commit = (bits & 4) != 0;
        facts.checkpoint_reaches = (bits & 8) != 0;
        facts.behind = behind;
        facts.marker = marker;
        see(facts);
      }
    }
  }
}

std::string shown(const EndFacts& facts) {
  return "behind " + std::to_string(static_cast<int>(facts.behind)) + ", frame_behind " +
         std::to_string(facts.frame_behind) + ", durable_through_reaches " +
         std::to_string(facts.durable_through_reaches) + ", larger_than_one_commit " +
         std::to_string(facts.larger_than_one_commit) + ", checkpoint_reaches " +
         std::to_string(facts.checkpoint_reaches) + ", marker " + std::to_string(static_cast<int>(facts.marker));
}

// "A bad frame is a torn tail only if it is in the last segment, no valid frame of this log lies behind it, no
// frame's `durable through` and no read model's checkpoint reaches it, and what would be cut is no larger than one
// commit may be." What nobody doubts needs the same. Only the last segment's end is ever asked about.
std::set<EndDecision> objections(const EndFacts& facts) {
  std::set<EndDecision> found;
  if (facts.behind == Behind::wrong) found.insert(EndDecision::refuse_wrong);
  if (facts.frame_behind) found.insert(EndDecision::refuse_frame_behind);
  if (facts.durable_through_reaches) found.insert(EndDecision::refuse_durable_through);
  if (facts.larger_than_one_commit) found.insert(EndDecision::refuse_too_large);
  if (facts.checkpoint_reaches) found.insert(EndDecision::refuse_checkpoint_ahead);
  if (facts.marker == MarkerSays::more) found.insert(EndDecision::refuse_marker_ahead);
  if (facts.marker == MarkerSays::otherwise) found.insert(EndDecision::refuse_marker_differs);
  return found;
}

TEST(RecoveryDecisionTest, EveryCombinationIsRefusedForAReasonThatHoldsOrForNone) {
  int seen = 0;
  for_all([&](const EndFacts& facts) {
    ++seen;
    const std::set<EndDecision> why = objections(facts);
    const EndDecision decision = decide_end(facts);
    EXPECT_EQ(refuses(decision), !why.empty()) << shown(facts);
    if (!why.empty()) {
      EXPECT_TRUE(why.contains(decision)) << shown(facts);
      // Every objection stands before those in the enumeration behind it, as in the table.
      EXPECT_EQ(decision, *why.begin()) << shown(facts);
    } else if (facts.behind == Behind::torn) {
      EXPECT_EQ(decision, EndDecision::cut) << shown(facts);
    } else {
      const bool clean = facts.marker == MarkerSays::ends_here;
      EXPECT_EQ(decision, clean ? EndDecision::whole_and_clean : EndDecision::whole) << shown(facts);
    }
  });
  EXPECT_EQ(seen, 3 * 2 * 2 * 2 * 2 * 5);
}

TEST(RecoveryDecisionTest, OnlyThreeOfAllCombinationsCut) {
  std::vector<EndFacts> cut;
  std::map<EndDecision, int> counted;
  for_all([&](const EndFacts& facts) {
    ++counted[decide_end(facts)];
    if (decide_end(facts) == EndDecision::cut) cut.push_back(facts);
  });
  ASSERT_EQ(cut.size(), 3u) << "one for each thing a marker may say without having seen more or otherwise";
  for (const EndFacts& facts : cut) {
    EXPECT_TRUE(facts.behind == Behind::torn && !facts.frame_behind && !facts.durable_through_reaches &&
                !facts.larger_than_one_commit && !facts.checkpoint_reaches)
        << shown(facts);
  }
  EXPECT_EQ(counted[EndDecision::whole_and_clean], 1);
  EXPECT_EQ(counted[EndDecision::whole], 2);
  EXPECT_EQ(counted.size(), 10u) << "every decision is reached";
}

TEST(RecoveryDecisionTest, EveryRefusalHasAReasonOfItsOwn) {
  std::set<std::string> reasons;
  std::set<EndDecision> refusals;
  for_all([&](const EndFacts& facts) {
    const EndDecision decision = decide_end(facts);
    if (!refuses(decision)) return;
    refusals.insert(decision);
    reasons.emplace(text(decision));
  });
  EXPECT_EQ(refusals.size(), 7u);
  EXPECT_EQ(reasons.size(), refusals.size());
}

TEST(RecoveryDecisionDeathTest, WhatIsNoRefusalHasNoReason) {
  EXPECT_DEATH(static_cast<void>(text(EndDecision::cut)), "a refusal has a reason");
}

}  // namespace
}  // namespace vigil::eventlog
