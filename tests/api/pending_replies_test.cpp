#include "api/pending_replies.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace vigil::api {
namespace {

using eventlog::Position;

void write(PendingReplies& pending, std::string_view address, std::string_view head, std::string_view rest,
           std::uint64_t position) {
  std::string& out = pending.begin({address, false});
  out += head;
  pending.end_of_head();
  out += rest;
  pending.needs(Position{position});
  pending.finish();
}

TEST(PendingReplies, GiveBackAddressHeadAndBodyInOrder) {
  PendingReplies pending(10, 1000);
  write(pending, "alice", "{\"id\":1", ",\"x\":2}", 5);
  write(pending, "bob", "{", "}", 0);
  const auto first = pending.front();
  EXPECT_EQ(first.peer.address, "alice");
  EXPECT_EQ(first.head, "{\"id\":1");
  EXPECT_EQ(first.body, "{\"id\":1,\"x\":2}");
  EXPECT_EQ(first.position, Position{5});
  pending.pop();
  EXPECT_EQ(pending.front().peer.address, "bob");
  pending.pop();
  EXPECT_TRUE(pending.empty());
}

TEST(PendingReplies, TheNewestPositionCounts) {
  PendingReplies pending(10, 1000);
  pending.begin({"a", false}) += "x";
  for (const std::uint64_t position : {3, 9, 4}) pending.needs(Position{position});
  pending.finish();
  EXPECT_EQ(pending.front().position, Position{9});
}

TEST(PendingReplies, AreFullByCountAndByBytes) {
  PendingReplies by_count(2, 1000);
  write(by_count, "a", "", "x", 1);
  EXPECT_FALSE(by_count.full());
  write(by_count, "a", "", "x", 1);
  EXPECT_TRUE(by_count.full());
  by_count.pop();
  EXPECT_FALSE(by_count.full());
  PendingReplies by_bytes(100, 50);
  write(by_bytes, "a", "", std::string(60, 'x'), 1);
  EXPECT_TRUE(by_bytes.full());
  by_bytes.pop();
  EXPECT_FALSE(by_bytes.full());
}

// A queue that never runs empty reclaims its buffer and loses nothing, also while a reply is being written.
TEST(PendingReplies, EqualAQueueOfStringsOverALongRun) {
  PendingReplies pending(100'000, 1u << 30);
  std::deque<std::pair<std::string, std::string>> wanted;
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string address(1 + random() % 5, static_cast<char>('a' + round % 26));
    const std::string body = std::to_string(round) + std::string(random() % 200, 'x');
    std::string& out = pending.begin({address, false});
    out.append(body, 0, 1);
    pending.end_of_head();
    while (wanted.size() > 2'000 + random() % 500) {
      ASSERT_EQ(pending.front().peer.address, wanted.front().first);
      ASSERT_EQ(pending.front().body, wanted.front().second);
      pending.pop();
      wanted.pop_front();
    }
    out.append(body, 1);
    pending.finish();
    wanted.emplace_back(address, body);
  }
  for (; !wanted.empty(); wanted.pop_front(), pending.pop()) {
    ASSERT_EQ(pending.front().body, wanted.front().second);
    ASSERT_EQ(pending.front().head, wanted.front().second.substr(0, 1));
  }
  EXPECT_TRUE(pending.empty());
}

}  // namespace
}  // namespace vigil::api
