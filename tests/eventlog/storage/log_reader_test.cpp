#include <gtest/gtest.h>

#include <thread>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

class LogReaderTest : public LogFixture {
 protected:
  std::unique_ptr<LogReader> reader() {
    auto reader = LogReader::open(environment_, directory_);
    EXPECT_TRUE(reader) << reader.error().text;
    return reader ? std::move(*reader) : nullptr;
  }
};

TEST_F(LogReaderTest, SeesWhatAWriterCommitsOnceRefreshed) {
  open();
  append(2, 5);
  const auto following = reader();
  EXPECT_EQ(following->durable(), Position{10});
  EXPECT_EQ(following->id(), log_->id());
  auto cursor = following->read_from(Position{11});
  ASSERT_TRUE(cursor);
  append(1, 5);
  EXPECT_FALSE((*cursor)->next()->has_value());
  EXPECT_EQ(*following->refresh(), Position{15});
  for (std::uint64_t number = 11; number <= 15; ++number) expect_event(**(*cursor)->next(), number);
  EXPECT_EQ(*following->refresh(), Position{15});
}

TEST_F(LogReaderTest, FollowsAWriterThatRollsOver) {
  open();
  append(1);
  const auto following = reader();
  for (int round = 0; round < 12; ++round) {
    append(round % 3 * 4, 300);
    const auto durable = following->refresh();
    ASSERT_TRUE(durable) << durable.error().text;
    ASSERT_EQ(durable->value(), built_);
    expect_all(*following, 1, built_);
  }
  ASSERT_GE(files(".seg").size(), 4u);
  for (std::uint64_t number = 1; number <= built_; number += 501) {
    expect_event(*following->at(Position{number}), number);
    const auto found = following->find_key(key_of(number));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), number % 3 == 0 ? 0u : 1u);
  }
}

TEST_F(LogReaderTest, FollowsWhileTheWriterWrites) {
  open();
  append(1);
  constexpr std::uint64_t kEvents = 12'000;
  std::jthread follower([&] {
    const auto following = reader();
    auto cursor = following->read_from(Position{1});
    std::uint64_t number = 1;
    while (number <= kEvents) {
      const auto durable = following->refresh();
      ASSERT_TRUE(durable) << durable.error().text;
      while (true) {
        const auto record = (*cursor)->next();
        ASSERT_TRUE(record) << record.error().text;
        if (!record->has_value()) break;
        expect_event(**record, number++);
      }
    }
  });
  while (built_ < kEvents) {
    if (log_->builder().bytes_free() < 2000) {
      ASSERT_TRUE(log_->settle());
    }
    build();
    log_->try_commit();
  }
  ASSERT_TRUE(log_->settle());
}

TEST_F(LogReaderTest, TornTailIsNotShownAndNotTouched) {
  open();
  append(3, 5);
  crash();
  write_at(last_segment(), 4 * kBlockBytes, "torn");
  const std::string before = read_file(last_segment());
  const auto following = reader();
  EXPECT_EQ(following->durable(), Position{15});
  EXPECT_EQ(read_file(last_segment()), before);
}

TEST_F(LogReaderTest, DamageBeforeIntactFramesIsRefused) {
  open();
  append(4, 5);
  crash();
  flip_bit(last_segment(), 2 * kBlockBytes + 300);
  const auto following = LogReader::open(environment_, directory_);
  ASSERT_FALSE(following);
  EXPECT_EQ(following.error().kind, ErrorKind::damaged);
  flip_bit(last_segment(), 2 * kBlockBytes + 300);
  write_at(last_segment(), 2 * kBlockBytes, std::string(kBlockBytes, '\0'));
  EXPECT_EQ(LogReader::open(environment_, directory_).error().kind, ErrorKind::damaged);
}

TEST_F(LogReaderTest, PlaceWithoutALogIsNotFound) {
  EXPECT_EQ(LogReader::open(environment_, directory_).error().kind, ErrorKind::not_found);
  std::filesystem::create_directories(directory_);
  const auto following = LogReader::open(environment_, directory_);
  ASSERT_FALSE(following);
  EXPECT_EQ(following.error().kind, ErrorKind::not_found);
  EXPECT_NE(following.error().text.find("no log here"), std::string::npos) << following.error().text;
}

}  // namespace
}  // namespace vigil::eventlog
