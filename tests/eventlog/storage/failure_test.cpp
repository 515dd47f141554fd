// What the log does when the disk fails.
#include <gtest/gtest.h>

#include <mutex>

#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::eventlog {
namespace {

class FailureTest : public LogFixture {
 protected:
  void open_faulty(LogOptions options = small_segments()) {
    log_.reset();
    auto log = Log::open(faulty_, directory_, options);
    ASSERT_TRUE(log) << log.error().text;
    log_ = std::move(*log);
    built_ = log_->durable().value();
  }
  // Appends until the log refuses; the refusal, and the last position that was acknowledged.
  std::pair<Error, std::uint64_t> append_until_refused() {
    while (true) {
      const std::uint64_t acknowledged = log_->durable().value();
      for (int i = 0; i < 100; ++i) build();
      const auto settled = log_->settle();
      if (!settled) return {settled.error(), acknowledged};
    }
  }
  // After the process ended, a healthy machine opens the log with all that was acknowledged, and goes on.
  void open_after_failure_expect(std::uint64_t acknowledged) {
    faulty_.set(nullptr);
    log_.reset();
    open();
    ASSERT_TRUE(log_);
    EXPECT_GE(log_->durable().value(), acknowledged);
    expect_all(*log_, 1, log_->durable().value());
    append(3, 100);
    expect_all(*log_, 1, built_);
    log_.reset();
    const auto verified = verify(environment_, directory_);
    EXPECT_TRUE(verified) << verified.error().text;
  }
  void TearDown() override {
    LogFixture::TearDown();  // ends the log before its environment goes
  }
  FaultyEnvironment faulty_;
};

TEST_F(FailureTest, FailedSyncPoisonsTheLogAndIsNeverRetried) {
  open();  // the first segment's file is opened under its own name only by the next writer
  open_faulty();
  append(3, 10);
  std::mutex mutex;
  std::vector<ErrorKind> heard;
  log_->on_commit([&](const Expected<Position>& durable) {
    const std::lock_guard lock(mutex);
    if (!durable) heard.push_back(durable.error().kind);
  });
  faulty_.fail_from_now(Call::sync, ".seg", ErrorKind::io);
  const int syncs = faulty_.calls(Call::sync);
  build();
  auto settled = log_->settle();
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().kind, ErrorKind::poisoned);
  EXPECT_NE(settled.error().text.find("injected failure"), std::string::npos) << settled.error().text;
  faulty_.set(nullptr);
  build();
  EXPECT_FALSE(log_->try_commit());
  EXPECT_EQ(log_->settle().error().kind, ErrorKind::poisoned);
  expect_all(*log_, 1, 30);
  EXPECT_EQ(log_->close().error().kind, ErrorKind::poisoned);
  EXPECT_EQ(heard, std::vector<ErrorKind>{ErrorKind::io});
  EXPECT_LE(faulty_.calls(Call::sync), syncs + 3) << "the failed one, and the spare's";
  log_.reset();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "CLEAN"));
  open();
  // The unacknowledged commit may be there or not, but nothing acknowledged is lost.
  EXPECT_GE(log_->durable(), Position{30});
  expect_all(*log_, 1, log_->durable().value());
}

TEST_F(FailureTest, ShortWriteLosesNothingAcknowledged) {
  open();
  open_faulty();
  append(3, 200);
  faulty_.fail_from_now(Call::write, ".seg", ErrorKind::io);
  for (int i = 0; i < 200; ++i) build();
  EXPECT_EQ(log_->settle().error().kind, ErrorKind::poisoned);
  open_after_failure_expect(600);
}

TEST_F(FailureTest, FullDiskIsToldWhenTheNextSegmentIsNeeded) {
  open_faulty();
  faulty_.fail_from_now(Call::allocate, "spare.tmp", ErrorKind::full);
  std::mutex mutex;
  std::vector<ErrorKind> heard;
  log_->on_commit([&](const Expected<Position>& durable) {
    const std::lock_guard lock(mutex);
    if (!durable) heard.push_back(durable.error().kind);
  });
  const auto [error, acknowledged] = append_until_refused();
  EXPECT_EQ(error.kind, ErrorKind::poisoned);
  EXPECT_GT(acknowledged, 2000u) << "the first segment was filled";
  EXPECT_EQ(log_->durable().value(), acknowledged);
  static_cast<void>(log_->close());
  EXPECT_EQ(heard, std::vector<ErrorKind>{ErrorKind::full});
  open_after_failure_expect(acknowledged);
}

TEST_F(FailureTest, PreparingIsTriedAgainWhenRoomWasMade) {
  open_faulty();
  std::atomic<int> refusals{0};
  faulty_.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
    if (call != Call::allocate || !path.string().ends_with("spare.tmp") || refusals++ > 0) return std::nullopt;
    return Error{ErrorKind::full, "injected"};
  });
  append(40, 200);
  EXPECT_GE(refusals, 2);
  EXPECT_GE(files(".seg").size(), 2u);
  expect_all(*log_, 1, built_);
}

TEST_F(FailureTest, NewLogOnAFullDiskIsRefused) {
  faulty_.fail_from_now(Call::allocate, "spare.tmp", ErrorKind::full);
  const auto log = Log::open(faulty_, directory_, small_segments());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::full);
  EXPECT_NE(log.error().text.find(directory_.string()), std::string::npos);
  faulty_.set(nullptr);
  open();
  append(1);
}

TEST_F(FailureTest, EveryFailureOfEveryCallWhileRollingLosesNothing) {
  const std::pair<Call, const char*> cases[] = {
      {Call::write, "spare"},     {Call::sync, "spare"},     {Call::rename, "spare"},     {Call::open, "spare"},
      {Call::write, "spare.tmp"}, {Call::sync, "spare.tmp"}, {Call::rename, "spare.tmp"}, {Call::sync_directory, "log"},
  };
  for (const auto& [call, suffix] : cases) {
    std::filesystem::remove_all(directory_);
    faulty_.set(nullptr);
    open_faulty();
    append(1);
    faulty_.fail_from_now(call, suffix, ErrorKind::io);
    const auto [error, acknowledged] = append_until_refused();
    EXPECT_EQ(error.kind, ErrorKind::poisoned);
    EXPECT_EQ(log_->durable().value(), acknowledged);
    open_after_failure_expect(acknowledged);
  }
}

TEST_F(FailureTest, SideFileThatCannotBeWrittenIsNoMatter) {
  open_faulty();
  faulty_.fail_from_now(Call::rename, ".idx.tmp", ErrorKind::io);
  append(30, 200);
  ASSERT_GE(files(".seg").size(), 2u);
  EXPECT_EQ(log_->find_key(key_of(1))->size(), 1u);
  log_.reset();
  EXPECT_TRUE(files(".idx").empty());
  open();
  EXPECT_EQ(log_->find_key(key_of(1))->size(), 1u);
}

TEST_F(FailureTest, DirectoryThatCannotBeReadIsAnError) {
  open();
  append(1);
  log_.reset();
  for (const Call call : {Call::list, Call::sync_directory}) {
    faulty_.fail_from_now(call, "log", ErrorKind::io);
    const auto log = Log::open(faulty_, directory_, small_segments());
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().kind, ErrorKind::io);
  }
  faulty_.fail_from_now(Call::sync, ".seg", ErrorKind::io);
  EXPECT_EQ(Log::open(faulty_, directory_, small_segments()).error().kind, ErrorKind::io);
  EXPECT_EQ(LogReader::open(faulty_, directory_).error().kind, ErrorKind::io)
      << "a reader must not show what it could not sync";
}

}  // namespace
}  // namespace vigil::eventlog
