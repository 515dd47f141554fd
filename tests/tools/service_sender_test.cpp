#include "tools/service_sender.h"

#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>

namespace vigil::tools {
namespace {

using std::chrono::milliseconds;
using Json = nlohmann::json;

// A service that takes messages in order and refuses the arrivals it is told to, and what comes behind them.
class ScriptedService : public api::Client {
 public:
  struct Seen {
    std::vector<int> arrivals, taken;  // ids of messages
    std::vector<std::string> texts;
    std::size_t unanswered_max = 0;
  };
  // `refused`: which arrivals (counted from 1) find the queue full.
  ScriptedService(std::shared_ptr<Seen> seen, std::vector<int> refused) : seen_(seen), refused_(std::move(refused)) {}

  eventlog::Expected<void> send(std::string_view text) override {
    const Json message = Json::parse(text);
    const int id = message.at("id");
    EXPECT_EQ(message.at("in_order"), true);
    seen_->arrivals.push_back(id);
    seen_->texts.emplace_back(text);
    const bool full = std::ranges::find(refused_, static_cast<int>(seen_->arrivals.size())) != refused_.end();
    if (held_ == id && !full) held_ = 0;
    if (full && held_ == 0) held_ = id;
    Json reply = {{"id", id}, {"op", message.at("op")}};
    if (held_ != 0) {
      reply.update({{"status", "busy"}, {"retry_after_ms", 50}});
    } else {
      seen_->taken.push_back(id);
      for (std::size_t n = 0; n < elements(message); ++n) {
        reply["results"].push_back({{"status", "decided"}, {"outcome", "approve"}, {"repeat", false}});
      }
    }
    replies_.push_back(reply.dump());
    seen_->unanswered_max = std::max(seen_->unanswered_max, replies_.size());
    return {};
  }
  std::optional<std::string_view> try_receive() override { return receive(milliseconds(0)); }
  std::optional<std::string_view> receive(milliseconds) override {
    if (replies_.empty()) return std::nullopt;
    reply_ = std::move(replies_.front());
    replies_.pop_front();
    return reply_;
  }
  eventlog::Expected<std::string> ask(std::string_view, milliseconds) override { return std::string(); }

 private:
  static std::size_t elements(const Json& message) {
    return message.contains("transactions") ? message["transactions"].size() : 1;
  }

  std::shared_ptr<Seen> seen_;
  std::vector<int> refused_;
  int held_ = 0;
  std::deque<std::string> replies_;
  std::string reply_;
};

class ServiceSenderTest : public testing::Test {
 protected:
  // Sends `commands` transactions, one a message.
  void send(int commands, std::vector<int> refused, std::size_t in_flight = 4) {
    ServiceSender::Options options;
    options.commands_per_message = 1;
    options.in_flight = in_flight;
    options.pause = [this](milliseconds pause) { pauses_.push_back(static_cast<int>(pause.count())); };
    ServiceSender sender(std::make_unique<ScriptedService>(seen_, std::move(refused)), options, summary_, "fake");
    for (int n = 0; n < commands; ++n) ASSERT_TRUE(sender.send(transaction(n)));
    const auto settled = sender.settle();
    ASSERT_TRUE(settled) << settled.error().text;
  }
  static commands::Command transaction(int) {
    eventlog::Transaction facts;
    facts.id = "t";
    facts.customer_id = "c";
    facts.merchant_id = "m";
    facts.amount = {100, *eventlog::Code::parse("EUR")};
    return {commands::SubmitTransaction{facts}, "row", "tx.csv:2"};
  }
  static std::vector<int> up_to(int last) {
    std::vector<int> ids;
    for (int id = 1; id <= last; ++id) ids.push_back(id);
    return ids;
  }

  std::shared_ptr<ScriptedService::Seen> seen_ = std::make_shared<ScriptedService::Seen>();
  std::vector<int> pauses_;
  IngestSummary summary_;
};

TEST_F(ServiceSenderTest, WithoutRefusalsTheWindowStaysFullAndNothingPauses) {
  send(20, {});
  EXPECT_EQ(seen_->taken, up_to(20));
  EXPECT_EQ(seen_->unanswered_max, 4u);
  EXPECT_TRUE(pauses_.empty());
  EXPECT_EQ(summary_.accepted, 20u);
}

TEST_F(ServiceSenderTest, WhatWasRefusedComesAgainInOrderBeforeAnythingNew) {
  send(8, {3});
  EXPECT_EQ(seen_->taken, up_to(8));
  // 3 to 6 are refused; nothing new is sent until all of them were.
  EXPECT_EQ(seen_->arrivals, (std::vector<int>{1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(pauses_, std::vector<int>{50});
  EXPECT_EQ(summary_.accepted, 8u);
}

TEST_F(ServiceSenderTest, ARefusalOfTheLastMessageIsMadeGoodWhenSettling) {
  send(3, {3, 4});
  EXPECT_EQ(seen_->taken, up_to(3));
  EXPECT_EQ(pauses_, (std::vector<int>{50, 100}));
}

TEST_F(ServiceSenderTest, PausesGrowWhileNothingIsTakenUpToALimitAndThenBeginAnew) {
  // With one in flight every arrival is an attempt of its own: 1 seven times, then 2 twice.
  send(2, {1, 2, 3, 4, 5, 6, 8}, 1);
  EXPECT_EQ(seen_->taken, up_to(2));
  EXPECT_EQ(pauses_, (std::vector<int>{50, 100, 200, 400, 800, 1000, 50}));
}

TEST_F(ServiceSenderTest, RandomRefusalsNeverChangeTheOrder) {
  std::uint32_t state = 7;
  for (int round = 0; round < 200; ++round) {
    std::vector<int> refused;
    for (int arrival = 1; arrival < 150; ++arrival) {
      state = state * 1664525 + 1013904223;
      if (state >> 30 == 0) refused.push_back(arrival);
    }
    *seen_ = {};
    send(40, refused, 1 + state % 9);
    ASSERT_EQ(seen_->taken, up_to(40)) << "round " << round;
  }
  EXPECT_EQ(summary_.accepted, 8'000u);
}

TEST_F(ServiceSenderTest, WhatACommandWasReadFromGoesWithIt) {
  send(1, {});
  EXPECT_EQ(Json::parse(seen_->texts.front()).at("inputs"), Json::parse(R"([{"source":"tx.csv:2","raw":"row"}])"));
}

}  // namespace
}  // namespace vigil::tools
