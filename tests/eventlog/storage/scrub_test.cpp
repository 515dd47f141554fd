#include "eventlog/storage/scrub.h"

#include <fstream>
#include <thread>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/archive_file.h"
#include "tests/eventlog/storage/faulty_environment.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

class ScrubTest : public LogFixture {
 protected:
  void several_segments() {
    open();
    append(45, 400);
    log_.reset();
    ASSERT_GE(files(".seg").size(), 4u);
  }
  ScrubOptions unlimited() const {
    ScrubOptions options;
    options.bytes_per_second = ScrubOptions::kUnlimited;
    options.progress_file = root_ / "scrub";
    return options;
  }
  std::uint64_t sealed() const { return files(".seg").size() - 1; }
  // What a pass reads of so many segments: all but their headers' blocks.
  static std::uint64_t bytes_of(std::uint64_t segments) { return segments * ((1 << 20) - kBlockBytes); }
};

TEST_F(ScrubTest, APassReadsAllSealedSegmentsAndNoMore) {
  several_segments();
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_EQ(scrub.status().last_full_pass, IngestTime{});
  EXPECT_TRUE(scrub.pass());
  const ScrubStatus status = scrub.status();
  EXPECT_EQ(status.bytes, bytes_of(sealed()));
  EXPECT_EQ(status.passes, 1u);
  EXPECT_EQ(status.last_full_pass, environment_.now());
  EXPECT_EQ(status.next, Position{});
  EXPECT_EQ(status.damage, "");
}

TEST_F(ScrubTest, AFlippedBitRaisesTheAlarmAndThePassGoesOn) {
  several_segments();
  flip_bit(files(".seg")[1], kBlockBytes + kFrameHeaderBytes + 77);
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  const ScrubStatus status = scrub.status();
  EXPECT_EQ(status.damaged, 1u);
  EXPECT_NE(status.damage.find(files(".seg")[1].string() + ": damaged at offset 4096 (position "), std::string::npos)
      << status.damage;
  EXPECT_NE(status.damage.find("payload checksum mismatch"), std::string::npos) << status.damage;
  EXPECT_EQ(status.passes, 1u);
  EXPECT_GT(status.bytes, bytes_of(sealed() - 1)) << "the segments behind it are read too";
}

TEST_F(ScrubTest, TheAlarmEndsWhenALaterPassFindsTheSegmentWhole) {
  several_segments();
  flip_bit(files(".seg")[0], 9'000);
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 1u);
  flip_bit(files(".seg")[0], 9'000);
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 0u);
  EXPECT_EQ(scrub.status().damage, "");
  EXPECT_EQ(scrub.status().passes, 2u);
}

TEST_F(ScrubTest, TheLastFrameOfASegmentIsAPartOfIt) {
  several_segments();
  const auto all = files(".seg");
  SegmentHeader following;
  std::memcpy(&following, read_file(all[1]).data(), sizeof following);
  flip_bit(all[0], following.previous_end_address - 20);  // in the last trailer
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 1u);
}

TEST_F(ScrubTest, ADiskThatCannotReadIsAnAlarmToo) {
  several_segments();
  const std::string second = files(".seg")[1].filename();
  FaultyEnvironment faulty;
  faulty.set([&, reads = 0](Call call, const std::filesystem::path& path) mutable -> std::optional<Error> {
    if (call != Call::read || path.filename() != second) return std::nullopt;
    if (++reads <= 3) return std::nullopt;  // its header, and what the chain of headers asks
    return Error{ErrorKind::io, path.string() + ": read: Input/output error"};
  });
  Scrub scrub(faulty, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 1u);
  EXPECT_NE(scrub.status().damage.find("Input/output error"), std::string::npos) << scrub.status().damage;
}

TEST_F(ScrubTest, ProgressAndAlarmsOutliveTheProcess) {
  several_segments();
  flip_bit(files(".seg")[0], 9'000);
  {
    Scrub scrub(environment_, directory_, unlimited());
    EXPECT_TRUE(scrub.pass());
  }
  Scrub scrub(environment_, directory_, unlimited());
  const ScrubStatus status = scrub.status();
  EXPECT_EQ(status.damaged, 1u);
  EXPECT_EQ(status.last_full_pass, environment_.now());
  EXPECT_EQ(status.bytes, 0u);
}

TEST_F(ScrubTest, APassThatWasEndedGoesOnWhereItWas) {
  several_segments();
  const auto all = files(".seg");
  ScrubProgress progress;
  progress.log_id = "0102030405060708090a0b0c0d0e0f10";
  progress.next_position = std::stoull(all[2].stem().string());
  progress.began_us = 1;
  ASSERT_TRUE(write_scrub_progress(environment_, root_ / "scrub", progress));
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().bytes, bytes_of(sealed() - 2));
}

TEST_F(ScrubTest, ProgressOfAnotherLogIsForgotten) {
  several_segments();
  ScrubProgress progress;
  progress.log_id = "ff02030405060708090a0b0c0d0e0f10";
  progress.next_position = 5'000;
  progress.damaged[1] = "old";
  ASSERT_TRUE(write_scrub_progress(environment_, root_ / "scrub", progress));
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().bytes, bytes_of(sealed()));
  EXPECT_EQ(scrub.status().damage, "");
}

TEST_F(ScrubTest, WhatWasKnownOfSegmentsThatAreGoneIsForgotten) {
  several_segments();
  ScrubProgress progress;
  progress.log_id = LogReader::open(environment_, directory_).value()->id();
  progress.next_position = 5'000'000;  // of a longer course of the same log
  progress.damaged[777'777] = "old";
  ASSERT_TRUE(write_scrub_progress(environment_, root_ / "scrub", progress));
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().bytes, bytes_of(sealed()));
  EXPECT_EQ(scrub.status().damaged, 0u);
}

TEST_F(ScrubTest, ProgressIsReadBackAsItWasWritten) {
  ScrubProgress progress{"0102", 7, 8, 9, {{1, "x.seg: damaged at offset 5"}, {900, "y.seg: gone"}}};
  std::filesystem::create_directories(root_);
  ASSERT_TRUE(write_scrub_progress(environment_, root_ / "scrub", progress));
  EXPECT_EQ(read_scrub_progress(environment_, root_ / "scrub"), progress);
}

TEST_F(ScrubTest, AFileThatIsNoProgressIsNothingDoneYet) {
  std::filesystem::create_directories(root_);
  std::ofstream(root_ / "scrub") << "next_position 12\n";
  EXPECT_EQ(read_scrub_progress(environment_, root_ / "scrub"), ScrubProgress{});
  EXPECT_EQ(read_scrub_progress(environment_, root_ / "none"), ScrubProgress{});
}

TEST_F(ScrubTest, ALogOfOneSegmentHasNothingToRead) {
  open();
  append(2, 10);
  Scrub scrub(environment_, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().bytes, 0u);
  EXPECT_EQ(scrub.status().last_full_pass, IngestTime{});
}

TEST_F(ScrubTest, TheThreadFindsWhatAPassFindsAndTheWriterGoesOn) {
  open();
  append(30, 400);
  const auto damaged = files(".seg")[0];
  flip_bit(damaged, 9'000);
  Scrub scrub(environment_, directory_, unlimited());
  scrub.start();
  while (scrub.status().passes == 0) append(1, 10);
  EXPECT_EQ(scrub.status().damaged, 1u);
}

TEST_F(ScrubTest, ASlowThreadEndsAtOnceWhenAsked) {
  several_segments();
  ScrubOptions slow;
  slow.bytes_per_second = 1;  // the first piece takes six days
  Scrub scrub(environment_, directory_, slow);
  scrub.start();
  while (scrub.status().bytes == 0) std::this_thread::yield();
  EXPECT_EQ(scrub.status().passes, 0u);
}

// Counts how often a file is told to leave the page cache.
class Watched : public FixedEnvironment {
 public:
  class WatchedFile : public File {
   public:
    WatchedFile(std::unique_ptr<File> file, int& forgotten) : file_(std::move(file)), forgotten_(forgotten) {}
    Expected<std::uint64_t> size() override { return file_->size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      return file_->read_at(offset, bytes);
    }
    Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      return file_->write_at(offset, bytes);
    }
    Expected<void> allocate(std::uint64_t bytes) override { return file_->allocate(bytes); }
    Expected<void> sync() override { return file_->sync(); }
    void forget_cached() override { ++forgotten_; }
    Expected<std::unique_ptr<Mapping>> map() override { return file_->map(); }

   private:
    std::unique_ptr<File> file_;
    int& forgotten_;
  };
  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    auto file = FixedEnvironment::open(path, mode);
    if (!file) return file;
    return std::make_unique<WatchedFile>(std::move(*file), forgotten);
  }
  int forgotten = 0;
};

TEST_F(ScrubTest, WhatWasReadIsDroppedFromTheCache) {
  several_segments();
  Watched watched;
  Scrub scrub(watched, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_GE(watched.forgotten, static_cast<int>(2 * sealed())) << "before and behind each segment";
}

TEST_F(ScrubTest, ArchivedSegmentsAreReadFromTheDiskToo) {
  several_segments();
  const std::uint64_t before = sealed();
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  const std::uint64_t archived = files(".seg.zst").size();
  ASSERT_GT(archived, 0u);
  Watched watched;
  Scrub scrub(watched, directory_, unlimited());
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 0u);
  EXPECT_GE(watched.forgotten, static_cast<int>(2 * before)) << "archives as well as segments";
  flip_bit(files(".seg.zst")[0], kArchiveHeaderBytes + 100);
  EXPECT_TRUE(scrub.pass());
  EXPECT_EQ(scrub.status().damaged, 1u);
}

}  // namespace
}  // namespace vigil::eventlog
