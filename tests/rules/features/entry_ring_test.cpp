#include "rules/features/entry_ring.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <random>
#include <vector>

namespace vigil::rules::entry_ring_test {
namespace {

EntryLayout layout() {
  EntryLayout made;
  made.has_amount = true;
  made.width[static_cast<std::size_t>(Column::merchant_id)] = 3;
  made.width[static_cast<std::size_t>(Column::country)] = 2;
  made.arrange();
  return made;
}

// A ring beside a sorted vector that undergoes the same.
class Pair {
 public:
  explicit Pair(RingStore& store) : store_(store) {}

  void insert(std::int64_t time_us, std::uint32_t mark) {
    Entry entry;
    entry.time_us = time_us;
    entry.amount_minor = (std::int64_t{1} << 40) - 1 - mark;
    entry.flags = static_cast<std::uint16_t>(mark);
    entry.columns[static_cast<std::size_t>(Column::merchant_id)] = mark & 0xffffff;
    entry.columns[static_cast<std::size_t>(Column::country)] = mark & 0xffff;
    const auto later = [](const Entry& a, const Entry& b) { return a.time_us < b.time_us; };
    const auto at = model_.insert(std::upper_bound(model_.begin(), model_.end(), entry, later), entry);
    const auto offset = static_cast<std::uint32_t>(at - model_.begin());
    ASSERT_EQ(store_.insert(ring_, entry) - ring_.begin, offset);
  }
  void drop() {
    model_.erase(model_.begin());
    store_.drop_oldest(ring_);
  }
  void check(const RingStore& store) const {
    ASSERT_EQ(ring_.size(), model_.size());
    std::uint32_t walked = 0;
    for (EntryIndex at = ring_.begin; at != ring_.end;) {
      const EntryRun run = store.run(ring_, at);
      ASSERT_GT(run.count, 0u);
      for (std::uint32_t i = 0; i < run.count; ++i, ++walked) {
        const std::byte* kept = run.first + std::size_t{i} * store.layout().stride;
        ASSERT_EQ(kept, store.at(ring_, at + i));
        Entry entry;
        store.layout().read(kept, store.time_us(kept), entry);
        const Entry& expected = model_[walked];
        ASSERT_EQ(entry.time_us, expected.time_us);
        ASSERT_EQ(entry.amount_minor, expected.amount_minor);
        ASSERT_EQ(entry.flags, expected.flags);
        ASSERT_EQ(entry.columns, expected.columns);
      }
      at += run.count;
    }
    if (!model_.empty()) {
      ASSERT_EQ(ring_.oldest_us, model_.front().time_us);
      const std::int64_t middle = model_[model_.size() / 2].time_us;
      const auto after = std::upper_bound(model_.begin(), model_.end(), middle,
                                          [](std::int64_t time, const Entry& entry) { return time < entry.time_us; });
      ASSERT_EQ(store.after(ring_, middle) - ring_.begin, static_cast<std::uint32_t>(after - model_.begin()));
    }
  }
  std::size_t size() const { return model_.size(); }
  EntryRing& ring() { return ring_; }

 private:
  RingStore& store_;
  EntryRing ring_;
  std::vector<Entry> model_;
};

constexpr std::int64_t kReference = std::int64_t{1'700'000'000} * 1'000'000;

TEST(EntryRing, KeepsOrderUnderRandomInsertionsAndDrops) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    RingStore store(layout());
    store.set_reference(kReference);
    Pair pair(store);
    const std::size_t target = seed % 2 == 0 ? 40 : 6000;
    for (std::uint32_t step = 0; step < 12'000; ++step) {
      const bool growing = pair.size() < target;
      if (pair.size() > 0 && random() % 10 < (growing ? 2u : 6u)) {
        pair.drop();
      } else {
        // In order mostly; late ones anywhere, often at a time that is there already.
        const std::int64_t now = kReference - 12'000 + step;
        pair.insert(random() % 4 == 0 ? now - static_cast<std::int64_t>(random() % 4000) : now, step);
      }
      if (step % 500 == 0) pair.check(store);
      if (HasFatalFailure()) return;
    }
    while (pair.size() > 0) pair.drop();
    EXPECT_EQ(store.entries(), 0u);
    pair.insert(kReference, 1);
    pair.check(store);
  }
}

TEST(EntryRing, ManyRingsShareAnArenaWithoutTouchingEachOther) {
  RingStore store(layout());
  store.set_reference(kReference);
  std::vector<Pair> pairs(50, Pair(store));
  std::mt19937 random(3);
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    Pair& pair = pairs[random() % pairs.size()];
    if (pair.size() > 0 && random() % 5 < 2) {
      pair.drop();
    } else {
      pair.insert(kReference - static_cast<std::int64_t>(random() % 1000), step);
    }
  }
  for (const Pair& pair : pairs) pair.check(store);
}

TEST(EntryRing, DroppedMemoryIsUsedAgain) {
  RingStore store(layout());
  store.set_reference(kReference);
  Pair pair(store);
  const auto pass = [&](std::int64_t from) {
    for (std::uint32_t i = 0; i < 3000; ++i) {
      pair.insert(from + i, i);
      if (pair.size() > 100) pair.drop();
    }
  };
  pass(kReference - 10'000);
  const std::uint64_t warm = store.bytes();
  pass(kReference - 6'000);
  EXPECT_EQ(store.bytes(), warm);
}

TEST(EntryRing, IndexesMayWrapAround) {
  for (const std::size_t target : {std::size_t{50}, std::size_t{3000}}) {
    RingStore store(layout());
    store.set_reference(kReference);
    Pair pair(store);
    pair.ring().begin = pair.ring().end = pair.ring().base = 0xffffffff - 2000;
    for (std::uint32_t i = 0; i < 8000; ++i) {
      pair.insert(kReference - 8000 + i - (i % 7 == 0 ? 30 : 0), i);
      if (pair.size() > target) pair.drop();
      if (i % 400 == 0) pair.check(store);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(EntryRing, AnotherLayoutTakesOverTheSameEntries) {
  for (const std::uint32_t entries : {0u, 1u, 5u, 100u, 3000u}) {
    RingStore narrow(layout());
    narrow.set_reference(kReference);
    Pair pair(narrow);
    for (std::uint32_t i = 0; i < entries; ++i) pair.insert(kReference - 5000 + i, i);
    if (entries > 3) pair.drop();
    EntryLayout wide = layout();
    wide.width[static_cast<std::size_t>(Column::country)] = 4;
    wide.arrange();
    RingStore widened(wide);
    widened.set_reference(kReference);
    const EntryIndex begin = pair.ring().begin;
    widened.adopt(pair.ring(), narrow);
    EXPECT_EQ(pair.ring().begin, begin);
    EXPECT_EQ(narrow.entries(), 0u);
    pair.check(widened);
  }
}

}  // namespace
}  // namespace vigil::rules::entry_ring_test
