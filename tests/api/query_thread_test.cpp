#include "api/query_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "tests/api/held_engine.h"
#include "tests/api/held_models.h"
#include "tests/api/wire.h"

namespace vigil::api {
namespace {

class QueryThreadTest : public testing::Test {
 protected:
  static QueryMessage question(const std::string& id, Json query) {
    query["op"] = "query";
    return {"peer", false, id, query.dump()};
  }
  Json take(QueryThread& queries) {
    QueryMessage answer;
    while (!queries.take(answer)) std::this_thread::yield();
    return Json::parse(answer.text);
  }

  HeldLog log_;
  HeldModels models_;
  Wakeup answered_;
};

TEST_F(QueryThreadTest, AQueryThatWaitsForAPositionHoldsUpNoOther) {
  QueryThread queries({log_, models_, {}}, 10, answered_);
  ASSERT_TRUE(queries.ask(
      question("1", {{"query", "customer"}, {"customer_id", "c1"}, {"at_least", 5}, {"timeout_ms", 20'000}})));
  ASSERT_TRUE(queries.ask(question("2", {{"query", "customer"}, {"customer_id", "c1"}})));
  EXPECT_EQ(take(queries)["id"], 2);
  models_.apply_up_to(5);
  const Json late = take(queries);
  EXPECT_EQ(late["id"], 1);
  EXPECT_EQ(late["as_of"], 5);
}

TEST_F(QueryThreadTest, APositionNotReachedInTimeIsToldWithHowFarItIs) {
  models_.apply_up_to(3);
  QueryThread queries({log_, models_, {}}, 10, answered_);
  ASSERT_TRUE(queries.ask(question("1", {{"query", "rules"}, {"at_least", 4}, {"timeout_ms", 0}})));
  const Json answer = take(queries);
  EXPECT_EQ(answer["code"], "not_yet");
  EXPECT_EQ(answer["as_of"], 3);
}

TEST_F(QueryThreadTest, StoppingWaitsForNoPosition) {
  QueryThread queries({log_, models_, {}}, 10, answered_);
  ASSERT_TRUE(queries.ask(question("1", {{"query", "rules"}, {"at_least", 4}, {"timeout_ms", 30'000}})));
  ASSERT_TRUE(queries.ask(question("2", {{"query", "rules"}})));
  ASSERT_EQ(take(queries)["id"], 2) << "so the first one has begun to wait";
  queries.hurry();
  EXPECT_EQ(take(queries)["code"], "not_yet");
  EXPECT_TRUE(queries.idle());
}

TEST_F(QueryThreadTest, WhatHasNotBegunWhenItStopsIsToldSo) {
  std::promise<void> begun, go_on;
  models_.on_rules = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    begun.set_value();
    go_on.get_future().wait();
  };
  QueryThread queries({log_, models_, {}}, 10, answered_);
  for (const char* id : {"1", "2", "3"}) ASSERT_TRUE(queries.ask(question(id, {{"query", "rules"}})));
  begun.get_future().wait();
  queries.hurry();
  go_on.set_value();
  EXPECT_TRUE(take(queries).contains("rows")) << "the one that had begun";
  EXPECT_EQ(take(queries)["code"], "stopping");
  const Json last = take(queries);
  EXPECT_EQ(last["id"], 3);
  EXPECT_EQ(last["code"], "stopping");
  EXPECT_TRUE(queries.idle());
}

TEST_F(QueryThreadTest, NoAnswerIsMadeForWhoReadsNone) {
  QueryThread queries({log_, models_, {}}, 10, answered_);
  QueryMessage deaf = question("1", {{"query", "rules"}});
  deaf.unread = std::make_shared<UnsentBytes>(UnreadReplies::kBytesPerPeerMax);
  models_.on_rules = [] { FAIL() << "the models are not read"; };
  ASSERT_TRUE(queries.ask(deaf));
  QueryMessage answer;
  while (!queries.take(answer)) std::this_thread::yield();
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.request_id, "1");
}

TEST_F(QueryThreadTest, MoreThanTheLimitIsRefusedUntilAnswersAreTaken) {
  QueryThread queries({log_, models_, {}}, 2, answered_);
  ASSERT_TRUE(queries.ask(question("1", {{"query", "rules"}})));
  ASSERT_TRUE(queries.ask(question("2", {{"query", "rules"}})));
  EXPECT_FALSE(queries.ask(question("3", {{"query", "rules"}})));
  EXPECT_EQ(take(queries)["id"], 1);
  EXPECT_TRUE(queries.ask(question("4", {{"query", "rules"}})));
}

}  // namespace
}  // namespace vigil::api
