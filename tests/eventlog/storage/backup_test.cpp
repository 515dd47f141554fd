// Backups, and the ways back from them.
#include "eventlog/storage/backup.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::eventlog {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

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
    EXPECT_THAT(result.error().text, HasSubstr(says));
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

TEST_F(BackupTest, RunningLogIsBackedUpAndRestored) {
  fill_log();
  const std::uint64_t last = built_;
  const BackupReport report = back_up_now();
  EXPECT_EQ(report.copied, 4u);
  EXPECT_EQ(report.manifest.position, last);
  append(2);
  const RestoreReport restored = restore_to(root_ / "restored");
  EXPECT_EQ(restored.position, last);
  EXPECT_EQ(restored.hash, report.manifest.hash);
  expect_log(root_ / "restored", last);
}

TEST_F(BackupTest, RestoredLogHasRoomOnTheDiskForItsNextFrames) {
  fill_log();
  back_up_now();
  restore_to(root_ / "restored");
  struct stat segment{};
  ASSERT_EQ(::stat((root_ / "restored" / last_segment().filename()).c_str(), &segment), 0);
  EXPECT_GE(static_cast<std::uint64_t>(segment.st_blocks) * 512, small_segments().segment_bytes);
}

TEST_F(BackupTest, BackupIsALogThatCanBeReadAndVerified) {
  fill_log();
  back_up_now();
  const auto verified = verify(environment_, backup_ / "log");
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->records, built_);
  EXPECT_EQ(verified->head_hash_hex, hex(read_manifest(environment_, backup_)->hash));
  const auto reader = LogReader::open(environment_, backup_ / "log");
  ASSERT_TRUE(reader);
  expect_all(**reader, 1, built_);
}

TEST_F(BackupTest, SealedSegmentsAreCopiedOnce) {
  fill_log(2);
  back_up_now();
  const auto before = write_times();
  grow_to(4);
  const BackupReport second = back_up_now();
  EXPECT_EQ(second.kept, 2u);
  EXPECT_EQ(second.copied, 3u);
  const auto after = write_times();
  for (const auto& segment : {segment_name(1), std::next(before.begin())->first}) {
    EXPECT_EQ(before.at(segment), after.at(segment)) << segment;
  }
  restore_to(root_ / "restored");
  expect_log(root_ / "restored", built_);
  const BackupReport third = back_up_now();  // nothing new: the active segment again
  EXPECT_EQ(third.kept, 4u);
  EXPECT_EQ(third.copied, 1u);
}

TEST_F(BackupTest, ArchivedSegmentsStayArchivedButForTheLast) {
  fill_log(4);
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  EXPECT_EQ(back_up_now().copied, 5u);
  ASSERT_TRUE(unarchive_log(environment_, directory_, {}));
  EXPECT_EQ(back_up_now().kept, 4u);  // the same bytes, whatever the form
  restore_to(root_ / "restored");
  expect_log(root_ / "restored", built_);
  RestoreOptions options;
  options.position = Position{built_ / 2};
  const std::uint64_t last = restore_to(root_ / "half", options).position;
  EXPECT_LE(last, built_ / 2);
  EXPECT_GT(last + 90, built_ / 2);
  expect_log(root_ / "half", last);
}

TEST_F(BackupTest, SegmentArchivedSinceTheLastBackupReplacesItsPart) {
  fill_log(1);
  back_up_now();  // has a part of the second segment
  grow_to(4);
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  back_up_now();
  restore_to(root_ / "restored");
  expect_log(root_ / "restored", built_);
}

TEST_F(BackupTest, RestoreEndsWithTheLastFrameThatFits) {
  fill_log();
  back_up_now();
  int n = 0;
  for (const std::uint64_t position : {90ull, 91ull, 179ull, 180ull, 181ull}) {
    RestoreOptions options;
    options.position = Position{position};
    const auto directory = root_ / ("at" + std::to_string(++n));
    const RestoreReport report = restore_to(directory, options);
    EXPECT_EQ(report.position, position / 90 * 90);
    expect_log(directory, position / 90 * 90);
  }
}

TEST_F(BackupTest, RestoreAtEverySegmentsBorder) {
  fill_log();
  back_up_now();
  const auto headers = read_segment_headers(environment_, directory_);
  ASSERT_TRUE(headers);
  for (std::size_t i = 1; i < headers->size(); ++i) {
    for (const std::int64_t shift : {-91, -90, -1, 0, 89}) {
      RestoreOptions options;
      options.position = Position{(*headers)[i].first_position + static_cast<std::uint64_t>(shift)};
      const auto directory = root_ / ("at" + std::to_string(i) + "_" + std::to_string(shift));
      const RestoreReport report = restore_to(directory, options);
      EXPECT_EQ(report.position, options.position->value() / 90 * 90);
      expect_log(directory, report.position);
      std::filesystem::remove_all(directory);
    }
  }
}

TEST_F(BackupTest, RestoreToATime) {
  fill_log();
  back_up_now();
  int n = 0;
  for (const auto& [time, last] : {std::pair(1000, 90), {1009, 90}, {1010, 180}, {1'999'999, int(built_)}}) {
    RestoreOptions options;
    options.time = IngestTime{time};
    const auto directory = root_ / ("at" + std::to_string(++n));
    const RestoreReport report = restore_to(directory, options);
    EXPECT_EQ(report.position, static_cast<std::uint64_t>(last));
    EXPECT_LE(report.ingest_time_us, time);
    expect_log(directory, report.position);
  }
  RestoreOptions early;
  early.time = IngestTime{999};
  expect_error(restoring(root_ / "early", early), ErrorKind::invalid, "nothing was taken that early");
}

TEST_F(BackupTest, RestoredLogHasAnEpochNoOtherHistoryHas) {
  fill_log();
  const BackupReport report = back_up_now();
  for (int i = 0; i < 5; ++i) open(), append(1);  // the log that is lost later
  const RestoreReport restored = restore_to(root_ / "restored");
  EXPECT_EQ(restored.epoch, report.manifest.epoch + kEpochsSkipped);
  expect_log(root_ / "restored", report.manifest.position);
  const auto again = back_up(environment_, root_ / "restored", root_ / "second backup", {});
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_GT(again->manifest.epoch, restored.epoch);
}

TEST_F(BackupTest, PositionsOutOfReachAreRefused) {
  fill_log();
  back_up_now();
  RestoreOptions options;
  for (const std::uint64_t position : {std::uint64_t{0}, built_ + 1}) {
    options.position = Position{position};
    expect_error(restoring(root_ / "restored", options), ErrorKind::invalid, "is not in the backup");
  }
  options.position = Position{89};
  expect_error(restoring(root_ / "restored", options), ErrorKind::invalid, "no frame ends at or before position 89");
  EXPECT_FALSE(std::filesystem::exists(root_ / "restored"));
}

TEST_F(BackupTest, RestoreNeverOverwrites) {
  fill_log();
  back_up_now();
  expect_error(restoring(directory_), ErrorKind::invalid, "holds a log already");
  std::filesystem::create_directories(root_ / "empty");
  restore_to(root_ / "empty");
  expect_log(root_ / "empty", built_);
}

TEST_F(BackupTest, WhatIsNoBackupIsRefused) {
  fill_log(1);
  expect_error(restoring(root_ / "restored"), ErrorKind::not_found, "is no backup");
  std::filesystem::create_directories(backup_);
  std::ofstream(backup_ / "holiday.txt") << "sun";
  expect_error(backing_up(), ErrorKind::invalid, "it holds 'holiday.txt'");
}

TEST_F(BackupTest, DamagedManifestIsRefused) {
  fill_log(1);
  back_up_now();
  const auto manifest = backup_ / kManifestName;
  const std::string whole = read_file(manifest);
  flip_bit(manifest, 40);
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, "checksum mismatch");
  expect_error(backing_up(), ErrorKind::damaged, "checksum mismatch");
  std::ofstream(manifest) << "vigil backup 2\n";
  expect_error(restoring(root_ / "restored"), ErrorKind::unsupported_version, "use a newer Vigil");
  std::ofstream(manifest) << "hello";
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, "not a manifest");
  std::ofstream(manifest, std::ios::binary) << whole;
  restore_to(root_ / "restored");
}

TEST_F(BackupTest, BackupOfAnotherLogIsRefused) {
  fill_log(1);
  back_up_now();
  log_.reset();
  class OtherEnvironment : public FixedEnvironment {
    void random(std::span<std::byte> bytes) override { std::ranges::fill(bytes, std::byte{7}); }
  } other;
  const auto elsewhere = root_ / "elsewhere";
  {
    auto log = Log::open(other, elsewhere, small_segments());
    ASSERT_TRUE(log);
    (*log)->builder().begin(IngestTime{1});
    (*log)->builder().begin_record(1, 1, {}, std::nullopt, 8);
    (*log)->builder().end_record(8);
    ASSERT_TRUE((*log)->settle());
  }
  expect_error([&] { return back_up(other, elsewhere, backup_, {}); }, ErrorKind::invalid, "backup of another log");
  expect_error([&] { return repair(other, elsewhere, backup_); }, ErrorKind::invalid, "chain hashes do not agree");
}

TEST_F(BackupTest, AnotherHistoryOfTheSameLogIsRefused) {
  fill_log();
  back_up_now();
  RestoreOptions options;
  options.position = Position{built_ - 100};
  restore_to(root_ / "fork", options);
  const auto fork = [&] { return back_up(environment_, root_ / "fork", backup_, {}); };
  expect_error(fork, ErrorKind::invalid, "another history of the same log");
  {
    auto log = Log::open(environment_, root_ / "fork", small_segments());
    ASSERT_TRUE(log);
    for (int i = 0; i < 200; ++i) {
      (*log)->builder().begin(IngestTime{time_ + 1000});
      (*log)->builder().begin_record(1, 1, {}, std::nullopt, 8);
      (*log)->builder().end_record(8);
      ASSERT_TRUE((*log)->settle());
    }
  }
  expect_error(fork, ErrorKind::invalid, "another history of the same log");
  EXPECT_EQ(read_manifest(environment_, backup_)->position, built_);  // the backup is what it was
}

TEST_F(BackupTest, EmptyLogHasNothingToBackUp) {
  open();
  expect_error(backing_up(), ErrorKind::invalid, "no events yet");
}

TEST_F(BackupTest, DamagedSegmentDoesNotGetIntoABackup) {
  fill_log();
  back_up_now();
  grow_to(5);
  log_.reset();
  flip_bit(files(".seg")[4], 5 * kBlockBytes + 300);
  expect_error(backing_up(), ErrorKind::damaged, files(".seg")[4].filename());
  restore_to(root_ / "restored");  // from what the backup was
}

TEST_F(BackupTest, DamageInTheBackupIsFoundWhenAskedFor) {
  fill_log();
  back_up_now();
  flip_bit(backup_ / "log" / segment_name(1), 3 * kBlockBytes + 200);
  EXPECT_EQ(back_up_now().kept, 3u);
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, segment_name(1));
  EXPECT_FALSE(std::filesystem::exists(root_ / "restored"));
  BackupOptions all;
  all.check_all = true;
  const BackupReport report = back_up_now(all);
  EXPECT_EQ(report.kept, 2u);
  restore_to(root_ / "restored");
  expect_log(root_ / "restored", built_);
}

TEST_F(BackupTest, InterruptedBackupLeavesOneThatCanBeRestored) {
  fill_log(1);
  const std::uint64_t first = built_;
  back_up_now();
  grow_to(2);
  const auto pristine = root_ / "pristine";
  std::filesystem::copy(backup_, pristine, std::filesystem::copy_options::recursive);
  bool finished = false;
  int interruptions = 0;
  for (int after = 0; !finished; after += 1 + after / 3) {
    std::filesystem::remove_all(backup_);
    std::filesystem::copy(pristine, backup_, std::filesystem::copy_options::recursive);
    FaultyEnvironment faulty;
    int calls = 0;
    faulty.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
      const bool changes = call == Call::write || call == Call::sync || call == Call::rename || call == Call::remove ||
                           call == Call::sync_directory;
      if (!changes || path.string().starts_with(directory_.string()) || calls++ < after) return std::nullopt;
      return Error{ErrorKind::full, path.string() + ": injected failure"};
    });
    finished = back_up(faulty, directory_, backup_, {}).has_value();
    if (finished) break;
    ++interruptions;
    const auto directory = root_ / "restored";
    const RestoreReport report = restore_to(directory);
    EXPECT_EQ(report.position, first);
    expect_log(directory, first);
    std::filesystem::remove_all(directory);
    back_up_now();
    EXPECT_EQ(restore_to(directory).position, built_);
    std::filesystem::remove_all(directory);
  }
  EXPECT_GT(interruptions, 5);
}

TEST_F(BackupTest, InterruptedRestoreLeavesNoLogAndGoesThroughTheNextTime) {
  fill_log(2);
  back_up_now();
  const auto directory = root_ / "restored";
  for (int after = 0;; after += 1 + after / 3) {
    FaultyEnvironment faulty;
    int calls = 0;
    faulty.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
      const bool changes = call == Call::write || call == Call::sync || call == Call::rename;
      if (!changes || calls++ < after) return std::nullopt;
      return Error{ErrorKind::io, path.string() + ": injected failure"};
    });
    if (restore(faulty, backup_, directory, {})) break;
    EXPECT_FALSE(std::filesystem::exists(directory)) << after;
  }
  expect_log(directory, built_);
}

TEST_F(BackupTest, OneBackupAtATime) {
  fill_log(1);
  back_up_now();
  const auto lock = environment_.lock(backup_ / "LOCK.backup");
  ASSERT_TRUE(lock);
  EXPECT_EQ(backing_up()().error().kind, ErrorKind::locked);
}

class RepairTest : public BackupTest {
 protected:
  void repair_now(std::size_t repaired) {
    const auto report = repair(environment_, directory_, backup_);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_THAT(report->repaired, SizeIs(repaired));
    const auto verified = verify(environment_, directory_);
    ASSERT_TRUE(verified) << verified.error().text;
    EXPECT_EQ(verified->records, built_);
  }
  // Backed up, then grown by one more segment, and closed.
  void backed_up_log() {
    fill_log();
    back_up_now();
    grow_to(4);
    log_.reset();
  }
};

TEST_F(RepairTest, DamagedAndMissingSegmentsComeBack) {
  backed_up_log();
  const auto all = files(".seg");
  std::map<std::filesystem::path, std::string> before;
  for (const auto& file : all) before[file] = read_file(file);
  flip_bit(all[0], 100);                    // its header
  flip_bit(all[1], 9 * kBlockBytes + 500);  // a payload
  std::filesystem::remove(all[2]);
  repair_now(3);
  for (const auto& file : all) EXPECT_EQ(before[file], read_file(file)) << file;
  EXPECT_THAT(files(".damaged"), SizeIs(2));
  open();
  expect_all(*log_, 1, built_);
}

TEST_F(RepairTest, WhatIsIntactIsNotTouched) {
  backed_up_log();
  std::map<std::filesystem::path, std::filesystem::file_time_type> before;
  for (const auto& file : files(".seg")) before[file] = std::filesystem::last_write_time(file);
  repair_now(0);
  flip_bit(files(".seg")[1], 9 * kBlockBytes + 500);
  repair_now(1);
  flip_bit(files(".seg")[1], 9 * kBlockBytes + 500);
  repair_now(1);
  EXPECT_TRUE(std::filesystem::exists(files(".seg")[1].string() + ".damaged.2"));
  before.erase(files(".seg")[1]);
  for (const auto& [file, time] : before) EXPECT_EQ(std::filesystem::last_write_time(file), time) << file;
}

TEST_F(RepairTest, DamagedArchiveComesBackAsOne) {
  fill_log(4);
  log_.reset();
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  back_up_now();
  flip_bit(files(".seg.zst")[1], 2000);
  repair_now(1);
  EXPECT_THAT(files(".seg.zst"), SizeIs(3));
  expect_all(**LogReader::open(environment_, directory_), 1, built_);
}

TEST_F(RepairTest, DamageBeyondTheBackupIsRefused) {
  backed_up_log();
  flip_bit(files(".seg")[3],
           (read_segment_headers(environment_, directory_)->at(4).previous_end_address % (1 << 20)) - 9);
  expect_error(repairing(), ErrorKind::invalid, "the backup has only a part of it");
  EXPECT_THAT(files(".damaged"), SizeIs(0));
}

TEST_F(RepairTest, LogThatLostItsEndIsForRestore) {
  backed_up_log();
  const auto all = files(".seg");
  for (std::size_t i = 2; i < all.size(); ++i) std::filesystem::remove(all[i]);
  expect_error(repairing(), ErrorKind::invalid, "vigil restore --from");
  for (const auto& file : files(".seg")) std::filesystem::remove(file);
  expect_error(repairing(), ErrorKind::invalid, "there is nothing to repair");
}

TEST_F(RepairTest, DamagedBackupRepairsNothing) {
  backed_up_log();
  flip_bit(files(".seg")[1], 9 * kBlockBytes + 500);
  const std::string damaged = read_file(files(".seg")[1]);
  flip_bit(backup_ / "log" / files(".seg")[1].filename(), 8 * kBlockBytes + 500);
  expect_error(repairing(), ErrorKind::damaged, (backup_.filename()).string());
  EXPECT_EQ(read_file(files(".seg")[1]), damaged);
}

TEST_F(RepairTest, RunningWriterIsNotDisturbed) {
  fill_log(1);
  back_up_now();
  expect_error(repairing(), ErrorKind::locked, "another Vigil process");
}

TEST_F(RepairTest, OtherHistoryIsNotMixedIn) {
  backed_up_log();
  // A log of the same id that went another way: its second segment begins elsewhere.
  const auto fork = root_ / "fork";
  RestoreOptions options;
  options.position = Position{180};
  restore_to(fork, options);
  {
    auto log = Log::open(environment_, fork, small_segments());
    ASSERT_TRUE(log);
    for (int i = 0; i < 300; ++i) {
      (*log)->builder().begin(IngestTime{time_ + 1000});
      (*log)->builder().begin_record(1, 1, {}, std::nullopt, 8);
      (*log)->builder().end_record(8);
      ASSERT_TRUE((*log)->settle());
    }
  }
  ASSERT_GE(list_segments(environment_, fork)->size(), 2u);
  flip_bit(fork / segment_name(1), 2 * kBlockBytes - 9);
  expect_error([&] { return repair(environment_, fork, backup_); }, ErrorKind::invalid, "chain hashes do not agree");
  EXPECT_FALSE(std::filesystem::exists(fork / (segment_name(1) + ".damaged")));
}

}  // namespace
}  // namespace vigil::eventlog
