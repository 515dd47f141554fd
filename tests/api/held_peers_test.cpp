#include "api/held_peers.h"

#include <gtest/gtest.h>

namespace vigil::api {
namespace {

TEST(HeldPeersTest, AHeldPeerWaitsForItsFirstRefusedMessage) {
  HeldPeers held;
  EXPECT_TRUE(held.release("a", "1"));
  held.hold("a", "2");
  held.hold("a", "3");
  EXPECT_FALSE(held.release("a", "3"));
  EXPECT_TRUE(held.release("b", "3")) << "others are not concerned";
  EXPECT_TRUE(held.release("a", "2"));
  EXPECT_TRUE(held.release("a", "3"));
  EXPECT_EQ(held.size(), 0u);
}

TEST(HeldPeersTest, TheLongestHeldIsLetGoWhenThereAreTooMany) {
  HeldPeers held;
  for (std::size_t peer = 0; peer <= HeldPeers::kPeersMax; ++peer) held.hold(std::to_string(peer), "1");
  EXPECT_EQ(held.size(), HeldPeers::kPeersMax);
  EXPECT_TRUE(held.release("0", "2"));
  EXPECT_FALSE(held.release("1", "2"));
}

}  // namespace
}  // namespace vigil::api
