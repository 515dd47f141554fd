#include "eventlog/storage/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

class LogTest : public LogFixture {};

TEST_F(LogTest, NewLogIsEmpty) {
  open();
  EXPECT_EQ(log_->durable(), Position{});
  EXPECT_EQ(log_->id(), "0102030405060708090a0b0c0d0e0f10");
  EXPECT_FALSE(log_->try_commit());
  expect_all(*log_, 1, 0);
  EXPECT_EQ(*log_->first_at_or_after(IngestTime{0}), Position{1});
  EXPECT_TRUE(log_->find_key(1)->empty());
}

TEST_F(LogTest, WhatIsAppendedComesBackAfterReopening) {
  open();
  append(20, 7);
  expect_all(*log_, 1, 140);
  open();
  EXPECT_TRUE(log_->recovery().clean_shutdown);
  EXPECT_EQ(log_->durable(), Position{140});
  expect_all(*log_, 1, 140);
  append(3, 50);
  crash();
  open();
  EXPECT_FALSE(log_->recovery().clean_shutdown);
  EXPECT_EQ(log_->recovery().torn_bytes_cut, 0u);
  expect_all(*log_, 1, 290);
}

TEST_F(LogTest, NothingIsVisibleBeforeItIsDurable) {
  open();
  append(1, 3);
  auto cursor = log_->read_from(Position{4});
  ASSERT_TRUE(cursor);
  const Placed placed = build();
  EXPECT_EQ(log_->durable(), Position{3});
  EXPECT_FALSE((*cursor)->next()->has_value());
  EXPECT_FALSE((*cursor)->wait(std::chrono::milliseconds(0)));
  EXPECT_EQ(log_->at(placed.address).error().kind, ErrorKind::not_found);
  EXPECT_EQ(log_->at(Position{4}).error().kind, ErrorKind::not_found);
  EXPECT_TRUE(log_->find_key(key_of(4))->empty());
  ASSERT_TRUE(log_->settle());
  EXPECT_TRUE((*cursor)->wait(std::chrono::milliseconds(0)));
  expect_event(**(*cursor)->next(), 4);
}

TEST_F(LogTest, LogRollsOverSegments) {
  open();
  append(30, 400);
  EXPECT_GE(files(".seg").size(), 3u);
  expect_all(*log_, 1, built_);
  open();
  expect_all(*log_, 1, built_);
  expect_all(*log_, built_ / 2, built_);
  append(10, 400);
  expect_all(*log_, 1, built_);
}

TEST_F(LogTest, EveryPositionAndAddressLeadsToItsRecord) {
  open();
  std::vector<Placed> placed;
  for (int frame = 0; frame < 40; ++frame) {
    for (int i = 0; i < 150; ++i) placed.push_back(build());
    ASSERT_TRUE(log_->settle());
  }
  ASSERT_GE(files(".seg").size(), 2u);
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const Placed& one : placed) {
      const auto by_address = log_->at(one.address);
      ASSERT_TRUE(by_address) << by_address.error().text;
      ASSERT_EQ(by_address->position, one.position);
      ASSERT_EQ(by_address->address, one.address);
      expect_event(*by_address, one.position.value());
    }
    for (std::size_t i = 0; i < placed.size(); i += 37) {
      const auto by_position = log_->at(placed[i].position);
      ASSERT_TRUE(by_position) << by_position.error().text;
      ASSERT_EQ(by_position->address, placed[i].address);
      expect_event(*by_position, placed[i].position.value());
    }
    open();
  }
}

TEST_F(LogTest, AddressWhereNoRecordStandsIsNotFound) {
  open();
  const Placed placed = build();
  ASSERT_TRUE(log_->settle());
  const std::uint64_t right = placed.address.value();
  for (const std::uint64_t address :
       std::vector<std::uint64_t>{0, 8, 4096, right + 4, right + 8, right + 4096, 1ull << 40}) {
    const auto record = log_->at(Address{address});
    ASSERT_FALSE(record) << address;
    EXPECT_EQ(record.error().kind, ErrorKind::not_found);
    EXPECT_EQ(log_->at_or_pending(Address{address}).error().kind, ErrorKind::not_found);
  }
  EXPECT_EQ(log_->at(Position{0}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(log_->at(Position{2}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(log_->read_from(Position{0}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(log_->read_from(Position{3}).error().kind, ErrorKind::not_found);
}

TEST_F(LogTest, PendingRecordsAreFoundInBothBuffers) {
  open();
  std::vector<Placed> placed;
  const auto expect_pending = [&] {
    for (const Placed& one : placed) {
      const auto record = log_->at_or_pending(one.address);
      ASSERT_TRUE(record) << record.error().text;
      expect_event(*record, one.position.value());
      ASSERT_EQ(record->address, one.address);
      ASSERT_EQ(record->ingest_time, IngestTime{1000});
    }
  };
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 30; ++i) placed.push_back(build());
    expect_pending();
    log_->try_commit();
    for (int i = 0; i < 30; ++i) placed.push_back(build());
    expect_pending();
  }
  ASSERT_TRUE(log_->settle());
  expect_pending();
}

TEST_F(LogTest, AddressesGivenWhileBuildingAreFinalAcrossSegments) {
  open();
  std::vector<Placed> placed;
  for (int i = 0; i < 6000; ++i) {
    if (log_->builder().bytes_free() < 2000) {
      ASSERT_TRUE(log_->settle());
    }
    placed.push_back(build());
  }
  ASSERT_TRUE(log_->settle());
  ASSERT_GE(files(".seg").size(), 2u);
  for (const Placed& one : placed) ASSERT_EQ(log_->at(one.address)->position, one.position);
}

TEST_F(LogTest, IngestTimeNeverDecreases) {
  open();
  EXPECT_EQ(log_->builder().begin(IngestTime{500}), IngestTime{500});
  build(IngestTime{500});
  EXPECT_EQ(log_->builder().begin(IngestTime{900}), IngestTime{500}) << "fixed once the frame holds a record";
  ASSERT_TRUE(log_->settle());
  EXPECT_EQ(log_->builder().begin(IngestTime{400}), IngestTime{500});
  build(IngestTime{400});
  ASSERT_TRUE(log_->settle());
  EXPECT_EQ(log_->at(Position{2})->ingest_time, IngestTime{500});
  open();
  EXPECT_EQ(log_->builder().begin(IngestTime{100}), IngestTime{500});
}

TEST_F(LogTest, EmptyFrameMovesOnWithTheClock) {
  open();
  EXPECT_EQ(log_->builder().begin(IngestTime{500}), IngestTime{500});
  EXPECT_EQ(log_->builder().begin(IngestTime{800}), IngestTime{800});
}

TEST_F(LogTest, FirstAtOrAfterFindsTheFirstPositionOfATime) {
  open();
  // Frames of 300 events at times 10, 10, 20, 20, 30, 30 …
  for (int frame = 0; frame < 60; ++frame) append(1, 300, IngestTime{(frame / 2 + 1) * 10});
  ASSERT_GE(files(".seg").size(), 4u);
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (int time = 0; time <= 310; ++time) {
      const int step = time <= 10 ? 0 : (time - 1) / 10;
      const std::uint64_t expected = step >= 30 ? built_ + 1 : static_cast<std::uint64_t>(step) * 600 + 1;
      const auto found = log_->first_at_or_after(IngestTime{time});
      ASSERT_TRUE(found) << found.error().text;
      ASSERT_EQ(found->value(), expected) << time;
    }
    open();
  }
}

// Whoever withdraws the listener may go at once: it is not called any more, nor still under way. What it wrote to is
// overwritten and checked, which the sanitizers see as well.
TEST_F(LogTest, AWithdrawnListenerIsNotCalledAnyMore) {
  open();
  for (int i = 0; i < 300; ++i) {
    auto calls = std::make_unique<std::uint64_t>(0);
    log_->on_commit([heard = calls.get()](const Expected<Position>&) {
      for (int step = 0; step < 100; ++step) *heard += 1;
    });
    build();
    log_->try_commit();
    log_->on_commit({});
    EXPECT_EQ(*calls % 100, 0u) << "a call was under way";
    *calls = 7;
    EXPECT_EQ(*calls, 7u);
  }
  ASSERT_TRUE(log_->settle());
}

TEST_F(LogTest, CommitsWhatIsBuiltOneAtATime) {
  open();
  std::mutex mutex;
  std::vector<std::uint64_t> heard;
  log_->on_commit([&](const Expected<Position>& durable) {
    const std::lock_guard lock(mutex);
    heard.push_back(durable ? durable->value() : 0);
  });
  std::size_t commits = 0;
  for (int i = 0; i < 500; ++i) {
    build();
    commits += log_->try_commit() ? 1 : 0;
    if (log_->builder().empty()) {
      EXPECT_FALSE(log_->try_commit()) << "an empty frame is not committed";
    }
  }
  ASSERT_TRUE(log_->settle());
  ASSERT_TRUE(log_->close());
  EXPECT_GE(commits, 1u);
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
  EXPECT_EQ(heard.back(), 500u);
  expect_all(*log_, 1, 500);
}

TEST_F(LogTest, CursorsFollowAWriterLive) {
  open();
  constexpr std::uint64_t kEvents = 20'000;
  std::atomic<int> complete{0};
  const auto follow = [&](std::uint64_t from) {
    auto cursor = log_->read_from(Position{from});
    ASSERT_TRUE(cursor);
    std::uint64_t number = from;
    while (number <= kEvents) {
      auto record = (*cursor)->next();
      ASSERT_TRUE(record) << record.error().text;
      if (!record->has_value()) {
        (*cursor)->wait(std::chrono::milliseconds(100));
        continue;
      }
      expect_event(**record, number);
      ASSERT_LE((*record)->position, log_->durable());
      ++number;
    }
    ++complete;
  };
  const auto ask = [&] {
    for (std::uint64_t n = 0; log_->durable().value() < kEvents; ++n) {
      const std::uint64_t durable = log_->durable().value();
      if (durable == 0) continue;
      const std::uint64_t number = 1 + n * 7919 % durable;
      const auto record = log_->at(Position{number});
      ASSERT_TRUE(record) << record.error().text;
      expect_event(*record, number);
      const auto found = log_->find_key(key_of(number));
      ASSERT_TRUE(found) << found.error().text;
      ASSERT_EQ(found->size(), number % 3 == 0 ? 0u : 1u) << number;
    }
    ++complete;
  };
  {
    std::jthread first(follow, 1);
    std::jthread second(follow, 1);
    std::jthread asker(ask);
    while (built_ < kEvents) {
      if (log_->builder().bytes_free() < 2000) {
        ASSERT_TRUE(log_->settle());
      }
      build();
      log_->try_commit();
    }
    ASSERT_TRUE(log_->settle());
  }
  EXPECT_EQ(complete, 3);
  EXPECT_GE(files(".seg").size(), 4u);
}

TEST_F(LogTest, WaitingEndsWhenTheLogCloses) {
  open();
  auto cursor = log_->read_from(Position{1});
  std::jthread waiter([&] { EXPECT_FALSE((*cursor)->wait(std::chrono::hours(1))); });
  ASSERT_TRUE(log_->close());
}

TEST_F(LogTest, EpochRisesWithEveryWriter) {
  for (int writer = 0; writer < 4; ++writer) {
    open();
    append(1);
  }
  open();
  log_.reset();
  open();
  append(1);
  log_.reset();
  const std::string bytes = read_file(last_segment());
  std::vector<std::uint64_t> epochs;
  for (int frame = 0; frame < 5; ++frame) {
    FrameHeader header;
    std::memcpy(&header, bytes.data() + kBlockBytes * static_cast<std::size_t>(1 + frame), sizeof header);
    epochs.push_back(header.epoch);
  }
  EXPECT_EQ(epochs, (std::vector<std::uint64_t>{1, 2, 3, 4, 6})) << "also by a writer that wrote nothing";
}

TEST_F(LogTest, SecondWriterIsToldWhereTheFirstIs) {
  open();
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::locked);
  EXPECT_NE(second.error().text.find(directory_.string()), std::string::npos) << second.error().text;
}

TEST_F(LogTest, DirectoryThatCannotBeMadeIsAnError) {
  std::filesystem::create_directories(root_);
  std::ofstream(directory_) << "a file";
  const auto log = try_open();
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::io);
  EXPECT_NE(log.error().text.find(directory_.string()), std::string::npos) << log.error().text;
}

TEST_F(LogTest, ImpossibleOptionsAreRefused) {
  LogOptions options;
  options.segment_bytes = 1000;
  EXPECT_EQ(try_open(options).error().kind, ErrorKind::invalid);
  options = {};
  options.frame_bytes_max = 100;
  EXPECT_EQ(try_open(options).error().kind, ErrorKind::invalid);
}

TEST_F(LogTest, SegmentsOfDifferentSizesFollowEachOther) {
  open();
  append(4, 500);
  LogOptions larger;
  larger.segment_bytes = 2 << 20;
  open(larger);
  append(20, 500);
  open();
  append(20, 500);
  expect_all(*log_, 1, built_);
  log_.reset();
  const auto verified = verify(environment_, directory_);
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->records, built_);
}

class LogDeathTest : public LogFixture {};

TEST_F(LogDeathTest, RecordThatDoesNotFitEndsTheProcess) {
  open();
  log_->builder().begin(IngestTime{1});
  const std::size_t too_much = log_->builder().bytes_free();
  EXPECT_DEATH(log_->builder().begin_record(1, 1, {}, std::nullopt, too_much), "bytes_free");
}

}  // namespace
}  // namespace vigil::eventlog
