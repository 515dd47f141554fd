#include "eventlog/storage/history_chain.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "eventlog/storage/history_walk.h"

namespace vigil::eventlog {
namespace {

// A source that knows nothing but linked records.
class LinkedRecords : public LogSource {
 public:
  void add(Address address, Link link) { links_[address.value()] = link; }

  Expected<Record> at(Address address) const override {
    const auto found = links_.find(address.value());
    if (found == links_.end()) return fail(ErrorKind::not_found, "no such address");
    Record record;
    record.address = address;
    record.links = {&found->second, 1};
    return record;
  }
  Position durable() const override { return Position{links_.size()}; }
  std::string id() const override { return std::string(32, '0'); }
  Expected<std::unique_ptr<Cursor>> read_from(Position) const override { return none(); }
  Expected<Record> at(Position) const override { return none(); }
  Expected<Position> first_at_or_after(IngestTime) const override { return none(); }
  Expected<std::vector<Address>> find_key(std::uint64_t) const override { return none(); }

 private:
  static std::unexpected<Error> none() { return fail(ErrorKind::invalid, "not asked"); }
  std::map<std::uint64_t, Link> links_;
};

struct History {
  explicit History(std::size_t events, std::uint64_t stride = 8) {
    for (std::size_t i = 0; i < events; ++i) {
      const Address address{(i + 1) * stride};
      records.add(address, chain.next_link());
      chain.push(address);
    }
  }
  LinkedRecords records;
  HistoryChain chain;
};

TEST(HistoryChain, EmptyChainLinksToNothing) {
  const HistoryChain chain;
  EXPECT_EQ(chain.length(), 0u);
  EXPECT_EQ(chain.newest(), Address{});
  EXPECT_EQ(chain.next_link().previous, Address{});
  EXPECT_EQ(chain.next_link().jump, Address{});
}

TEST(HistoryChain, LinksEqualTheJumpPointersComputedFromTheWholeHistory) {
  // Jump of the n-th event by definition: jump(jump(p)) if p's two jumps span equally far, else p.
  std::vector<std::size_t> jump_of{0};
  HistoryChain chain;
  for (std::size_t n = 1; n <= 5000; ++n) {
    const std::size_t p = n - 1;
    const std::size_t j = jump_of[p];
    const bool equal = p > 0 && j > 0 && p - j == j - jump_of[j];
    const std::size_t expected = equal ? jump_of[j] : p;
    jump_of.push_back(expected);
    const Link link = chain.next_link();
    ASSERT_EQ(link.previous.value(), p * 8) << n;
    ASSERT_EQ(link.jump.value(), expected * 8) << n;
    chain.push(Address{n * 8});
    ASSERT_EQ(chain.length(), n);
    ASSERT_EQ(chain.newest().value(), n * 8);
    ASSERT_EQ(chain.roots().size(), HistoryChain::root_count(n));
  }
}

TEST(HistoryChain, RestoredChainGoesOnAsTheOriginal) {
  for (std::size_t events = 0; events < 300; ++events) {
    History history(events);
    HistoryChain restored = HistoryChain::restore(history.chain.length(), history.chain.roots());
    for (std::size_t i = 0; i < 20; ++i) {
      ASSERT_EQ(restored.next_link().previous, history.chain.next_link().previous);
      ASSERT_EQ(restored.next_link().jump, history.chain.next_link().jump);
      const Address address{(events + i + 1) * 8};
      restored.push(address);
      history.chain.push(address);
    }
  }
}

TEST(HistoryChain, MovedChainKeepsItsHistoryAndLeavesAnEmptyOne) {
  for (const std::size_t events : {0u, 1u, 2u, 40u}) {
    History history(events);
    const Link link = history.chain.next_link();
    HistoryChain moved = std::move(history.chain);
    EXPECT_EQ(moved.next_link().jump, link.jump);
    EXPECT_EQ(moved.length(), events);
    EXPECT_EQ(history.chain.length(), 0u);  // NOLINT(bugprone-use-after-move)
    HistoryChain assigned;
    assigned.push(Address{8});
    assigned = std::move(moved);
    EXPECT_EQ(assigned.next_link().previous, link.previous);
  }
}

TEST(HistoryChainDeathTest, AddressesMustRise) {
  HistoryChain chain;
  chain.push(Address{16});
  EXPECT_DEATH(chain.push(Address{16}), "rising addresses");
}

TEST(HistoryWalk, ReturnsEveryEventNewestFirst) {
  History history(1000);
  HistoryWalk walk(history.records, history.chain.newest(), 0);
  for (std::size_t n = 1000; n > 0; --n) {
    const auto record = walk.next();
    ASSERT_TRUE(record && *record);
    ASSERT_EQ((*record)->address.value(), n * 8);
  }
  const auto end = walk.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->has_value());
}

TEST(HistoryWalk, FindsTheNewestEventAtOrBeforeAnyAddress) {
  for (std::size_t events = 1; events < 80; ++events) {
    History history(events);
    for (std::uint64_t target = 0; target <= (events + 2) * 8; ++target) {
      const auto found = newest_at_or_before(history.records, history.chain.newest(), 0, Address{target});
      ASSERT_TRUE(found);
      const std::uint64_t expected = std::min<std::uint64_t>(target / 8, events) * 8;
      if (expected == 0) {
        ASSERT_FALSE(found->has_value());
      } else {
        ASSERT_TRUE(found->has_value());
        ASSERT_EQ((*found)->address.value(), expected);
      }
    }
  }
}

TEST(HistoryWalk, SeeksInLogarithmicallyManyHops) {
  constexpr std::size_t kEvents = 200'000;
  History history(kEvents);
  std::mt19937_64 random(7);
  const double bound = 3 * std::log2(kEvents) + 3;
  double hops = 0;
  for (int i = 0; i < 2000; ++i) {
    HistoryWalk walk(history.records, history.chain.newest(), 0);
    ASSERT_TRUE(walk.seek(Address{1 + random() % (kEvents * 8)}));
    ASSERT_LE(static_cast<double>(walk.hops()), bound);
    hops += static_cast<double>(walk.hops());
  }
  EXPECT_LT(hops / 2000, 2.2 * std::log2(kEvents));
}

TEST(HistoryWalk, LinkThatDoesNotLeadBackIsDamage) {
  LinkedRecords records;
  records.add(Address{16}, Link{Address{16}, Address{8}});
  HistoryWalk walk(records, Address{16}, 0);
  const auto found = walk.next();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::damaged);
  HistoryWalk other_slot(records, Address{16}, 1);
  EXPECT_EQ(other_slot.next().error().kind, ErrorKind::damaged);
}

}  // namespace
}  // namespace vigil::eventlog
