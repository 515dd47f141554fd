// What opening does with a log that was torn, damaged or tampered with.
#include "eventlog/storage/recovery.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

class RecoveryTest : public LogFixture {
 protected:
  // Offsets of the frames in the last segment, and behind the last.
  std::vector<std::uint64_t> frame_offsets() const {
    const std::string bytes = read_file(last_segment());
    std::vector<std::uint64_t> offsets;
    std::uint64_t at = kBlockBytes;
    while (at + kBlockBytes <= bytes.size()) {
      FrameHeader header;
      std::memcpy(&header, bytes.data() + at, sizeof header);
      offsets.push_back(at);
      if (header.magic != kFrameMagic) break;
      at += frame_bytes(header.payload_bytes);
    }
    return offsets;
  }
  void zero(const std::filesystem::path& path, std::uint64_t from, std::uint64_t to) {
    write_at(path, from, std::string(to - from, '\0'));
  }
  void expect_refused(ErrorKind kind, const std::string& words, LogOptions options = small_segments()) {
    const auto log = try_open(options);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().kind, kind) << log.error().text;
    EXPECT_NE(log.error().text.find(words), std::string::npos) << log.error().text;
    if (kind == ErrorKind::damaged) {
      EXPECT_NE(log.error().text.find("vigil restore"), std::string::npos) << log.error().text;
    }
  }
  // A log of some segments, closed.
  void several_segments() {
    open();
    append(30, 400);
    log_.reset();
    ASSERT_GE(files(".seg").size(), 3u);
  }
};

TEST_F(RecoveryTest, TornTailIsCutAndReportedWhereverItTears) {
  open();
  append(3, 50);
  append(1, 100);  // the frame that tears: about 20 KiB
  crash();
  const auto offsets = frame_offsets();
  ASSERT_EQ(offsets.size(), 5u);
  const std::uint64_t begin = offsets[3];
  const std::uint64_t end = offsets[4];
  ASSERT_GE(end - begin, 4 * kBlockBytes);
  const std::string whole = read_file(last_segment());
  std::mt19937_64 random(11);
  std::vector<std::uint64_t> cuts{begin + 1, begin + 8, begin + 100, begin + 119, begin + 120, begin + 512,
                                  end - 1,   end - 4,   end - 48,    end - 49,    end - 4096,  end - 4097};
  for (int i = 0; i < 20; ++i) cuts.push_back(begin + 1 + random() % (end - begin - 1));
  for (const std::uint64_t cut : cuts) {
    write_at(last_segment(), begin, whole.substr(begin, end - begin));
    zero(last_segment(), cut, end);
    open();
    EXPECT_EQ(log_->durable(), Position{150}) << cut - begin;
    EXPECT_GT(log_->recovery().torn_bytes_cut, 0u) << cut - begin;
    EXPECT_NE(log_->recovery().text.find("never acknowledged"), std::string::npos);
    EXPECT_FALSE(log_->recovery().clean_shutdown);
    expect_all(*log_, 1, 150);
    crash();
    EXPECT_EQ(read_file(last_segment()).substr(begin).find_first_not_of('\0'), std::string::npos);
  }
  open();
  append(2, 60);
  expect_all(*log_, 1, 270);
}

TEST_F(RecoveryTest, SectorsOfTheTornCommitMayArriveInAnyOrder) {
  open();
  append(2, 50);
  append(1, 100);
  crash();
  const auto offsets = frame_offsets();
  const std::string whole = read_file(last_segment());
  std::mt19937_64 random(5);
  for (int round = 0; round < 30; ++round) {
    bool lost = false;
    for (std::uint64_t at = offsets[2]; at < offsets[3]; at += 512) {
      const bool arrives = random() % 2 == 0;
      const std::string sector = whole.substr(at, 512);
      lost = lost || (!arrives && sector != std::string(512, '\0'));
      write_at(last_segment(), at, arrives ? sector : std::string(512, '\0'));
    }
    open();
    EXPECT_EQ(log_->durable(), Position{lost ? 100u : 200u});
    crash();
    write_at(last_segment(), offsets[2], whole.substr(offsets[2], offsets[3] - offsets[2]));
  }
}

TEST_F(RecoveryTest, BitFlipsInTheMiddleAreRefusedNamingTheOffset) {
  open();
  append(6, 30);
  crash();
  const auto offsets = frame_offsets();
  const std::string file = last_segment().string();
  std::mt19937_64 random(3);
  for (int round = 0; round < 40; ++round) {
    const std::size_t frame = random() % 5;  // the last frame would be a torn tail
    FrameHeader header;
    std::memcpy(&header, read_file(file).data() + offsets[frame], sizeof header);
    const std::uint64_t at = offsets[frame] + random() % (kFrameHeaderBytes + header.payload_bytes);
    flip_bit(file, at);
    expect_refused(ErrorKind::damaged, file + ": damaged at offset " + std::to_string(offsets[frame]) + " ");
    flip_bit(file, at);
  }
  open();
  expect_all(*log_, 1, 180);
}

TEST_F(RecoveryTest, ZeroedFrameInTheMiddleIsRefused) {
  open();
  append(6, 5);
  crash();
  const auto offsets = frame_offsets();
  zero(last_segment(), offsets[2], offsets[3]);
  expect_refused(ErrorKind::damaged, "offset " + std::to_string(offsets[2]));
}

TEST_F(RecoveryTest, AsMuchAsOneCommitCanLeaveIsCut) {
  open();
  append(2, 5);
  crash();
  const std::uint64_t end = frame_offsets().back();
  LogOptions options = small_segments();
  write_at(last_segment(), end, std::string(options.segment_bytes / 4, 'x'));
  const auto cut = try_open();
  ASSERT_TRUE(cut) << cut.error().text;
  EXPECT_EQ((*cut)->recovery().torn_bytes_cut, options.segment_bytes / 4);
}

TEST_F(RecoveryTest, MoreThanOneCommitCanLeaveIsRefused) {
  open();
  append(2, 5);
  crash();
  const std::uint64_t end = frame_offsets().back();
  write_at(last_segment(), end, std::string(small_segments().segment_bytes / 4 + 1, 'x'));
  expect_refused(ErrorKind::damaged, "offset " + std::to_string(end));
}

TEST_F(RecoveryTest, FrameOfAnotherPlaceIsRefused) {
  open();
  append(4, 5);
  crash();
  const auto offsets = frame_offsets();
  const std::string whole = read_file(last_segment());
  // The third frame again in place of the second: intact, but not the successor.
  write_at(last_segment(), offsets[1], whole.substr(offsets[2], offsets[3] - offsets[2]));
  expect_refused(ErrorKind::damaged, "offset " + std::to_string(offsets[1]));
}

TEST_F(RecoveryTest, LogThatLostItsEndIsRefused) {
  open();
  append(4, 5);
  log_.reset();
  const auto offsets = frame_offsets();
  const std::string lost = read_file(last_segment()).substr(offsets[3], offsets[4] - offsets[3]);
  zero(last_segment(), offsets[3], offsets[4]);
  expect_refused(ErrorKind::damaged, "ends at position 15");
  // Without the marker nobody can know, but a checkpoint does.
  std::filesystem::remove(directory_ / "CLEAN");
  LogOptions options = small_segments();
  options.known_durable = Position{16};
  expect_refused(ErrorKind::damaged, "has seen position 16", options);
  options.known_durable = Position{15};
  EXPECT_TRUE(try_open(options));
}

TEST_F(RecoveryTest, TornTailThatACheckpointReachesIsRefusedAndLeftAsItIs) {
  open();
  append(4, 5);
  crash();
  const auto offsets = frame_offsets();
  flip_bit(last_segment(), offsets[3] + 200);
  const std::string before = read_file(last_segment());
  LogOptions options = small_segments();
  options.known_durable = Position{20};
  expect_refused(ErrorKind::damaged, "ends at position 15", options);
  EXPECT_EQ(read_file(last_segment()), before);
}

TEST_F(RecoveryTest, ACheckpointOfAnotherLogSaysNothingAboutThisOne) {
  open();
  append(1, 5);
  crash();
  LogOptions options = small_segments();
  options.known_durable = Position{1'000};
  options.known_durable_of = std::string(32, '0');
  EXPECT_TRUE(try_open(options));
}

TEST_F(RecoveryTest, EmptyDirectoryWithACheckpointIsRefused) {
  LogOptions options = small_segments();
  options.known_durable = Position{1};
  expect_refused(ErrorKind::damaged, "ends at position 0", options);
}

TEST_F(RecoveryTest, MissingSegmentIsRefused) {
  several_segments();
  const auto all = files(".seg");
  const auto aside = root_ / "aside";
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    std::filesystem::rename(all[i], aside);
    expect_refused(ErrorKind::damaged, "missing");
    std::filesystem::rename(aside, all[i]);
  }
  std::filesystem::rename(all.back(), aside);
  expect_refused(ErrorKind::damaged, "ends at position");
  std::filesystem::rename(aside, all.back());
  open();
  expect_all(*log_, 1, built_);
}

TEST_F(RecoveryTest, DoubledOrForeignSegmentIsRefused) {
  several_segments();
  const auto all = files(".seg");
  const auto copy = directory_ / "00000000000000999999.seg";
  std::filesystem::copy_file(all[1], copy);
  expect_refused(ErrorKind::damaged, "the file is not 0000");
  std::filesystem::remove(copy);
  const auto stray = directory_ / "holiday.seg";
  std::ofstream(stray) << std::string(2 * kBlockBytes, 'h');
  expect_refused(ErrorKind::damaged, "not a segment");
  std::ofstream(stray) << "short";
  expect_refused(ErrorKind::damaged, "cut off");
  std::filesystem::remove(stray);
  open();
}

TEST_F(RecoveryTest, SegmentOfAnotherLogIsRefused) {
  several_segments();
  const auto segment = files(".seg")[1];
  SegmentHeader header;
  std::memcpy(&header, read_file(segment).data(), sizeof header);
  header.log_id[0] = std::byte{0xEE};
  const auto block = encode_segment_header(header);
  write_at(segment, 0, {reinterpret_cast<const char*>(block.data()), block.size()});
  expect_refused(ErrorKind::damaged, "another log");
}

TEST_F(RecoveryTest, DamagedSegmentHeaderIsRefused) {
  several_segments();
  for (const auto& segment : files(".seg")) {
    for (const std::uint64_t at : {0u, 9u, 40u, 80u, 119u, 200u, 4095u}) {
      flip_bit(segment, at);
      expect_refused(ErrorKind::damaged, segment.string());
      flip_bit(segment, at);
    }
  }
}

TEST_F(RecoveryTest, TruncatedSegmentIsRefused) {
  several_segments();
  for (const auto& segment : files(".seg")) {
    const std::string whole = read_file(segment);
    std::filesystem::resize_file(segment, whole.size() - kBlockBytes);
    expect_refused(ErrorKind::damaged, segment.string());
    std::ofstream(segment, std::ios::binary) << whole;
  }
  open();
}

TEST_F(RecoveryTest, SealedSegmentThatDoesNotEndAsItsSuccessorSaysIsRefused) {
  several_segments();
  const auto all = files(".seg");
  SegmentHeader next;
  std::memcpy(&next, read_file(all[1]).data(), sizeof next);
  const std::uint64_t end = next.previous_end_address;
  for (const std::uint64_t at : {end - 1, end - 40, end - 16}) {
    flip_bit(all[0], at);
    expect_refused(ErrorKind::damaged, all[0].string());
    flip_bit(all[0], at);
  }
}

TEST_F(RecoveryTest, SegmentOfANewerFormatIsRefused) {
  open();
  append(1);
  log_.reset();
  SegmentHeader header;
  std::memcpy(&header, read_file(last_segment()).data(), sizeof header);
  header.format_version = kFormatVersion + 1;
  const auto block = encode_segment_header(header);
  write_at(last_segment(), 0, {reinterpret_cast<const char*>(block.data()), block.size()});
  expect_refused(ErrorKind::unsupported_version, "newer Vigil");
}

TEST_F(RecoveryTest, SegmentBegunButNeverWrittenToIsUsed) {
  // As a crash between making a segment and its first commit leaves it.
  several_segments();
  std::filesystem::remove(directory_ / "CLEAN");
  std::uint64_t first = 0;
  {
    SegmentHeader header;
    std::memcpy(&header, read_file(last_segment()).data(), sizeof header);
    first = header.first_position;
  }
  zero(last_segment(), kBlockBytes, small_segments().segment_bytes);
  open();
  EXPECT_EQ(log_->durable().value(), first - 1);
  append(3, 10);
  expect_all(*log_, 1, first + 29);
}

TEST_F(RecoveryTest, UnfinishedFilesAreRemovedAndASpareIsUsedAgain) {
  open();
  append(1);
  log_.reset();
  std::ofstream(directory_ / "spare.tmp") << "unfinished";
  std::ofstream(directory_ / "spare") << "of another size";
  std::ofstream(directory_ / "notes.txt") << "not ours";
  open();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "spare.tmp"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "notes.txt"));
  append(20, 400);
  expect_all(*log_, 1, built_);
}

TEST_F(RecoveryTest, DamagedMarkerIsNoMarker) {
  open();
  append(2);
  log_.reset();
  flip_bit(directory_ / "CLEAN", 50);
  open();
  EXPECT_FALSE(log_->recovery().clean_shutdown);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "CLEAN"));
  expect_all(*log_, 1, 2);
}

TEST_F(RecoveryTest, CursorStopsAtDamageAndStaysThere) {
  several_segments();
  const auto first = files(".seg").front();
  // Sealed segments are not read at opening; whoever reads them notices.
  flip_bit(first, kBlockBytes + 1000);
  open();
  auto cursor = log_->read_from(Position{1});
  ASSERT_TRUE(cursor);
  for (int i = 0; i < 2; ++i) {
    const auto record = (*cursor)->next();
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().kind, ErrorKind::damaged);
    EXPECT_NE(record.error().text.find(first.string() + ": damaged at offset 4096 (position 1): payload checksum"),
              std::string::npos)
        << record.error().text;
    EXPECT_FALSE((*cursor)->wait(std::chrono::milliseconds(0)));
  }
  expect_all(*log_, 401, built_);
}

class VerifyTest : public RecoveryTest {};

TEST_F(VerifyTest, SoundLogIsCountedAndItsHeadNamed) {
  several_segments();
  std::uint64_t last = 0;
  std::uint64_t all = 0;
  const auto verified = verify(environment_, directory_, [&](std::uint64_t done, std::uint64_t bytes) {
    EXPECT_GE(done, last);
    last = done;
    all = bytes;
  });
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->segments, files(".seg").size());
  EXPECT_EQ(verified->frames, 30u);
  EXPECT_EQ(verified->records, 12'000u);
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, verified->segments << 20);
  EXPECT_TRUE(verified->torn_tail.empty());
  EXPECT_EQ(verified->head_hash_hex.size(), 64u);
}

TEST_F(VerifyTest, EveryFlippedBitIsFound) {
  several_segments();
  const auto all = files(".seg");
  std::mt19937_64 random(17);
  for (int round = 0; round < 60; ++round) {
    const std::size_t which = random() % (all.size() - 1);
    const std::uint64_t at = random() % small_segments().segment_bytes;
    flip_bit(all[which], at);
    const auto verified = verify(environment_, directory_);
    ASSERT_FALSE(verified) << all[which] << " offset " << at;
    EXPECT_EQ(verified.error().kind, ErrorKind::damaged);
    EXPECT_NE(verified.error().text.find(".seg"), std::string::npos) << verified.error().text;
    flip_bit(all[which], at);
  }
  EXPECT_TRUE(verify(environment_, directory_));
}

TEST_F(VerifyTest, RewrittenHistoryIsFoundByItsHash) {
  open();
  append(3, 5);
  log_.reset();
  const auto offsets = frame_offsets();
  std::string bytes = read_file(last_segment());
  // A forger repairs both checksums of the second frame, but cannot repair the chain.
  FrameHeader header;
  std::memcpy(&header, bytes.data() + offsets[1], sizeof header);
  bytes[offsets[1] + 150] ^= 1;
  const auto payload = std::as_bytes(std::span(bytes)).subspan(offsets[1] + kFrameHeaderBytes, header.payload_bytes);
  header.payload_crc = crc32c(payload);
  header.header_crc = crc32c(checked_bytes(header));
  std::memcpy(bytes.data() + offsets[1], &header, sizeof header);
  write_at(last_segment(), 0, bytes);
  const auto verified = verify(environment_, directory_);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("chain hash mismatch"), std::string::npos) << verified.error().text;
}

TEST_F(VerifyTest, TornTailIsToldFromDamage) {
  open();
  append(3, 5);
  crash();
  write_at(last_segment(), frame_offsets().back(), "torn");
  const auto verified = verify(environment_, directory_);
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->records, 15u);
  EXPECT_NE(verified->torn_tail.find("never acknowledged"), std::string::npos) << verified->torn_tail;
}

TEST_F(VerifyTest, AFaultThatIsItsOwnReasonIsToldOnce) {
  open();
  append(3, 5);
  log_.reset();
  const std::uint64_t offset = frame_offsets().rbegin()[1];  // the last frame; behind it stands its end
  FrameHeader header;
  const std::string bytes = read_file(last_segment());
  std::memcpy(&header, bytes.data() + offset, sizeof header);
  flip_bit(last_segment(), offset + kFrameHeaderBytes + header.payload_bytes);
  const auto verified = verify(environment_, directory_);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("): padding is not zero; restore"), std::string::npos) << verified.error().text;
}

TEST_F(VerifyTest, DirectoryWithoutALogIsNotFound) {
  std::filesystem::create_directories(directory_);
  EXPECT_EQ(verify(environment_, directory_).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace vigil::eventlog
