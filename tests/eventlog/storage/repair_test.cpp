// A log mended with what its backup has.
#include "tests/eventlog/storage/backup_fixture.h"

namespace vigil::eventlog {
namespace {

using ::testing::SizeIs;

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
  fill_log();
  back_up_now();
  log_.reset();
  flip_bit(files(".seg")[0], 9 * kBlockBytes + 500);
  for (auto left = files(".seg"); left.size() > 1; left.pop_back()) {  // exactly one missing, and then more
    std::filesystem::remove(left.back());
    expect_error(repairing(), ErrorKind::invalid, "lost its end: it does not reach position " + std::to_string(built_));
    expect_error(repairing(), ErrorKind::invalid, "vigil restore --from " + backup_.string());
  }
  EXPECT_THAT(files(".damaged"), SizeIs(0));
  std::filesystem::remove(files(".seg")[0]);
  expect_error(repairing(), ErrorKind::invalid, "there is nothing to repair");
}

TEST_F(RepairTest, EndThatIsTornBeforeTheBackupsIsForRestore) {
  fill_log();
  const std::uint64_t end = back_up_now().manifest.end_address % small_segments().segment_bytes;
  log_.reset();
  repair_now(0);
  write_at(last_segment(), end - kBlockBytes, std::string(kBlockBytes, '\0'));  // a part of the last frame
  expect_error(repairing(), ErrorKind::invalid, "lost its end: it does not reach position " + std::to_string(built_));
  write_at(last_segment(), kBlockBytes, std::string(end - kBlockBytes, '\0'));  // all there was
  expect_error(repairing(), ErrorKind::invalid, "lost its end");
}

TEST_F(RepairTest, EndOfAnotherHistoryIsNotMixedIn) {
  fill_log();
  back_up_now();
  const auto fork = fork_at(built_ - 90, built_);
  expect_error([&] { return repair(environment_, fork, backup_); }, ErrorKind::invalid, "chain hashes do not agree");
}

TEST_F(RepairTest, SealedSegmentThatCannotBeReadIsReplaced) {
  backed_up_log();
  const auto file = files(".seg")[1];
  for (const int reads : {0, 1}) {  // its header, and then its frames
    FaultyEnvironment faulty;
    int n = 0;
    faulty.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
      if (call != Call::read || path != file || n++ < reads) return std::nullopt;
      return Error{ErrorKind::io, path.string() + ": read: injected failure"};
    });
    const auto report = repair(faulty, directory_, backup_);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_THAT(report->repaired, ::testing::ElementsAre(file.filename().string()));
  }
  repair_now(0);
}

TEST_F(RepairTest, LastSegmentThatCannotBeReadIsNot) {
  backed_up_log();
  FaultyEnvironment faulty;
  faulty.fail_from_now(Call::read, last_segment().filename(), ErrorKind::io);
  expect_error([&] { return repair(faulty, directory_, backup_); }, ErrorKind::io, "injected failure");
}

TEST_F(RepairTest, WhatIsNoDamageIsNotReplaced) {
  backed_up_log();
  const auto file = files(".seg")[1];
  const std::string whole = read_file(file);
  SegmentHeader header;
  std::memcpy(&header, whole.data(), sizeof header);
  header.format_version += 1;
  header.header_crc = crc32c(checked_bytes(header));
  write_at(file, 0, {reinterpret_cast<const char*>(&header), sizeof header});
  expect_error(repairing(), ErrorKind::unsupported_version, file.string());
  std::filesystem::remove(file);
  // An archive on a disk that is away.
  std::filesystem::create_symlink(root_ / "away", file.string() + ".zst");
  expect_error(repairing(), ErrorKind::not_found, file.filename());
  EXPECT_TRUE(std::filesystem::is_symlink(file.string() + ".zst"));
}

TEST_F(RepairTest, DamagedBackupRepairsNothing) {
  backed_up_log();
  flip_bit(files(".seg")[1], 9 * kBlockBytes + 500);
  const std::string damaged = read_file(files(".seg")[1]);
  flip_bit(backup_ / "log" / files(".seg")[1].filename(), 8 * kBlockBytes + 500);
  expect_error(repairing(), ErrorKind::damaged, backed_up(files(".seg")[1]).string() + ": damaged at offset");
  expect_error(repairing(), ErrorKind::damaged, "this backup is damaged: use another one");
  EXPECT_EQ(read_file(files(".seg")[1]), damaged);
  EXPECT_THAT(files(".tmp"), SizeIs(0));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "repairing"));
}

TEST_F(RepairTest, RunningWriterIsNotDisturbed) {
  fill_log(1);
  back_up_now();
  expect_error(repairing(), ErrorKind::locked, "another Vigil process");
}

TEST_F(RepairTest, OtherHistoryIsNotMixedIn) {
  backed_up_log();
  // A log of the same id that went another way: its second segment begins elsewhere.
  const auto fork = fork_at(180, 480);
  ASSERT_GE(list_segments(environment_, fork)->size(), 2u);
  flip_bit(fork / segment_name(1), 2 * kBlockBytes - 9);
  expect_error([&] { return repair(environment_, fork, backup_); }, ErrorKind::invalid, "chain hashes do not agree");
  EXPECT_FALSE(std::filesystem::exists(fork / (segment_name(1) + ".damaged")));
}

}  // namespace
}  // namespace vigil::eventlog
