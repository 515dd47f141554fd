#include "eventlog/storage/segment_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

TEST(SegmentIndex, GrowingAndSealedIndexFindEveryPlaceOfEveryKey) {
  std::mt19937_64 random(1);
  GrowingIndex growing(kSegmentBytesMin);
  std::map<std::uint64_t, std::vector<std::uint32_t>> expected;
  std::uint32_t place = 600;
  for (std::uint64_t frame = 0; frame < 200; ++frame) {
    std::vector<KeyPlace> keys;
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t key = random() % 6000;  // small keys, many of them twice
      keys.push_back({key, place});
      expected[key].push_back(place);
      place += 40;
    }
    growing.add({frame * 50 + 1, static_cast<std::int64_t>(frame), frame * kFrameStrideBytes + kBlockBytes}, keys);
    if (frame % 60 == 59) {
      std::vector<std::uint32_t> places;
      growing.find(keys[0].key, places);
      EXPECT_EQ(places, expected[keys[0].key]) << "while it grows";
    }
  }
  const auto sealed = SealedIndex::from(growing.encode(LogId{}, 0), LogId{}, 0);
  ASSERT_TRUE(sealed) << sealed.error().text;
  for (std::uint64_t key = 0; key < 7000; ++key) {
    std::vector<std::uint32_t> in_growing;
    std::vector<std::uint32_t> in_sealed;
    growing.find(key, in_growing);
    (*sealed)->find(key, in_sealed);
    ASSERT_EQ(in_growing, expected[key]);
    ASSERT_EQ(in_sealed, expected[key]);
  }
  EXPECT_EQ((*sealed)->frames().size(), 200u);
}

TEST(SegmentIndex, FloorIsTheLastFrameAtOrBeforeAPositionAndBeforeATime) {
  const std::vector<FramePlace> frames{{1, 10, 4096}, {5, 10, 8192}, {9, 20, 12288}};
  EXPECT_EQ(floor_by_position({}, 1), nullptr);
  EXPECT_EQ(floor_by_position(frames, 1), &frames[0]);
  EXPECT_EQ(floor_by_position(frames, 8), &frames[1]);
  EXPECT_EQ(floor_by_position(frames, 900), &frames[2]);
  EXPECT_EQ(floor_by_time(frames, 5), &frames[0]);
  EXPECT_EQ(floor_by_time(frames, 10), &frames[0]);
  EXPECT_EQ(floor_by_time(frames, 11), &frames[1]);
  EXPECT_EQ(floor_by_time(frames, 21), &frames[2]);
}

TEST(SegmentIndex, DamagedOrForeignSideFileIsRefused) {
  GrowingIndex growing(kSegmentBytesMin);
  const std::vector<KeyPlace> keys{{1, 600}, {2, 700}};
  growing.add({1, 1, 4096}, keys);
  const auto bytes = growing.encode(LogId{}, 4096);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] ^= std::byte{4};
    const auto index = SealedIndex::from(damaged, LogId{}, 4096);
    ASSERT_FALSE(index) << at;
    EXPECT_EQ(index.error().kind, ErrorKind::damaged);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(SealedIndex::from(std::vector(bytes.begin(), bytes.begin() + static_cast<long>(size)), LogId{}, 4096));
  }
  EXPECT_FALSE(SealedIndex::from(bytes, LogId{}, 8192));
  EXPECT_FALSE(SealedIndex::from(bytes, LogId{std::byte{1}}, 4096));
  EXPECT_TRUE(SealedIndex::from(bytes, LogId{}, 4096));
}

class IndexOfLogTest : public LogFixture {
 protected:
  void expect_every_key(const LogSource& source) {
    for (std::uint64_t number = 1; number <= built_; number += 7) {
      const auto found = source.find_key(key_of(number));
      ASSERT_TRUE(found) << found.error().text;
      if (number % 3 == 0) {
        ASSERT_TRUE(found->empty());
        continue;
      }
      ASSERT_EQ(found->size(), 1u) << number;
      expect_event(*source.at(found->front()), number);
    }
  }
};

TEST_F(IndexOfLogTest, MissingOrDamagedSideFilesAreMadeAnew) {
  open();
  append(30, 400);
  expect_every_key(*log_);
  log_.reset();
  const auto segments = files(".seg");
  ASSERT_GE(segments.size(), 3u);
  const auto side_file = [&](std::size_t i) { return std::filesystem::path(segments[i]).replace_extension(".idx"); };
  std::filesystem::remove(side_file(0));
  std::ofstream(side_file(1)) << "not an index";
  {
    const auto reader = LogReader::open(environment_, directory_);
    ASSERT_TRUE(reader) << reader.error().text;
    expect_every_key(**reader);
    EXPECT_FALSE(std::filesystem::exists(side_file(0))) << "a reader writes nothing";
  }
  open();
  expect_every_key(*log_);
  // The writer repairs them in the background; closing before that is no loss.
  while (!std::filesystem::exists(side_file(0))) std::this_thread::yield();
  expect_every_key(*log_);
}

TEST_F(IndexOfLogTest, KeyUsedAgainIsListedNewestFirstAcrossSegments) {
  open();
  std::vector<Address> expected;
  for (int round = 0; round < 8; ++round) {
    append(4, 200);
    for (int twice = 0; twice < 2; ++twice) {
      log_->builder().begin(IngestTime{1000});
      log_->builder().begin_record(1, 1, {}, 42, 8);
      expected.insert(expected.begin(), log_->builder().end_record(8).address);
      ++built_;
    }
  }
  ASSERT_TRUE(log_->settle());
  ASSERT_GE(files(".seg").size(), 2u);
  for (int reopened = 0; reopened < 2; ++reopened) {
    const auto found = log_->find_key(42);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, expected);
    open();
  }
}

}  // namespace
}  // namespace vigil::eventlog
