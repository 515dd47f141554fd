// Archived segments: packed and unpacked at any moment, the log answers the same.
#include "eventlog/storage/archive.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/segment_chain.h"
#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::eventlog {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kSegments = 5;  // sealed ones

class ArchiveTest : public LogFixture {
 protected:
  // Five segments and a bit; events of 8 to 320 bytes, each frame at its own time.
  void fill_log(std::size_t sealed = kSegments) {
    open();
    for (std::int64_t time = 1000; files(".seg").size() <= sealed; time += 10) append(1, 90, IngestTime{time});
    log_.reset();
  }
  ArchiveReport archive(ArchiveOptions options = {}) {
    auto report = archive_log(environment_, directory_, options);
    EXPECT_TRUE(report) << report.error().text;
    return report.value_or(ArchiveReport{});
  }
  ArchiveReport unarchive(UnarchiveOptions options = {}) {
    auto report = unarchive_log(environment_, directory_, options);
    EXPECT_TRUE(report) << report.error().text;
    return report.value_or(ArchiveReport{});
  }
  std::unique_ptr<LogReader> reader() {
    auto reader = LogReader::open(environment_, directory_);
    EXPECT_TRUE(reader) << reader.error().text;
    return reader ? std::move(*reader) : nullptr;
  }
  // Every kind of question, answered from what was appended.
  void expect_answers(const LogSource& log) {
    expect_all(log, 1, built_);
    std::mt19937_64 random(7);
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t number = 1 + random() % built_;
      const auto by_position = log.at(Position{number});
      ASSERT_TRUE(by_position) << by_position.error().text;
      expect_event(*by_position, number);
      const auto by_address = log.at(by_position->address);
      ASSERT_TRUE(by_address) << by_address.error().text;
      expect_event(*by_address, number);
      EXPECT_FALSE(log.at(Address{by_position->address.value() + 8}));
      const auto at_time = log.first_at_or_after(by_position->ingest_time);
      ASSERT_TRUE(at_time) << at_time.error().text;
      EXPECT_EQ((at_time->value() - 1) % 90, 0u);
      EXPECT_LE(number - at_time->value(), 89u);
      const auto found = log.find_key(key_of(number));
      ASSERT_TRUE(found) << found.error().text;
      ASSERT_EQ(found->size(), number % 3 == 0 ? 0u : 1u);
      if (number % 3 != 0) {
        EXPECT_EQ(found->front(), by_position->address);
      }
    }
    expect_all(log, built_ / 2, built_);
  }
  std::filesystem::path archive_of(std::size_t segment) { return files(".seg.zst").at(segment); }
};

TEST_F(ArchiveTest, ArchivedLogAnswersEverything) {
  fill_log();
  const ArchiveReport report = archive();
  EXPECT_EQ(report.segments, kSegments - 1);
  EXPECT_EQ(report.archived_all, kSegments - 1);
  EXPECT_EQ(files(".seg").size(), 2u);
  EXPECT_EQ(files(".seg.zst").size(), kSegments - 1);
  EXPECT_LT(report.after, report.before);
  expect_answers(*reader());
  open();
  expect_answers(*log_);
  append(3, 5, IngestTime{2'000'000});
  expect_all(*log_, 1, built_);
}

TEST_F(ArchiveTest, SideFilesAreMadeAnewFromArchives) {
  fill_log();
  archive();
  for (const auto& file : files(".idx")) std::filesystem::remove(file);
  expect_answers(*reader());
  open();
  log_.reset();  // the writer's background thread may have made some of them
  expect_answers(*reader());
}

TEST_F(ArchiveTest, UnarchivingGivesBackEveryByte) {
  fill_log();
  std::map<std::string, std::string> before;
  for (const auto& file : files(".seg")) before[file.filename()] = read_file(file);
  archive();
  const ArchiveReport report = unarchive();
  EXPECT_EQ(report.segments, kSegments - 1);
  EXPECT_TRUE(files(".seg.zst").empty());
  for (const auto& file : files(".seg")) EXPECT_EQ(before.at(file.filename()), read_file(file)) << file;
  EXPECT_EQ(files(".seg").size(), before.size());
  EXPECT_EQ(unarchive().segments, 0u);
}

TEST_F(ArchiveTest, ZstdItselfGivesBackTheSegment) {
  fill_log();
  const std::string original = read_file(files(".seg").front());
  archive();
  const auto unpacked = root_ / "unpacked";
  const std::string command = "zstd -q -d " + archive_of(0).string() + " -o " + unpacked.string() + " 2>/dev/null";
  if (std::system("zstd --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no zstd command here";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_file(unpacked), original);
}

TEST_F(ArchiveTest, KeepAndBeforeSayWhichSegmentsStay) {
  fill_log();
  ArchiveOptions options;
  options.keep = 3;
  EXPECT_EQ(archive(options).segments, kSegments - 3);
  EXPECT_EQ(archive(options).segments, 0u);
  unarchive();
  const auto headers = read_segment_headers(environment_, directory_);
  ASSERT_TRUE(headers);
  options.keep = 0;  // the newest sealed one stays in any case
  options.before = Position{(*headers)[2].first_position};
  EXPECT_EQ(archive(options).segments, 2u);
  options.before.reset();
  EXPECT_EQ(archive(options).segments, 2u);
  EXPECT_EQ(files(".seg.zst").size(), kSegments - 1);
  UnarchiveOptions back;
  back.from = Position{(*headers)[2].first_position};
  EXPECT_EQ(unarchive(back).segments, 2u);
  EXPECT_EQ(files(".seg.zst").size(), 2u);
  expect_answers(*reader());
}

TEST_F(ArchiveTest, RunningWriterAndReadersGoOn) {
  fill_log();
  open();
  auto untouched = reader();  // has mapped nothing yet
  auto cursor = log_->read_from(Position{1});
  ASSERT_TRUE(cursor && (*cursor)->next());
  archive();
  expect_answers(*log_);
  append(200, 20, IngestTime{2'000'000});
  expect_all(*log_, 1, built_);
  ASSERT_TRUE(untouched->refresh());
  expect_all(*untouched, 1, built_);
  unarchive();
  expect_all(*untouched, 1, built_);
  ASSERT_TRUE(untouched->refresh());
}

TEST_F(ArchiveTest, RecordsByAddressOutliveManyOthers) {
  fill_log();
  archive();
  auto log = reader();
  const auto first = log->at(Position{5});
  ASSERT_TRUE(first);
  // Every chunk of the log, more than one thread keeps, comes by in the cursor, but far fewer by address.
  expect_all(*log, 1, built_);
  for (std::uint64_t number = 1; number <= built_; number += built_ / 12) ASSERT_TRUE(log->at(Position{number}));
  expect_event(*first, 5);
}

TEST_F(ArchiveTest, DamagedSegmentIsNotArchived) {
  fill_log();
  flip_bit(files(".seg")[1], 3 * kBlockBytes + 200);
  const auto report = archive_log(environment_, directory_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::damaged);
  EXPECT_THAT(report.error().text, HasSubstr(files(".seg")[0].filename().string()));  // the first is archived by now
  EXPECT_EQ(files(".seg").size(), kSegments);
  EXPECT_TRUE(files(".archiving").empty());
}

TEST_F(ArchiveTest, DamagedArchiveIsNamed) {
  fill_log();
  archive();
  const auto file = archive_of(1);
  const std::string whole = read_file(file);
  struct Case {
    std::uint64_t at;
    const char* says;
  };
  for (const auto& [at, says] :
       {Case{20, "archive header checksum"}, Case{300, "archive header checksum"},
        Case{kArchiveHeaderBytes + 3000, "does not unpack"}, Case{whole.size() - 20, "seek table checksum"}}) {
    flip_bit(file, at);
    const auto log = LogReader::open(environment_, directory_);
    const auto read_all = [&]() -> Expected<void> {
      auto cursor = (*log)->read_from(Position{1});
      if (!cursor) return std::unexpected(cursor.error());
      while (true) {
        const auto record = (*cursor)->next();
        if (!record) return std::unexpected(record.error());
        if (!*record) return {};
      }
    };
    const auto read = log ? read_all() : std::unexpected(log.error());
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().kind, ErrorKind::damaged);
    EXPECT_THAT(read.error().text, HasSubstr(file.string()));
    EXPECT_THAT(read.error().text, HasSubstr(says));
    flip_bit(file, at);
  }
  std::filesystem::resize_file(file, whole.size() - 1);
  EXPECT_THAT(LogReader::open(environment_, directory_).error().text, HasSubstr("its header says"));
  std::filesystem::resize_file(file, 100);
  EXPECT_THAT(LogReader::open(environment_, directory_).error().text, HasSubstr("cut off at offset 100"));
}

TEST_F(ArchiveTest, ForeignAndNewerArchivesAreRefused) {
  fill_log();
  archive();
  const auto all = files(".seg.zst");
  const std::string first = read_file(all[0]);
  std::filesystem::copy_file(all[1], all[0], std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(LogReader::open(environment_, directory_).error().text, HasSubstr("as its header says"));
  std::ofstream(all[0], std::ios::binary) << first;
  ArchiveHeader header;
  std::memcpy(&header, first.data(), sizeof header);
  header.format_version = 2;
  header.header_crc = crc32c(checked_bytes(header));
  write_at(all[0], 0, {reinterpret_cast<const char*>(&header), sizeof header});
  const auto refused = LogReader::open(environment_, directory_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported_version);
  EXPECT_THAT(refused.error().text, HasSubstr("use a newer Vigil"));
  std::ofstream(all[0], std::ios::binary) << std::string(4096, 'x');
  EXPECT_THAT(LogReader::open(environment_, directory_).error().text, HasSubstr("not an archived segment"));
}

TEST_F(ArchiveTest, MissingArchiveIsAHoleInTheLog) {
  fill_log();
  archive();
  std::filesystem::remove(archive_of(1));
  const auto log = LogReader::open(environment_, directory_);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().text, HasSubstr("a segment is missing"));
}

TEST_F(ArchiveTest, OneArchivingAtATime) {
  fill_log();
  const auto lock = environment_.lock(directory_ / "LOCK.archive");
  ASSERT_TRUE(lock);
  EXPECT_EQ(archive_log(environment_, directory_, {}).error().kind, ErrorKind::locked);
  EXPECT_EQ(unarchive_log(environment_, directory_, {}).error().kind, ErrorKind::locked);
}

TEST_F(ArchiveTest, ArchivesMayLieElsewhere) {
  fill_log();
  ArchiveOptions options;
  options.to = root_ / "cold";
  std::filesystem::create_directory(options.to);
  options.link = [](const auto& target, const auto& link) -> Expected<void> {
    std::filesystem::create_symlink(target, link);
    return {};
  };
  EXPECT_EQ(archive(options).segments, kSegments - 1);
  EXPECT_TRUE(std::filesystem::is_symlink(archive_of(0)));
  expect_answers(*reader());
  EXPECT_EQ(unarchive().segments, kSegments - 1);
  expect_answers(*reader());
}

TEST_F(ArchiveTest, ArchivesOfAnotherLogAreNotWrittenOver) {
  fill_log();
  archive();
  const auto cold = root_ / "cold";
  std::filesystem::create_directory(cold);
  std::filesystem::copy_file(archive_of(1), cold / archive_of(0).filename());
  unarchive();
  ArchiveOptions options;
  options.to = cold;
  options.link = [](const auto&, const auto&) -> Expected<void> { return {}; };
  const auto refused = archive_log(environment_, directory_, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().text, HasSubstr("give every log a directory of its own for its archives"));
  EXPECT_EQ(files(".seg").size(), kSegments + 1);
}

TEST_F(ArchiveTest, DamagedSegmentBesideItsArchiveGivesWayToIt) {
  fill_log();
  const auto segment = files(".seg")[0];
  const std::string original = read_file(segment);
  archive();
  std::ofstream(segment, std::ios::binary) << original;  // as after a crash before the segment went
  flip_bit(segment, 5 * kBlockBytes + 300);
  const std::string whole = read_file(archive_of(0));
  flip_bit(archive_of(0), kArchiveHeaderBytes + 3000);
  const auto refused = unarchive_log(environment_, directory_, {});
  ASSERT_FALSE(refused);  // neither is whole, and neither goes
  EXPECT_THAT(refused.error().text, HasSubstr(archive_of(0).string()));
  EXPECT_TRUE(std::filesystem::exists(segment));
  EXPECT_TRUE(files(".archiving").empty());
  std::ofstream(archive_of(0), std::ios::binary) << whole;
  EXPECT_EQ(unarchive().replaced, 1u);
  EXPECT_EQ(read_file(segment), original);
  EXPECT_TRUE(files(".seg.zst").empty());
}

TEST_F(ArchiveTest, IntactSegmentBesideItsArchiveStays) {
  fill_log();
  const auto segment = files(".seg")[0];
  const std::string original = read_file(segment);
  archive();
  std::ofstream(segment, std::ios::binary) << original;
  const ArchiveReport report = unarchive();
  EXPECT_EQ(report.replaced, 0u);
  EXPECT_EQ(report.segments, kSegments - 2);
  EXPECT_EQ(read_file(segment), original);
}

TEST_F(ArchiveTest, SegmentThatCannotBeReadIsNotArchived) {
  fill_log();
  const auto segment = files(".seg")[0];
  FaultyEnvironment faulty;
  int n = 0;
  faulty.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
    if (call != Call::read || path != segment || n++ < 3) return std::nullopt;  // its header and its last frame
    return Error{ErrorKind::io, path.string() + ": read: injected failure"};
  });
  const auto report = archive_log(faulty, directory_, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::io);
  EXPECT_EQ(files(".seg").size(), kSegments + 1);
  EXPECT_TRUE(files(".archiving").empty());
}

TEST_F(ArchiveTest, WriterThatStartsMeanwhileLeavesTheUnfinishedAlone) {
  fill_log();
  FaultyEnvironment machine;
  machine.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
    if (call == Call::rename && path.parent_path() == directory_) open();
    return std::nullopt;
  });
  const auto packed = archive_log(machine, directory_, {});
  ASSERT_TRUE(packed) << packed.error().text;
  EXPECT_EQ(packed->segments, kSegments - 1);
  const auto unpacked = unarchive_log(machine, directory_, {});
  ASSERT_TRUE(unpacked) << unpacked.error().text;
  EXPECT_EQ(unpacked->segments, kSegments - 1);
  expect_answers(*log_);
}

TEST_F(ArchiveTest, WhatAnInterruptedCallLeftGoes) {
  fill_log();
  const auto litter = files(".seg").back().string() + ".zst.archiving";
  std::ofstream(litter) << "half of it";
  archive();
  EXPECT_FALSE(std::filesystem::exists(litter));
  std::ofstream(litter) << "half of it";
  unarchive();
  EXPECT_FALSE(std::filesystem::exists(litter));
}

// Stops at the n-th call that changes something, for every n, as a crash or a full disk would.
class InterruptedArchiveTest : public ArchiveTest {
 protected:
  template <class Work>
  bool interrupted(Work work, int after, ErrorKind kind) {
    FaultyEnvironment faulty;
    int calls = 0;
    faulty.set([&](Call call, const std::filesystem::path& path) -> std::optional<Error> {
      const bool changes = call == Call::write || call == Call::sync || call == Call::rename || call == Call::remove ||
                           call == Call::sync_directory || call == Call::allocate;
      if (!changes || calls++ < after) return std::nullopt;
      return Error{kind, path.string() + ": injected failure"};
    });
    return !work(faulty);
  }
};

TEST_F(InterruptedArchiveTest, LogIsWholeAndTheNextCallGoesOn) {
  fill_log(2);
  int interruptions = 0;
  const auto archive_once = [&](Environment& environment) {
    return archive_log(environment, directory_, {}).has_value();
  };
  const auto unarchive_once = [&](Environment& environment) {
    return unarchive_log(environment, directory_, {}).has_value();
  };
  for (int after = 0; interrupted(archive_once, after, ErrorKind::io); after += 1 + after / 3) {
    ++interruptions;
    expect_all(*reader(), 1, built_);
    archive();
    ASSERT_EQ(files(".seg.zst").size(), 1u);
    expect_all(*reader(), 1, built_);
    unarchive();
  }
  EXPECT_GT(interruptions, 6);
  for (int after = 0;; after += 1 + after / 3) {
    archive();
    if (!interrupted(unarchive_once, after, ErrorKind::full)) break;
    expect_all(*reader(), 1, built_);
    unarchive();
    ASSERT_EQ(files(".seg").size(), 3u);
    expect_all(*reader(), 1, built_);
  }
}

TEST_F(InterruptedArchiveTest, HalfWrittenArchiveBesideItsSegmentIsMadeAnew) {
  fill_log();
  const std::string original = read_file(files(".seg")[0]);
  const auto segment = files(".seg")[0];
  archive();
  std::ofstream(segment, std::ios::binary) << original;  // as after a crash before the segment went
  expect_answers(*reader());
  flip_bit(archive_of(0), kArchiveHeaderBytes + 100);
  EXPECT_EQ(archive().segments, 1u);
  EXPECT_FALSE(std::filesystem::exists(segment));
  expect_answers(*reader());
}

}  // namespace
}  // namespace vigil::eventlog
