#include "api/held_peers.h"

#include <gtest/gtest.h>

namespace vigil::api {
namespace {

constexpr HeldPeers::Time kNow{};

TEST(HeldPeersTest, AHeldPeerWaitsForItsFirstRefusedMessage) {
  HeldPeers held;
  EXPECT_TRUE(held.release("a", "1", kNow));
  held.hold("a", "2", kNow);
  held.hold("a", "3", kNow);
  EXPECT_FALSE(held.release("a", "3", kNow));
  EXPECT_TRUE(held.release("b", "3", kNow)) << "others are not concerned";
  EXPECT_TRUE(held.release("a", "2", kNow));
  EXPECT_TRUE(held.release("a", "3", kNow));
  EXPECT_EQ(held.size(), 0u);
}

// A sender with an address of its own choosing that was started anew begins with another message.
TEST(HeldPeersTest, AHoldEndsSomeTimeAfterTheLastMessageThatFoundNoRoom) {
  constexpr std::chrono::milliseconds kMoment{1};
  HeldPeers held;
  held.hold("a", "7", kNow);
  held.hold("a", "8", kNow + kMoment);
  EXPECT_FALSE(held.release("a", "1", kNow + HeldPeers::kHoldFor)) << "asking does not prolong it, nor end it";
  EXPECT_TRUE(held.release("a", "1", kNow + HeldPeers::kHoldFor + kMoment));
  EXPECT_EQ(held.size(), 0u);
  held.hold("a", "2", kNow);
  held.hold("a", "3", kNow + HeldPeers::kHoldFor);
  EXPECT_FALSE(held.release("a", "2", kNow + HeldPeers::kHoldFor)) << "the new refusal is of another message";
  EXPECT_TRUE(held.release("a", "3", kNow + HeldPeers::kHoldFor));
}

TEST(HeldPeersTest, TheLongestHeldIsLetGoWhenThereAreTooMany) {
  HeldPeers held;
  for (std::size_t peer = 0; peer <= HeldPeers::kPeersMax; ++peer) held.hold(std::to_string(peer), "1", kNow);
  EXPECT_EQ(held.size(), HeldPeers::kPeersMax);
  EXPECT_TRUE(held.release("0", "2", kNow));
  EXPECT_FALSE(held.release("1", "2", kNow));
}

}  // namespace
}  // namespace vigil::api
