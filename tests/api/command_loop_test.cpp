#include "api/command_loop.h"

#include <gtest/gtest.h>

#include "tests/api/held_engine.h"
#include "tests/api/held_models.h"
#include "tests/api/wire.h"

namespace vigil::api {
namespace {

// Long enough for a reply that must not come to have come.
constexpr std::chrono::milliseconds kAMoment{50};

class CommandLoopTest : public testing::Test {
 protected:
  // Until the engine has taken that many.
  void await_submitted(std::uint64_t commands) {
    while (engine_.submitted() < commands) std::this_thread::yield();
  }

  HeldEngine engine_;
  HeldModels models_;
};

TEST_F(CommandLoopTest, NothingLeavesBeforeItIsDurable) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  wire.send(submit(1, "t1"));
  engine_.log().await_commit();
  EXPECT_TRUE(wire.receive(kAMoment).is_null());
  engine_.log().finish_commit();
  EXPECT_EQ(wire.receive(), Json::parse(R"({"id":1,"op":"submit","results":[{"transaction_id":"t1",
      "status":"decided","outcome":"approve","score":0,"rules":[],"position":1,"repeat":false}]})"));
  engine_.log().release();
}

TEST_F(CommandLoopTest, WhatArrivesDuringACommitSharesTheNextOne) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  wire.send(submit(1, "t1"));
  engine_.log().await_commit();
  for (int i = 2; i <= 40; ++i) wire.send(submit(i, "t" + std::to_string(i)));
  await_submitted(40);
  engine_.log().finish_commit();
  EXPECT_EQ(wire.receive()["id"], 1);
  EXPECT_TRUE(wire.receive(kAMoment).is_null());
  engine_.log().finish_commit();
  for (int i = 2; i <= 40; ++i) EXPECT_EQ(wire.receive()["id"], i);
  engine_.log().release();
}

TEST_F(CommandLoopTest, AMessageLargerThanAFrameIsAnsweredAsOneInOrder) {
  HeldEngine small(7);
  small.log().release();
  Running running(small, models_);
  Wire wire(running.endpoint());
  const Json reply = wire.ask(submit_many(5, 0, 100));
  ASSERT_EQ(reply["results"].size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(reply["results"][i]["transaction_id"], "t" + std::to_string(i));
    EXPECT_EQ(reply["results"][i]["position"], i + 1);
  }
}

TEST_F(CommandLoopTest, AnOpenMessageWaitsForAllOfItsFrames) {
  HeldEngine small(4);
  Running running(small, models_);
  Wire wire(running.endpoint());
  wire.send(submit_many(5, 0, 8));
  small.log().await_commit();
  small.log().finish_commit();
  small.log().await_commit();
  EXPECT_TRUE(wire.receive(kAMoment).is_null());
  small.log().finish_commit();
  EXPECT_EQ(wire.receive()["results"].size(), 8u);
  small.log().release();
}

TEST_F(CommandLoopTest, AFullQueueAnswersBusyWithARetryHintAndDoesNotTouchTheEngine) {
  ServerOptions options;
  options.limits.pending_replies_max = 3;
  options.limits.retry_after = std::chrono::milliseconds(70);
  Running running(engine_, models_, options);
  Wire wire(running.endpoint());
  for (int i = 1; i <= 3; ++i) wire.send(submit(i, "t" + std::to_string(i)));
  await_submitted(3);
  EXPECT_EQ(wire.ask(submit(4, "t4")), Json::parse(R"({"id":4,"op":"submit","status":"busy","retry_after_ms":70})"));
  EXPECT_EQ(engine_.submitted(), 3u);
  engine_.log().release();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(wire.receive()["id"], i);
  EXPECT_EQ(wire.result(submit(5, "t5"))["status"], "decided");
}

TEST_F(CommandLoopTest, WhatIsToStayInOrderIsRefusedUntilTheRefusedMessageComesAgain) {
  const auto in_order = [](int id) {
    return Json{
        {"op", "submit"}, {"id", id}, {"in_order", true}, {"transaction", transaction("t" + std::to_string(id))}};
  };
  ServerOptions options;
  options.limits.pending_replies_max = 1;
  Running running(engine_, models_, options);
  Wire wire(running.endpoint()), other(running.endpoint());
  wire.send(in_order(1).dump());
  await_submitted(1);
  EXPECT_EQ(wire.ask(in_order(2))["status"], "busy");
  engine_.log().release();
  EXPECT_EQ(wire.receive()["id"], 1);
  EXPECT_EQ(wire.ask(in_order(3))["status"], "busy") << "there is room again, but 2 has to come first";
  EXPECT_EQ(other.ask(in_order(3))["results"][0]["status"], "decided") << "others are not concerned";
  EXPECT_EQ(wire.result(submit(4, "t4"))["status"], "decided") << "nor is what need not stay in order";
  EXPECT_EQ(wire.ask(in_order(2))["results"][0]["status"], "decided");
  EXPECT_EQ(wire.ask(in_order(5))["results"][0]["status"], "decided");
}

TEST_F(CommandLoopTest, QueuedBytesAreLimitedToo) {
  ServerOptions options;
  options.limits.pending_bytes_max = 4'000;
  Running running(engine_, models_, options);
  Wire wire(running.endpoint());
  wire.send(submit_many(1, 0, 100));
  await_submitted(100);
  EXPECT_EQ(wire.ask(submit(2, "late"))["status"], "busy");
  engine_.log().release();
  EXPECT_EQ(wire.receive()["id"], 1);
}

TEST_F(CommandLoopTest, AStalledDiskIsToldAsBusyInsteadOfSilence) {
  HeldEngine small(2);
  ServerOptions options;
  options.limits.stall = std::chrono::milliseconds(0);
  Running running(small, models_, options);
  Wire wire(running.endpoint());
  wire.send(submit_many(1, 0, 6));
  small.log().await_commit();
  EXPECT_EQ(wire.ask(submit(2, "x"))["status"], "busy");
  small.log().release();
  EXPECT_EQ(wire.receive()["results"].size(), 6u);
}

TEST_F(CommandLoopTest, QueriesAreAnsweredWhileACommitIsUnderWay) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  wire.send(submit(1, "t1"));
  engine_.log().await_commit();
  models_.apply_up_to(9);
  const Json answer = wire.ask(Json{{"op", "query"}, {"id", "q"}, {"query", "customer"}, {"customer_id", "c1"}});
  EXPECT_EQ(answer["id"], "q");
  EXPECT_EQ(answer["as_of"], 9);
  EXPECT_EQ(answer["row"]["transactions"], 3);
  engine_.log().release();
  EXPECT_EQ(wire.receive()["id"], 1);
}

// Measuring may walk over all entities, and decisions wait for it.
TEST_F(CommandLoopTest, TheStateIsMeasuredAgainOnlyAfterCommands) {
  engine_.log().release();
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  for (int i = 1; i <= 5; ++i) {
    const Json status = wire.ask(Json{{"op", "query"}, {"query", "status"}});
    EXPECT_EQ(status["row"]["service"]["messages"], i) << "counters are never old";
  }
  EXPECT_EQ(engine_.state_asked(), 1u) << "at the start";
  wire.ask(submit(1, "t1"));
  for (int i = 1; i <= 5; ++i) wire.ask(Json{{"op", "query"}, {"query", "customer"}, {"customer_id", "c1"}});
  EXPECT_EQ(engine_.state_asked(), 2u);
}

TEST_F(CommandLoopTest, StoppingAnswersWhatWasAccepted) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  for (int i = 1; i <= 20; ++i) wire.send(submit(i, "t" + std::to_string(i)));
  await_submitted(20);
  running.ask_to_stop();
  engine_.log().release();
  ASSERT_TRUE(running.join());
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(wire.receive()["id"], i);
}

TEST_F(CommandLoopTest, StoppingFinishesAMessageThatIsOnlyTakenInPart) {
  HeldEngine small(4);
  Running running(small, models_);
  Wire wire(running.endpoint());
  wire.send(submit_many(1, 0, 30));
  small.log().await_commit();
  running.ask_to_stop();
  small.log().release();
  ASSERT_TRUE(running.join());
  EXPECT_EQ(wire.receive()["results"].size(), 30u);
}

TEST_F(CommandLoopTest, AFailedLogIsToldAsOutcomeUnknownAndEndsTheLoop) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  wire.send(submit(1, "t1"));
  engine_.log().await_commit();
  wire.send(submit_many(2, 2, 3));
  await_submitted(4);
  engine_.log().fail_commit("log/00000000000000000001.seg: fdatasync: Input/output error");
  for (int id = 1; id <= 2; ++id) {
    const Json reply = wire.receive();
    EXPECT_EQ(reply["id"], id);
    EXPECT_EQ(reply["status"], "outcome_unknown");
    EXPECT_FALSE(reply.contains("results"));
  }
  const auto served = running.join();
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().kind, eventlog::ErrorKind::poisoned);
  EXPECT_NE(served.error().text.find("Input/output error"), std::string::npos);
}

TEST_F(CommandLoopTest, WhatWasDurableBeforeTheLogFailedIsStillAnswered) {
  HeldEngine small(1);
  Running running(small, models_);
  Wire wire(running.endpoint());
  wire.send(submit(1, "t1"));
  small.log().await_commit();
  wire.send(submit_many(2, 2, 2));
  small.log().finish_commit();
  EXPECT_EQ(wire.receive()["results"][0]["status"], "decided");
  small.log().fail_commit("gone");
  EXPECT_EQ(wire.receive()["status"], "outcome_unknown");
  EXPECT_FALSE(running.join());
}

TEST_F(CommandLoopTest, AnEngineThatFailsEndsTheLoopWithItsReason) {
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  engine_.fail_from_now_on();
  EXPECT_EQ(wire.ask(submit(1, "t1"))["status"], "outcome_unknown");
  const auto served = running.join();
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().text, "the log cannot be read");
}

// [address][][body], as REQ sockets send it, is answered with the empty frame in its place.
TEST_F(CommandLoopTest, RequestFramingIsAnsweredInKind) {
  engine_.log().release();
  Running running(engine_, models_);
  Context context;
  Socket socket = *Socket::open(context, SocketKind::dealer);
  ASSERT_TRUE(socket.connect(running.endpoint()));
  ASSERT_EQ(socket.send("", Follows::another_frame), Sent::sent);
  ASSERT_EQ(socket.send(submit(1, "t1"), Follows::nothing), Sent::sent);
  std::array<Waitable, 1> what{Waitable{&socket}};
  Frame first, second;
  while (!socket.receive(first)) wait(what, kPatience);
  EXPECT_EQ(first.bytes(), "");
  ASSERT_TRUE(first.more());
  ASSERT_TRUE(socket.receive(second));
  EXPECT_EQ(Json::parse(second.bytes())["id"], 1);
}

TEST_F(CommandLoopTest, MalformedEnvelopesAreCountedAndPassedOver) {
  engine_.log().release();
  Running running(engine_, models_);
  Context context;
  Socket socket = *Socket::open(context, SocketKind::dealer);
  ASSERT_TRUE(socket.connect(running.endpoint()));
  // No body; too many frames, without and with a delimiter.
  ASSERT_EQ(socket.send("", Follows::nothing), Sent::sent);
  for (const auto& frames : std::vector<std::vector<std::string>>{{"a", "b"}, {"", "a", "b", "c"}}) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const Follows follows = i + 1 < frames.size() ? Follows::another_frame : Follows::nothing;
      ASSERT_EQ(socket.send(frames[i], follows), Sent::sent);
    }
  }
  ASSERT_EQ(socket.send(R"({"op":"query","id":7,"query":"status"})", Follows::nothing), Sent::sent);
  std::array<Waitable, 1> what{Waitable{&socket}};
  Frame reply;
  while (!socket.receive(reply)) wait(what, kPatience);
  const Json answer = Json::parse(reply.bytes());
  EXPECT_EQ(answer["id"], 7);
  EXPECT_EQ(answer["row"]["service"]["malformed"], 3);
  EXPECT_EQ(answer["row"]["service"]["messages"], 1);
}

TEST_F(CommandLoopTest, ALargeAnswerArrivesAndATooLargeOneSaysWhatToDo) {
  models_.quarantined_rows = 110;
  models_.quarantined_bytes = 160'000;
  engine_.log().release();
  Running running(engine_, models_);
  Wire wire(running.endpoint());
  const auto rows = [&](int limit) {
    return wire.ask(Json{{"op", "query"}, {"id", limit}, {"query", "quarantine"}, {"limit", limit}});
  };
  EXPECT_EQ(rows(99)["rows"].size(), 99u);
  const Json more = rows(110);
  EXPECT_EQ(more["code"], "invalid") << more.dump().substr(0, 300);
  EXPECT_NE(more["text"].get<std::string>().find("fewer rows with limit"), std::string::npos) << more;
}

TEST_F(CommandLoopTest, APeerThatReadsNoAnswersIsToldBusyAfterSomeMegabytes) {
  models_.quarantined_rows = 90;
  models_.quarantined_bytes = 160'000;
  engine_.log().release();
  Running running(engine_, models_);
  Context context;
  SocketLimits limits;
  limits.receive_frames_max = 1;
  Socket deaf = *Socket::open(context, SocketKind::dealer, limits);
  ASSERT_TRUE(deaf.connect(running.endpoint()));
  constexpr int kQueries = 12;
  for (int i = 0; i < kQueries; ++i) {
    const Json query = {{"op", "query"}, {"id", i}, {"query", "quarantine"}, {"limit", 90}};
    ASSERT_EQ(deaf.send(query.dump(), Follows::nothing), Sent::sent);
  }
  Wire wire(running.endpoint());
  // Answers are made one after the other, slowly under the thread sanitizer: none in time is none yet.
  const auto busy = [&] {
    const Json status = wire.ask(Json{{"op", "query"}, {"query", "status"}});
    return status.is_object() && status.contains("row") ? status["row"]["service"]["busy"].get<int>() : 0;
  };
  while (busy() == 0) std::this_thread::yield();
  int answered = 0, refused = 0;
  std::array<Waitable, 1> what{Waitable{&deaf}};
  for (Frame frame; answered + refused < kQueries;) {
    if (!deaf.receive(frame)) {
      wait(what, kPatience);
    } else if (frame.bytes().size() > 1000) {
      ++answered;
    } else {
      EXPECT_EQ(Json::parse(frame.bytes())["status"], "busy");
      ++refused;
    }
  }
  EXPECT_LT(answered, 9) << "of 15 MB each";
  EXPECT_GT(answered, 0);
}

TEST_F(CommandLoopTest, APeerThatLeftHoldsUpNobody) {
  Running running(engine_, models_);
  {
    Wire gone(running.endpoint());
    gone.send(submit(1, "t1"));
    engine_.log().await_commit();
  }
  engine_.log().release();
  Wire wire(running.endpoint());
  EXPECT_EQ(wire.result(submit(2, "t2"))["status"], "decided");
}

}  // namespace
}  // namespace vigil::api
