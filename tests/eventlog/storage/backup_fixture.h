// A log with a backup beside it, and words to lose, damage and take back one from the other.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/backup.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::eventlog {

class BackupTest : public LogFixture {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    backup_ = root_ / "backup";
  }
  // Frames of 90 events until so many segments are sealed; each frame at its own time.
  void grow_to(std::size_t sealed) {
    for (; files(".seg").size() <= sealed; time_ += 10) append(1, 90, IngestTime{time_});
  }
  void fill_log(std::size_t sealed = 3) {
    open();
    grow_to(sealed);
    for (int i = 0; i < 5; ++i, time_ += 10) append(1, 90, IngestTime{time_});
  }
  BackupReport back_up_now(BackupOptions options = {}) {
    auto report = back_up(environment_, directory_, backup_, options);
    EXPECT_TRUE(report) << report.error().text;
    return report.value_or(BackupReport{});
  }
  RestoreReport restore_to(const std::filesystem::path& directory, RestoreOptions options = {}) {
    auto report = restore(environment_, backup_, directory, options);
    EXPECT_TRUE(report) << report.error().text;
    return report.value_or(RestoreReport{});
  }
  // Opened by a writer, it holds exactly 1 … `last`, and takes more.
  void expect_log(const std::filesystem::path& directory, std::uint64_t last) {
    auto log = Log::open(environment_, directory, small_segments());
    ASSERT_TRUE(log) << log.error().text;
    EXPECT_TRUE((*log)->recovery().clean_shutdown);
    EXPECT_EQ((*log)->durable().value(), last);
    expect_all(**log, 1, last);
    (*log)->builder().begin(IngestTime{time_ + 1'000'000});
    (*log)->builder().begin_record(1, 1, {}, std::nullopt, 8);
    (*log)->builder().end_record(8);
    ASSERT_TRUE((*log)->settle());
  }
  template <class Work>
  void expect_error(const Work& work, ErrorKind kind, const std::string& says) {
    const auto result = work();
    ASSERT_FALSE(result) << "expected: " << says;
    EXPECT_EQ(result.error().kind, kind) << result.error().text;
    EXPECT_THAT(result.error().text, ::testing::HasSubstr(says));
  }
  auto backing_up() {
    return [this] { return back_up(environment_, directory_, backup_, {}); };
  }
  auto restoring(const std::filesystem::path& to, RestoreOptions options = {}) {
    return [this, to, options] { return restore(environment_, backup_, to, options); };
  }
  auto repairing() {
    return [this] { return repair(environment_, directory_, backup_); };
  }
  std::filesystem::path backed_up(const std::filesystem::path& file) const { return backup_ / "log" / file.filename(); }
  static std::vector<std::string> names_in(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  // The backed-up log as it was at `position`, and then other events up to `last` or behind it.
  std::filesystem::path fork_at(std::uint64_t position, std::uint64_t last) {
    const auto fork = root_ / "fork";
    RestoreOptions options;
    options.position = Position{position};
    restore_to(fork, options);
    auto log = Log::open(environment_, fork, small_segments());
    EXPECT_TRUE(log) << log.error().text;
    while (log && (*log)->durable().value() < last) {
      (*log)->builder().begin(IngestTime{time_ + 1000});
      (*log)->builder().begin_record(1, 1, {}, std::nullopt, 8);
      (*log)->builder().end_record(8);
      EXPECT_TRUE((*log)->settle());
    }
    return fork;
  }
  // The moment each file was written, to see which were not.
  std::map<std::string, std::filesystem::file_time_type> write_times() const {
    std::map<std::string, std::filesystem::file_time_type> times;
    for (const auto& entry : std::filesystem::directory_iterator(backup_ / "log")) {
      times[entry.path().filename()] = entry.last_write_time();
    }
    return times;
  }

  std::filesystem::path backup_;
  std::int64_t time_ = 1000;
};

}  // namespace vigil::eventlog
