// Backups, and restoring them.
#include "eventlog/storage/backup.h"

#include <sys/stat.h>

#include "tests/eventlog/storage/backup_fixture.h"

namespace vigil::eventlog {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

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

TEST_F(BackupTest, NothingUnfinishedStays) {
  fill_log();
  std::filesystem::create_directories(backup_ / "log");
  std::ofstream(backup_ / "log" / (segment_name(1) + ".tmp")) << "of a backup that was interrupted";
  back_up_now();
  EXPECT_THAT(names_in(backup_), ElementsAre("LOCK.backup", "MANIFEST", "log"));
  EXPECT_THAT(names_in(backup_ / "log"), SizeIs(4));
  restore_to(root_ / "data" / "log");
  EXPECT_THAT(names_in(root_ / "data"), ElementsAre("log"));
}

TEST_F(BackupTest, EachSegmentIsOnTheDiskBeforeTheNextGetsItsName) {
  fill_log();
  FaultyEnvironment machine;
  std::vector<Call> calls;
  machine.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
    const bool names = call == Call::rename && path.parent_path() == backup_ / "log";
    if (names || (call == Call::sync_directory && path == backup_ / "log")) calls.push_back(call);
    return std::nullopt;
  });
  ASSERT_TRUE(back_up(machine, directory_, backup_, {}));
  ASSERT_GE(calls.size(), 8u);
  for (std::size_t i = 0; i + 1 < calls.size(); ++i) EXPECT_NE(calls[i], calls[i + 1]) << i;
  EXPECT_EQ(calls.back(), Call::sync_directory);
}

TEST_F(BackupTest, TornTailIsNoReasonToRefuse) {
  fill_log();
  const std::uint64_t end = back_up_now().manifest.end_address % small_segments().segment_bytes;
  append(1);
  back_up_now();
  crash();
  for (const std::uint64_t torn : {end + 4000, end + 4}) {  // the trailer, and then the header
    write_at(last_segment(), torn, std::string(60, 'x'));
    std::filesystem::remove_all(backup_);
    EXPECT_EQ(back_up_now().manifest.position, built_ - 1);
    std::filesystem::remove_all(root_ / "restored");
    restore_to(root_ / "restored");
    expect_log(root_ / "restored", built_ - 1);
  }
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
  EXPECT_THAT(names_in(backup_), ElementsAre("holiday.txt"));
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

TEST_F(BackupTest, BackupThatLostItsEndIsRefused) {
  fill_log();
  back_up_now();
  const auto last = backed_up(last_segment());
  const std::string whole = read_file(last);
  RestoreOptions early;
  early.position = Position{180};
  const auto expect_refused = [&](const std::string& says) {
    for (const RestoreOptions& options : {RestoreOptions{}, early}) {
      expect_error(restoring(root_ / "restored", options), ErrorKind::damaged, last.string() + ": damaged" + says);
      expect_error(restoring(root_ / "restored", options), ErrorKind::damaged, "this backup is damaged");
    }
    EXPECT_FALSE(std::filesystem::exists(root_ / "restored"));
  };
  std::filesystem::remove(last);
  expect_refused(": it is missing, and the manifest names it");
  std::ofstream(last, std::ios::binary) << std::string(whole.size(), '\0');
  expect_refused(" at offset 0: not a segment of a log");
  std::ofstream(last, std::ios::binary) << whole.substr(0, kBlockBytes)
                                        << std::string(whole.size() - kBlockBytes, '\0');
  expect_refused(": ends at position ");
  std::ofstream(last, std::ios::binary) << whole.substr(0, 9 * kBlockBytes);
  expect_refused(": the file has ");
  std::ofstream(last, std::ios::binary) << whole;
  restore_to(root_ / "restored");
}

TEST_F(BackupTest, HoleInTheBackupIsNotTakenForAnEnd) {
  fill_log();
  back_up_now();
  const auto second = files(".seg")[1];
  RestoreOptions position, time;
  position.position = Position{std::stoull(second.stem()) + 1000};
  restore_to(root_ / "whole", position);
  time.time = IngestTime{1000 + static_cast<std::int64_t>(position.position->value()) / 90 * 10};
  for (const std::uint64_t hole : {kBlockBytes, 20 * kBlockBytes}) {  // the first frames, and then later ones
    write_at(backed_up(second), hole, std::string(30 * kBlockBytes, '\0'));
    for (const RestoreOptions& options : {position, time}) {
      expect_error(restoring(root_ / "restored", options), ErrorKind::damaged, backed_up(second).string());
    }
    std::filesystem::copy_file(second, backed_up(second), std::filesystem::copy_options::overwrite_existing);
  }
}

TEST_F(BackupTest, SegmentOfAnotherHistoryInTheBackupIsRefused) {
  fill_log(0);
  back_up_now();
  const auto fork = fork_at(built_ - 90, built_);
  std::filesystem::copy_file(fork / segment_name(1), backed_up(segment_name(1)),
                             std::filesystem::copy_options::overwrite_existing);
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, "its chain hash is ");
}

TEST_F(BackupTest, SegmentOfAnotherLogInTheBackupIsRefused) {
  fill_log(0);
  back_up_now();
  class OtherEnvironment : public FixedEnvironment {
    void random(std::span<std::byte> bytes) override { std::ranges::fill(bytes, std::byte{7}); }
  } other;
  ASSERT_TRUE(Log::open(other, root_ / "elsewhere", small_segments()));
  std::filesystem::copy_file(root_ / "elsewhere" / segment_name(1), backed_up(segment_name(1)),
                             std::filesystem::copy_options::overwrite_existing);
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, ": damaged: it is of the log ");
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
  const auto cut = fork_at(built_ - 100, 0);
  const auto fork = [&] { return back_up(environment_, cut, backup_, {}); };
  expect_error(fork, ErrorKind::invalid, "another history of the same log");
  std::filesystem::remove_all(cut);
  fork_at(built_ - 100, built_ + 100);
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
  const auto file = backup_ / "log" / segment_name(1);
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, file.string() + ": damaged at offset");
  expect_error(restoring(root_ / "restored"), ErrorKind::damaged, "this backup is damaged: use another one");
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

// A disk that does not hold what is written to one directory.
class ForgetfulEnvironment : public FixedEnvironment {
 public:
  explicit ForgetfulEnvironment(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    auto file = FixedEnvironment::open(path, mode);
    if (file && path.parent_path() == directory_ && mode == OpenMode::create) {
      return std::make_unique<ForgetfulFile>(std::move(*file));
    }
    return file;
  }

 private:
  class ForgetfulFile : public File {
   public:
    explicit ForgetfulFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Expected<std::uint64_t> size() override { return file_->size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      return file_->read_at(offset, bytes);
    }
    Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      std::vector<std::byte> other(bytes.begin(), bytes.end());
      other[other.size() / 2] ^= std::byte{1};
      return file_->write_at(offset, other);
    }
    Expected<void> allocate(std::uint64_t bytes) override { return file_->allocate(bytes); }
    Expected<void> sync() override { return file_->sync(); }
    void forget_cached() override { file_->forget_cached(); }
    Expected<std::unique_ptr<Mapping>> map() override { return file_->map(); }

   private:
    std::unique_ptr<File> file_;
  };

  std::filesystem::path directory_;
};

TEST_F(BackupTest, CopyThatAloneIsBadIsNotBlamedOnTheBackup) {
  fill_log();
  back_up_now();
  ForgetfulEnvironment forgetful(root_ / "restored.restoring");
  expect_error([&] { return restore(forgetful, backup_, root_ / "restored", {}); }, ErrorKind::damaged,
               "while its source is intact; check the disk it was written to");
}

TEST_F(BackupTest, OneRestoreAtATime) {
  fill_log(1);
  back_up_now();
  auto lock = environment_.lock(root_ / "data" / "log.restoring.LOCK");
  EXPECT_FALSE(lock);  // its directory is made by the restore
  std::filesystem::create_directories(root_ / "data");
  lock = environment_.lock(root_ / "data" / "log.restoring.LOCK");
  ASSERT_TRUE(lock);
  std::filesystem::create_directories(root_ / "data" / "log.restoring");
  std::ofstream(root_ / "data" / "log.restoring" / segment_name(1)) << "half of it";
  expect_error(restoring(root_ / "data" / "log"), ErrorKind::locked, "another `vigil restore` is making this log");
  EXPECT_THAT(names_in(root_ / "data" / "log.restoring"), SizeIs(1));
  lock->reset();
  restore_to(root_ / "data" / "log");
  EXPECT_THAT(names_in(root_ / "data"), ElementsAre("log"));
  expect_log(root_ / "data" / "log", built_);
}

TEST_F(BackupTest, FailedRestoreLeavesNothing) {
  fill_log(1);
  back_up_now();
  flip_bit(backup_ / "log" / segment_name(1), 3 * kBlockBytes + 200);
  expect_error(restoring(root_ / "data" / "log"), ErrorKind::damaged, segment_name(1));
  EXPECT_THAT(names_in(root_ / "data"), SizeIs(0));
}

TEST_F(BackupTest, OneBackupAtATime) {
  fill_log(1);
  back_up_now();
  const auto lock = environment_.lock(backup_ / "LOCK.backup");
  ASSERT_TRUE(lock);
  EXPECT_EQ(backing_up()().error().kind, ErrorKind::locked);
}

}  // namespace
}  // namespace vigil::eventlog
