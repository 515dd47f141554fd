#include "commands/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

namespace vigil::commands {
namespace {

using eventlog::Expected;

// One buffer for all batches, as parsers have.
class Source {
 public:
  explicit Source(int batches) : left_(batches) {}
  Expected<ReadAhead::Batch> operator()() {
    ++calls;
    if (left_-- == 0) {
      if (fails) return eventlog::fail(eventlog::ErrorKind::io, "the input broke");
      return ReadAhead::Batch{};
    }
    text_ = "raw " + std::to_string(number_++);
    command_.raw = text_;
    command_.body = SubmitTransaction{};
    return ReadAhead::Batch{std::span(&command_, 1), static_cast<std::uint64_t>(number_)};
  }

  bool fails = false;
  std::atomic<int> calls = 0;

 private:
  int left_, number_ = 0;
  std::string text_;
  Command command_;
};

TEST(ReadAhead, GivesEveryBatchInOrderThoughTheSourceReusesItsMemory) {
  Source source(1000);
  ReadAhead input([&] { return source(); });
  for (int i = 0; i < 1000; ++i) {
    const auto batch = input.next();
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->commands.size(), 1u);
    EXPECT_EQ(batch->commands[0].raw, "raw " + std::to_string(i));
    EXPECT_EQ(batch->bytes_done, static_cast<std::uint64_t>(i + 1));
  }
  EXPECT_TRUE(input.next()->commands.empty());
  EXPECT_TRUE(input.next()->commands.empty());
  EXPECT_EQ(source.calls, 1001);
}

TEST(ReadAhead, AnErrorComesBehindWhatWasReadBeforeItAndStays) {
  Source source(3);
  source.fails = true;
  ReadAhead input([&] { return source(); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(input.next()->commands.size(), 1u);
  for (int i = 0; i < 2; ++i) {
    const auto batch = input.next();
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().text, "the input broke");
  }
}

TEST(ReadAhead, ReadsNoFurtherThanItsBuffersReachAndEndsWithoutBeingEmptied) {
  Source source(1'000'000);
  {
    ReadAhead input([&] { return source(); });
    ASSERT_TRUE(input.next());
    ASSERT_TRUE(input.next());
  }
  EXPECT_LE(source.calls, 6);
}

}  // namespace
}  // namespace vigil::commands
