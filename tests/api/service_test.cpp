// The whole path on a real directory: messages in, durable decisions out, read models and live events after.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "api/server.h"
#include "eventlog/storage/posix_environment.h"
#include "projections/read_models.h"
#include "tests/api/wire.h"

namespace vigil::api {
namespace {

// Facts of 2026-03-01 are neither too old nor in the future by the stream's own clock.
commands::EngineOptions stream_options() {
  commands::EngineOptions options;
  options.log.segment_bytes = 4 << 20;
  options.policy.clock = commands::ReferenceClock::stream;
  return options;
}

// A service on a directory of its own, opened and closed as `vigil serve` does.
class Service {
 public:
  explicit Service(const std::filesystem::path& directory, bool publish = false) {
    auto engine = commands::Engine::open(environment_, directory, stream_options());
    if (!engine) throw std::runtime_error(engine.error().text);
    engine_ = std::move(*engine);
    auto models = projections::ReadModels::open(directory / "models", engine_->log());
    if (!models) throw std::runtime_error(models.error().text);
    models_ = std::move(*models);
    ServerOptions options;
    if (publish) options.events_endpoint = "on";
    running_ = std::make_unique<Running>(*engine_, *models_, options);
  }
  ~Service() { stop(); }

  void stop() {
    if (!running_) return;
    EXPECT_TRUE(running_->stop());
    running_.reset();
    EXPECT_TRUE(models_->close());
    EXPECT_TRUE(engine_->close());
  }
  std::string endpoint() const { return running_->endpoint(); }
  std::string events() const { return running_->server().events_endpoint(); }
  Running& running() { return *running_; }

 private:
  eventlog::PosixEnvironment environment_;
  std::unique_ptr<commands::Engine> engine_;
  std::unique_ptr<projections::ReadModels> models_;
  std::unique_ptr<Running> running_;
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    directory_ = std::filesystem::temp_directory_path() / ("vigil-api-" + std::to_string(std::random_device()()));
    service_ = std::make_unique<Service>(directory_);
    wire_ = std::make_unique<Wire>(service_->endpoint());
  }
  ~ServiceTest() override {
    wire_.reset();
    service_.reset();
    std::filesystem::remove_all(directory_);
  }
  void restart() {
    wire_.reset();
    service_.reset();
    service_ = std::make_unique<Service>(directory_, true);
    wire_ = std::make_unique<Wire>(service_->endpoint());
  }
  Json row(Json query, std::uint64_t at_least) {
    query["op"] = "query";
    query["at_least"] = at_least;
    query["timeout_ms"] = kPatience.count();
    return wire_->ask(query);
  }
  std::string code(const Json& reply) {
    return reply.at("results").at(0).at("reasons").at(0).at("code").get<std::string>();
  }

  std::filesystem::path directory_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Wire> wire_;
};

TEST_F(ServiceTest, OneTransactionIsDecidedAndARepeatGetsTheSameAnswer) {
  Json first = wire_->result(submit(1, "t1"));
  EXPECT_EQ(first["transaction_id"], "t1");
  EXPECT_EQ(first["status"], "decided");
  EXPECT_EQ(first["outcome"], "approve");
  EXPECT_EQ(first["repeat"], false);
  Json again = wire_->result(submit(2, "t1"));
  EXPECT_EQ(again["repeat"], true);
  first.erase("repeat");
  again.erase("repeat");
  EXPECT_EQ(first, again);
}

TEST_F(ServiceTest, AnswersToRepeatsOutliveARestart) {
  Json first = wire_->result(submit(1, "t1"));
  restart();
  Json again = wire_->result(submit(1, "t1"));
  EXPECT_EQ(again["position"], first["position"]);
  EXPECT_EQ(again["repeat"], true);
}

TEST_F(ServiceTest, ManyTransactionsAreAnsweredInTheirOrder) {
  const Json reply = wire_->ask(submit_many(9, 0, 500));
  EXPECT_EQ(reply["id"], 9);
  ASSERT_EQ(reply["results"].size(), 500u);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(reply["results"][i]["transaction_id"], "t" + std::to_string(i));
}

TEST_F(ServiceTest, OtherContentUnderAKnownIdIsAConflictWithTheRecordedDecision) {
  const Json first = wire_->result(submit(1, "t1"));
  Json other = transaction("t1");
  other["amount"] = "13.00";
  const Json reply = wire_->ask(Json{{"op", "submit"}, {"transaction", other}});
  EXPECT_FALSE(reply.contains("id"));
  EXPECT_EQ(reply["results"][0]["status"], "conflict");
  EXPECT_EQ(reply["results"][0]["position"], first["position"]);
}

TEST_F(ServiceTest, BrokenInputIsAnsweredWithItsReasonAndTheServiceGoesOn) {
  EXPECT_EQ(code(wire_->ask(R"({"op":"submit","transaction":{"transaction_id":)")), "broken_json");
  EXPECT_EQ(code(wire_->ask("{\"op\":\"submit\",\"transaction\":{\"transaction_id\":\"\xff\xfe\"}}")), "invalid_utf8");
  EXPECT_EQ(code(wire_->ask(std::string(10'000'000, ' '))), "message_too_large");
  EXPECT_EQ(wire_->ask(R"({"op":"sumbit","id":1})")["results"][0]["status"], "quarantined");
  Json wrong = transaction("t2");
  wrong["amount"] = Json::array();
  EXPECT_EQ(wire_->ask(Json{{"op", "submit"}, {"transaction", wrong}})["results"][0]["status"], "quarantined");
  EXPECT_EQ(wire_->result(submit(2, "t1"))["status"], "decided");
}

TEST_F(ServiceTest, AQueryForAtLeastMyPositionSeesMyWrite) {
  for (int i = 1; i <= 20; ++i) {
    const Json mine = wire_->result(submit(i, "t" + std::to_string(i)));
    const Json answer = row({{"query", "customer"}, {"customer_id", "c1"}}, mine["position"]);
    EXPECT_GE(answer["as_of"], mine["position"]);
    EXPECT_EQ(answer["row"]["transactions"], i);
  }
}

TEST_F(ServiceTest, ACustomerAsOfAPositionIsWhatWasKnownThen) {
  std::vector<std::uint64_t> positions;
  for (int i = 1; i <= 5; ++i) positions.push_back(wire_->result(submit(i, "t" + std::to_string(i)))["position"]);
  for (int i = 0; i < 5; ++i) {
    const Json answer =
        row({{"query", "customer"}, {"customer_id", "c1"}, {"as_of_position", positions[i]}}, positions.back());
    EXPECT_EQ(answer["as_of"], positions[i]);
    EXPECT_EQ(answer["row"]["transactions"], i + 1) << answer;
  }
  const Json before =
      row({{"query", "customer"}, {"customer_id", "c1"}, {"as_of_time", "2001-01-01"}}, positions.back());
  EXPECT_TRUE(before["row"].is_null()) << before;
  const Json later =
      row({{"query", "customer"}, {"customer_id", "c1"}, {"as_of_time", "9999-01-01T00:00:00Z"}}, positions.back());
  EXPECT_EQ(later["row"]["transactions"], 5) << later;
}

TEST_F(ServiceTest, ATransactionIsExplainedByItsFeaturesAndRules) {
  Json place = transaction("t1");
  const Json first = wire_->ask(Json{{"op", "submit"}, {"transaction", place}})["results"][0];
  Json label = {{"transaction_id", "t1"}, {"kind", "fraud"}, {"reported_at", "2026-03-02T00:00:00Z"}};
  const Json labelled = wire_->ask(Json{{"op", "label"}, {"label", label}});
  ASSERT_EQ(labelled["results"][0]["status"], "applied") << labelled;
  const Json answer = row({{"query", "transaction"}, {"transaction_id", "t1"}}, 0);
  const Json& decision = answer["row"]["decisions"][0];
  EXPECT_EQ(decision["position"], first["position"]) << answer;
  EXPECT_EQ(decision["amount_minor"], 1250);
  EXPECT_EQ(decision["features"].size(), 30u);
  EXPECT_EQ(answer["row"]["labels"].size(), 1u) << answer["row"];
  EXPECT_TRUE(row({{"query", "transaction"}, {"transaction_id", "t9"}}, 0)["row"].is_null());
}

// The facts that are not ours to understand are shown digit by digit as they were accepted.
TEST_F(ServiceTest, AnExplanationAltersNoFact) {
  const std::string extra = R"("card_ref":12345678901234567890123,"ratio":0.10,"huge":1e400,"deep":{"a":1,"a":2})";
  std::string facts = transaction("t1").dump();
  facts.back() = ',';
  const Json reply = wire_->ask(R"({"op":"submit","transaction":)" + facts + extra + "}}");
  ASSERT_EQ(reply["results"][0]["status"], "decided") << reply;
  auto client = *Client::connect(service_->endpoint());
  const auto answer = client->ask(R"({"op":"query","query":"transaction","transaction_id":"t1"})", kPatience);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_NE(answer->find("\"extra\":{" + extra + "}"), std::string::npos) << *answer;
  EXPECT_NE(answer->find("\"features\":{"), std::string::npos) << *answer;
}

TEST_F(ServiceTest, AnEventIsOneLineWhateverItsFactsCameLike) {
  std::string facts = transaction("t1").dump();
  facts.back() = ',';
  const Json reply = wire_->ask("{\"op\":\"submit\",\"transaction\":" + facts +
                                "\"deep\":{\"a\":\n [1,\r\n 2.0], \"b\":\"c d\\n\"}}}");
  ASSERT_EQ(reply["results"][0]["status"], "decided") << reply;
  auto client = *Client::connect(service_->endpoint());
  const auto answer = client->ask(R"({"op":"query","query":"transaction","transaction_id":"t1"})", kPatience);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->find('\n'), std::string::npos);
  EXPECT_NE(answer->find(R"("extra":{"deep":{"a":[1,2.0],"b":"c d\n"}})"), std::string::npos) << *answer;
}

TEST_F(ServiceTest, RulesThatMatchedAreShownWithTheValuesTheySaw) {
  const std::string burst = submit_many(1, 0, 12);
  const Json results = wire_->ask(burst)["results"];
  const Json& last = results[11];
  ASSERT_FALSE(last["rules"].empty()) << "twelve payments at once trip a velocity rule: " << last;
  const Json answer = row({{"query", "transaction"}, {"transaction_id", last["transaction_id"]}}, last["position"]);
  const Json& matched = answer["row"]["decisions"][0]["matched"];
  ASSERT_EQ(matched.size(), last["rules"].size()) << answer;
  EXPECT_EQ(matched[0]["rule"], last["rules"][0]);
  EXPECT_FALSE(matched[0]["condition"].get<std::string>().empty());
  EXPECT_FALSE(matched[0]["values"].empty());
  EXPECT_EQ(answer["row"]["decisions"][0]["rules"], last["rules"]);
}

TEST_F(ServiceTest, EveryOtherQueryIsAnswered) {
  wire_->ask(submit_many(1, 0, 12));
  const Json broken = wire_->ask("{");
  EXPECT_EQ(code(broken), "broken_json");
  const std::uint64_t position = broken["results"][0]["position"];
  const Json day =
      row({{"query", "aggregates"}, {"granularity", "day"}, {"from", "2026-03-01"}, {"to", "2026-03-02"}}, position);
  ASSERT_EQ(day["rows"].size(), 1u) << day;
  EXPECT_EQ(day["rows"][0]["transactions"], 12);
  EXPECT_EQ(day["rows"][0]["amount_minor"], 12 * 1250);
  EXPECT_EQ(day["rows"][0]["active_customers"], 1);
  const Json currency = row({{"query", "aggregates"}, {"granularity", "hour"}, {"dimension", "currency"}}, position);
  EXPECT_EQ(currency["rows"][0]["value"], "EUR") << currency;
  EXPECT_EQ(row({{"query", "merchant"}, {"merchant_id", "m1"}}, position)["row"]["transactions"], 12);
  EXPECT_FALSE(row({{"query", "alerts"}, {"customer_id", "c1"}, {"limit", 5}}, position)["rows"].empty());
  EXPECT_FALSE(row({{"query", "rules"}}, position)["rows"].empty());
  EXPECT_EQ(row({{"query", "quarantine"}, {"code", "broken_json"}}, position)["rows"].size(), 1u);
  EXPECT_FALSE(row({{"query", "data_quality"}}, position)["rows"].empty());
  const Json status = row({{"query", "status"}}, position)["row"];
  EXPECT_GE(status["log"]["durable"], position) << status;
  EXPECT_EQ(status["versions"]["rules"], 1);
  EXPECT_EQ(status["models"].size(), projections::model_names().size());
  EXPECT_EQ(status["service"]["memory"]["customers"], 1);
}

TEST_F(ServiceTest, SubscribersGetDecisionsAlertsAndQuarantinesInOrder) {
  restart();
  auto subscriber = *Subscriber::connect(service_->events(), {""});
  // A subscription arrives some time after it was made: decide until it has.
  int warm = 0;
  while (!subscriber->receive(std::chrono::milliseconds(20))) wire_->result(submit(0, "warm" + std::to_string(warm++)));
  wire_->ask(submit_many(1, 0, 12));
  wire_->ask("{");
  int decisions = 0, alerts = 0;
  std::uint64_t newest = 0;
  for (bool quarantined = false; !quarantined;) {
    const auto event = subscriber->receive(kPatience);
    ASSERT_TRUE(event);
    const Json json = Json::parse(event->json);
    EXPECT_GT(json["position"], newest);
    newest = json["position"];
    if (event->topic == "quarantine") quarantined = true;
    if (event->topic.starts_with("alert.")) {
      EXPECT_EQ(event->topic, "alert." + json["severity"].get<std::string>());
      ++alerts;
    }
    if (!event->topic.starts_with("decision.") || json["transaction_id"].get<std::string>().starts_with("warm"))
      continue;
    EXPECT_EQ(event->topic, "decision." + json["outcome"].get<std::string>());
    EXPECT_TRUE(json["rules"].is_array());
    ++decisions;
  }
  EXPECT_EQ(decisions, 12);
  EXPECT_GT(alerts, 0);
}

TEST_F(ServiceTest, StoppingUnderLoadAnswersExactlyWhatWasRecorded) {
  for (int i = 0; i < 300; ++i) wire_->send(submit_many(i, i * 10, 10));
  ASSERT_FALSE(wire_->receive().is_null());
  service_->running().ask_to_stop();
  ASSERT_TRUE(service_->running().join());
  std::uint64_t answered = 10;
  while (!wire_->receive(std::chrono::milliseconds(200)).is_null()) answered += 10;
  restart();
  const Json next = wire_->result(submit(1, "next"));
  const Json days = row({{"query", "aggregates"}}, next["position"]);
  ASSERT_EQ(days["rows"].size(), 1u) << days;
  EXPECT_EQ(days["rows"][0]["transactions"], answered + 1);
}

TEST(Server, APortInUseIsAnErrorThatNamesIt) {
  Context context;
  Socket holder = *Socket::open(context, SocketKind::router);
  const std::string endpoint = *holder.bind("tcp://127.0.0.1:*");
  Socket second = *Socket::open(context, SocketKind::router);
  const auto bound = second.bind(endpoint);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().kind, eventlog::ErrorKind::io);
  EXPECT_NE(bound.error().text.find(endpoint), std::string::npos);
  EXPECT_NE(bound.error().text.find("another process listens there"), std::string::npos);
}

TEST(Server, APortBeyondTheLastOneIsRefused) {
  Context context;
  Socket socket = *Socket::open(context, SocketKind::router);
  for (const char* endpoint : {"tcp://127.0.0.1:99999", "tcp://127.0.0.1:99999999999"}) {
    const auto bound = socket.bind(endpoint);
    ASSERT_FALSE(bound) << *bound;
    EXPECT_EQ(bound.error().kind, eventlog::ErrorKind::invalid);
    EXPECT_NE(bound.error().text.find("ports end at 65535"), std::string::npos) << bound.error().text;
    EXPECT_FALSE(Client::connect(endpoint));
  }
}

TEST(Server, AnEndpointThatIsNoneIsInvalid) {
  Context context;
  Socket socket = *Socket::open(context, SocketKind::router);
  for (const char* endpoint : {"nonsense", "tcp//127.0.0.1:1", "http://127.0.0.1:1"}) {
    const auto bound = socket.bind(endpoint);
    ASSERT_FALSE(bound) << endpoint;
    EXPECT_EQ(bound.error().kind, eventlog::ErrorKind::invalid) << bound.error().text;
  }
  EXPECT_FALSE(Client::connect("nonsense"));
}

// The limit of a frame protects a service from its clients, and not the other way round.
TEST(Client, AFrameLongerThanAServiceTakesReachesIt) {
  Context context;
  Socket router = *Socket::open(context, SocketKind::router);
  const std::string endpoint = *router.bind("tcp://127.0.0.1:*");
  auto client = *Client::connect(endpoint);
  ASSERT_TRUE(client->send("{}"));
  std::array<Waitable, 1> what{Waitable{&router}};
  Frame address, body;
  while (!router.receive(address)) wait(what, kPatience);
  ASSERT_TRUE(router.receive(body));
  ASSERT_EQ(router.send(address.bytes(), Follows::another_frame), Sent::sent);
  ASSERT_EQ(router.send(std::string(kFrameBytesMax + 1, ' '), Follows::nothing), Sent::sent);
  const auto reply = client->receive(kPatience);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->size(), kFrameBytesMax + 1u);
}

TEST(Client, NobodyListeningIsAnErrorAfterTheTimeOut) {
  auto client = *Client::connect("tcp://127.0.0.1:1");
  const auto reply = client->ask("{}", std::chrono::milliseconds(20));
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().text.find("vigil serve"), std::string::npos);
}

}  // namespace
}  // namespace vigil::api
