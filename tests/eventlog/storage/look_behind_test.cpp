// Opening that leaves what is further away than a commit reaches for later.
#include <gtest/gtest.h>

#include "eventlog/storage/recovery.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

constexpr std::uint64_t kReach = 256 << 10;  // of one commit, in segments of 1 MiB

class LookBehindTest : public LogFixture {
 protected:
  static LogOptions later() {
    LogOptions options = small_segments();
    options.look_behind_later = true;
    return options;
  }
  // A log of 100 events, its writer killed; then `bytes` so far behind its end.
  void crashed_with(const std::string& bytes, std::uint64_t behind) {
    open();
    append(2, 50);
    end_ = read_file(last_segment()).find_last_not_of('\0') / kBlockBytes * kBlockBytes + kBlockBytes;
    crash();
    write_at(last_segment(), end_ + behind, bytes);
    before_ = read_file(last_segment());
  }
  // Both ways of opening refuse the log, with the same words, and leave it as it is.
  void expect_refused_later(const std::string& words) {
    const auto at_once = try_open();
    ASSERT_FALSE(at_once);
    EXPECT_NE(at_once.error().text.find(words), std::string::npos) << at_once.error().text;
    open(later());
    expect_all(*log_, 1, 100);
    for (int again = 0; again < 2; ++again) {
      const auto looked = log_->look_behind();
      ASSERT_FALSE(looked);
      EXPECT_EQ(looked.error().kind, ErrorKind::damaged);
      EXPECT_EQ(looked.error().text, at_once.error().text);
    }
    EXPECT_FALSE(log_->close());
    log_.reset();
    EXPECT_EQ(read_file(last_segment()), before_);
    EXPECT_TRUE(files("CLEAN").empty());
    EXPECT_FALSE(try_open());
  }

  std::uint64_t end_ = 0;
  std::string before_;
};

TEST_F(LookBehindTest, StrayBytesFarBehindAreRefusedLater) {
  crashed_with("stray", kReach + 3 * kBlockBytes);
  expect_refused_later("damaged");
}

TEST_F(LookBehindTest, StrayBytesInTheLastBlockAreRefusedLater) {
  crashed_with("", 0);
  write_at(last_segment(), (1 << 20) - 5, "stray");
  before_ = read_file(last_segment());
  expect_refused_later("damaged");
}

TEST_F(LookBehindTest, AnIntactFrameFarBehindIsRefusedLater) {
  crashed_with("", 0);
  FrameHeader header;
  std::memcpy(&header, before_.data() + kBlockBytes, sizeof header);
  write_at(last_segment(), end_ + kReach + 2 * kBlockBytes,
           before_.substr(kBlockBytes, frame_bytes(header.payload_bytes)));
  before_ = read_file(last_segment());
  expect_refused_later("damaged");
}

// The first place that is left for later, and the last that is not.
TEST_F(LookBehindTest, EveryBlockIsLookedAtOnceOrLater) {
  crashed_with("", 0);
  for (std::uint64_t at = end_; at < (1 << 20); at += kBlockBytes) {
    write_at(last_segment(), at, "x");
    const auto log = try_open(later());
    if (at < end_ + kReach) {
      ASSERT_TRUE(log) << log.error().text;
      EXPECT_GT((*log)->recovery().torn_bytes_cut, 0u) << at;  // what a torn commit may have left
      ASSERT_TRUE((*log)->look_behind());
    } else {
      EXPECT_FALSE(log && (*log)->look_behind()) << at;
    }
    if (log) static_cast<void>((*log)->close());
    std::filesystem::remove(directory_ / "CLEAN");
    write_at(last_segment(), at, std::string(1, '\0'));
  }
}

TEST_F(LookBehindTest, ALogThatWasClosedInOrderIsLookedAtAtOnce) {
  open();
  append(2, 50);
  log_.reset();
  write_at(last_segment(), (1 << 20) - 5, "stray");
  EXPECT_FALSE(try_open(later()));
  EXPECT_EQ(files("CLEAN").size(), 1u);
}

TEST_F(LookBehindTest, WhereNothingStandsTheLogGoesOn) {
  crashed_with("", 0);
  open(later());
  ASSERT_TRUE(log_->look_behind());
  append(3, 20);
  ASSERT_TRUE(log_->look_behind());  // asked again, it does not mind what was appended
  ASSERT_TRUE(log_->close());
  log_.reset();
  EXPECT_EQ(files("CLEAN").size(), 1u);
  open(later());
  expect_all(*log_, 1, 160);
}

// Both is wrong: the log ends before a checkpoint, and something stands further on. The reason is the same.
TEST_F(LookBehindTest, ALogThatIsRefusedAnywayNamesTheSameReason) {
  crashed_with("stray", kReach + 3 * kBlockBytes);
  LogOptions at_once = small_segments(), afterwards = later();
  at_once.known_durable = afterwards.known_durable = Position{101};
  const auto expected = try_open(at_once), refused = try_open(afterwards);
  ASSERT_FALSE(expected);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, expected.error().text);
  EXPECT_EQ(read_file(last_segment()), before_);
}

// Whoever closes it without having looked.
TEST_F(LookBehindTest, ClosingLooksFirst) {
  crashed_with("stray", kReach + 3 * kBlockBytes);
  open(later());
  EXPECT_FALSE(log_->close());
  log_.reset();
  EXPECT_TRUE(files("CLEAN").empty());
  write_at(last_segment(), end_ + kReach + 3 * kBlockBytes, std::string(5, '\0'));
  open(later());
  log_.reset();
  EXPECT_EQ(files("CLEAN").size(), 1u);
}

TEST_F(LookBehindTest, NothingIsAppendedBefore) {
  crashed_with("", 0);
  open(later());
  EXPECT_DEATH(append(1), "looked at");
}

}  // namespace
}  // namespace vigil::eventlog
