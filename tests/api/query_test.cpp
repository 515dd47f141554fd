#include "api/query.h"

#include <gtest/gtest.h>

#include "tests/api/held_engine.h"
#include "tests/api/held_models.h"
#include "tests/api/wire.h"

namespace vigil::api {
namespace {

class QueryTest : public testing::Test {
 protected:
  Json ask_text(const std::string& request, const std::string& id = "") {
    return Json::parse(queries_.answer(request, id));
  }
  Json ask(const Json& request) { return ask_text(request.dump()); }
  void refused(const Json& request, const std::string& reason) {
    const Json answer = ask(request);
    EXPECT_EQ(answer["status"], "error") << answer;
    EXPECT_EQ(answer["code"], "invalid");
    EXPECT_NE(answer["text"].get<std::string>().find(reason), std::string::npos) << answer;
  }

  HeldLog log_;
  HeldModels models_;
  Queries queries_{{log_, models_, {}}};
};

TEST_F(QueryTest, AnswersEchoTheIdAndSayHowFreshTheyAre) {
  models_.apply_up_to(12);
  const Json answer = ask_text(R"({"query":"customer","customer_id":"c1"})", R"("q-1")");
  EXPECT_EQ(answer["id"], "q-1");
  EXPECT_EQ(answer["op"], "query");
  EXPECT_EQ(answer["query"], "customer");
  EXPECT_EQ(answer["as_of"], 12);
  EXPECT_EQ(answer["row"]["customer_id"], "c1");
}

TEST_F(QueryTest, SomethingUnknownIsNullAndNoError) {
  const Json answer = ask({{"query", "customer"}, {"customer_id", "nobody"}});
  ASSERT_TRUE(answer.contains("row")) << answer;
  EXPECT_TRUE(answer["row"].is_null());
  EXPECT_FALSE(answer.contains("status"));
  const Json alerts = ask({{"query", "alerts"}});
  ASSERT_TRUE(alerts.contains("rows")) << alerts;
  EXPECT_EQ(alerts["rows"], Json::array());
}

TEST_F(QueryTest, AnUnknownQueryIsToldWhichThereAre) {
  refused({{"query", "custmer"}}, "customer, merchant, aggregates");
  refused({{"q", 1}}, "'query' is missing");
}

TEST_F(QueryTest, MissingAndWrongFieldsAreNamed) {
  refused({{"query", "customer"}}, "'customer_id' is missing");
  refused({{"query", "customer"}, {"customer_id", 7}}, "'customer_id' must be a text");
  refused({{"query", "alerts"}, {"since", -1}}, "'since' must be a number, 0 or more");
  refused({{"query", "alerts"}, {"severity", "P9"}}, "'severity' must be one of P0, P1, P2, P3");
  refused({{"query", "aggregates"}, {"granularity", "week"}}, "minute, hour, day");
  refused({{"query", "aggregates"}, {"dimension", "colour"}}, "all, status, category");
  refused({{"query", "aggregates"}, {"from", "yesterday"}}, "'from' must be a time");
  refused({{"query", "rules"}, {"at_least", "x"}}, "'at_least' must be a number");
  refused({{"query", "rules"}, {"timeout_ms", 1.5}}, "'timeout_ms' must be a number");
}

TEST_F(QueryTest, AFieldTheQueryDoesNotHaveIsRefusedWithTheNearest) {
  refused({{"query", "alerts"}, {"severty", "P0"}}, "has no field 'severty'; did you mean 'severity'?");
  refused({{"query", "alerts"}, {"alerts_id", "c1"}}, "the query 'alerts' has no field 'alerts_id'");
  refused({{"query", "alerts"}, {"as_of_position", 10}}, "has no field 'as_of_position'");
  refused({{"query", "rules"}, {"limit", 10}}, "has no field 'limit'");
  refused({{"query", "rulse"}}, "did you mean 'rules'?");
  const Json twice = ask_text(R"({"query":"alerts","rule":"a","rule":"b"})");
  EXPECT_EQ(twice["text"], "'rule' is given twice");
  const Json all = ask({{"op", "query"}, {"id", 1}, {"in_order", true}, {"query", "rules"}, {"timeout_ms", 5}});
  EXPECT_TRUE(all.contains("rows")) << all;
}

TEST_F(QueryTest, NumbersOutsideTheirRangeAreRefused) {
  refused({{"query", "alerts"}, {"limit", 0}}, "'limit' must be a number from 1 to 100000");
  refused({{"query", "alerts"}, {"limit", 100'001}}, "'limit' must be a number from 1 to 100000");
  refused({{"query", "customer"}, {"customer_id", "c1"}, {"as_of_time", ~std::uint64_t{0}}}, "'as_of_time' must be");
  refused({{"query", "aggregates"}, {"to", ~std::uint64_t{0}}}, "'to' must be a time");
}

TEST_F(QueryTest, RowsReadInPortionsAreAllThereAndInOrder) {
  models_.quarantined_rows = 2'500;
  const Json all = ask({{"query", "quarantine"}, {"limit", 2'222}, {"since", 3}});
  ASSERT_EQ(all["rows"].size(), 2'222u);
  for (std::size_t i = 0; i < all["rows"].size(); ++i) EXPECT_EQ(all["rows"][i]["position"], i + 3);
  EXPECT_EQ(ask({{"query", "quarantine"}, {"limit", 9'999}})["rows"].size(), 2'500u);
}

TEST_F(QueryTest, WhatIsNoJsonObjectIsAnsweredToo) {
  for (const char* request : {"", "[]", "{\"query\":", "7", "\"customer\"", "\xff\xfe"}) {
    EXPECT_EQ(ask_text(request)["code"], "invalid") << request;
  }
}

TEST_F(QueryTest, AModelThatCannotBeReadIsUnavailable) {
  const Json answer = ask({{"query", "customer"}, {"customer_id", "unreadable"}});
  EXPECT_EQ(answer["code"], "unavailable");
  EXPECT_EQ(answer["text"], "customer_profile: bad page");
}

TEST_F(QueryTest, FreshnessIsReadFromTheRequestAndLimited) {
  EXPECT_FALSE(queries_.freshness(R"({"query":"rules"})"));
  EXPECT_FALSE(queries_.freshness("no JSON"));
  const auto asked = queries_.freshness(R"({"query":"rules","at_least":7,"timeout_ms":99999999})");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->at_least, eventlog::Position{7});
  EXPECT_EQ(asked->timeout, kQueryTimeoutMax);
}

}  // namespace
}  // namespace vigil::api
