#include "eventlog/storage/verify.h"

#include <atomic>
#include <random>
#include <thread>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/segment_chain.h"
#include "tests/eventlog/storage/faulty_environment.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

using ::testing::Test;

class LogVerifyTest : public LogFixture {
 protected:
  // Some segments of 1 MiB, the last one not full.
  void several_segments() {
    open();
    append(30, 400);
    log_.reset();
    ASSERT_GE(files(".seg").size(), 3u);
  }
  void more_segments() {
    open();
    append(45, 400);
    log_.reset();
    ASSERT_GE(files(".seg").size(), 4u);
  }
  Expected<VerifiedLog> check(VerifyOptions options = {}) { return verify_log(environment_, directory_, options); }
  Expected<VerifiedLog> check_beside(std::size_t threads) { return check({.threads = threads}); }

  static std::vector<FrameHeader> frames_of(const std::filesystem::path& segment) {
    const std::string bytes = read_file(segment);
    std::vector<FrameHeader> found;
    for (std::size_t at = kBlockBytes; at + kBlockBytes <= bytes.size();) {
      FrameHeader header;
      std::memcpy(&header, bytes.data() + at, sizeof header);
      if (header.magic != kFrameMagic) break;
      found.push_back(header);
      at += frame_bytes(header.payload_bytes);
    }
    return found;
  }
  std::uint64_t base_of(const std::filesystem::path& segment) const {
    SegmentHeader header;
    std::memcpy(&header, read_file(segment).data(), sizeof header);
    return header.base_address;
  }
  static void expect_names(const Expected<VerifiedLog>& verified, const std::filesystem::path& segment,
                           std::uint64_t offset, std::uint64_t position, const std::string& what) {
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().kind, ErrorKind::damaged);
    const std::string place = segment.string() + ": damaged at offset " + std::to_string(offset) + " (position " +
                              std::to_string(position) + "): " + what;
    EXPECT_NE(verified.error().text.find(place), std::string::npos) << verified.error().text << "\nwanted " << place;
  }
};

TEST_F(LogVerifyTest, AllThreadsTogetherFindWhatOneFinds) {
  several_segments();
  const auto one = check_beside(1);
  const auto four = check_beside(4);
  ASSERT_TRUE(one) << one.error().text;
  ASSERT_TRUE(four) << four.error().text;
  EXPECT_EQ(one->log.head_hash_hex, four->log.head_hash_hex);
  EXPECT_EQ(one->log.records, 12'000u);
  EXPECT_EQ(four->log.records, 12'000u);
  EXPECT_EQ(one->log.bytes, four->log.bytes);
  EXPECT_EQ(one->first, Position{1});
  EXPECT_EQ(one->last, Position{12'000});
}

TEST_F(LogVerifyTest, RootOfASegmentIsKeptInTheNextHeader) {
  several_segments();
  const auto verified = check();
  ASSERT_TRUE(verified) << verified.error().text;
  const auto headers = read_segment_headers(environment_, directory_);
  ASSERT_TRUE(headers);
  ASSERT_EQ(verified->segments.size(), headers->size());
  for (std::size_t i = 0; i < headers->size(); ++i) {
    const SegmentRoot& root = verified->segments[i];
    EXPECT_EQ(root.first.value(), (*headers)[i].first_position);
    EXPECT_EQ(root.sealed, i + 1 < headers->size());
    if (root.sealed) {
      EXPECT_EQ(root.root, hex((*headers)[i + 1].previous_hash));
    }
  }
  EXPECT_EQ(verified->segments.back().root, verified->log.head_hash_hex);
}

TEST_F(LogVerifyTest, ProgressNeverGoesBackAndEndsWithAll) {
  several_segments();
  std::uint64_t last = 0, all = 0;
  VerifyOptions options{.threads = 3};
  options.progress = [&](std::uint64_t done, std::uint64_t bytes) {
    EXPECT_GE(done, last);
    last = done;
    all = bytes;
  };
  ASSERT_TRUE(check(options));
  EXPECT_EQ(all, files(".seg").size() << 20);
  EXPECT_EQ(last, all);
}

TEST_F(LogVerifyTest, TheFirstOfManyDamagesIsNamedWhateverThreadFindsIt) {
  several_segments();
  const auto all = files(".seg");
  for (const auto& segment : all) flip_bit(segment, kBlockBytes + kFrameHeaderBytes + 40);
  for (const std::size_t threads : {1u, 2u, 8u}) {
    expect_names(check_beside(threads), all[0], kBlockBytes, 1, "payload checksum mismatch");
  }
}

TEST_F(LogVerifyTest, DamagedFrameIsNamedThoughALaterSegmentDoesNotChain) {
  several_segments();
  const auto all = files(".seg");
  const auto frames = frames_of(all[0]);
  flip_bit(all[0], frames[1].address + kFrameHeaderBytes + 40);
  flip_bit(all[2], 20);  // its header
  expect_names(check(), all[0], frames[1].address, frames[1].first_position, "payload checksum mismatch");
}

TEST_F(LogVerifyTest, LastFrameOfASealedSegmentIsNamedWithItsPosition) {
  several_segments();
  const auto all = files(".seg");
  const FrameHeader last = frames_of(all[1]).back();
  const std::uint64_t offset = last.address - base_of(all[1]);
  flip_bit(all[1], offset + frame_bytes(last.payload_bytes) - kFrameTrailerBytes + 3);  // in its hash
  expect_names(check_beside(2), all[1], offset, last.first_position, "chain hash mismatch");
}

TEST_F(LogVerifyTest, DamagedSegmentHeaderIsNamed) {
  several_segments();
  const auto all = files(".seg");
  flip_bit(all[1], 33);
  const auto verified = check();
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find(all[1].string() + ": damaged at offset 0: segment header checksum"),
            std::string::npos)
      << verified.error().text;
}

TEST_F(LogVerifyTest, BytesBehindTheLastFrameOfASealedSegmentAreDamage) {
  several_segments();
  const auto all = files(".seg");
  const FrameHeader last = frames_of(all[0]).back();
  const std::uint64_t end = last.address + frame_bytes(last.payload_bytes);
  ASSERT_LT(end + 3 * kBlockBytes, std::uint64_t{1} << 20);
  flip_bit(all[0], end + 2 * kBlockBytes + 5);
  const auto verified = check();
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("damaged at offset " + std::to_string(end)), std::string::npos)
      << verified.error().text;
}

TEST_F(LogVerifyTest, SincePassesOverDamageInFrontOfIt) {
  several_segments();
  const auto all = files(".seg");
  flip_bit(all[0], kBlockBytes + kFrameHeaderBytes + 40);
  const auto second = frames_of(all[1]);
  const std::uint64_t since = second[2].first_position + 7;
  const auto verified = check({.since = Position{since}});
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->first.value(), second[2].first_position) << "begins with the frame that holds the position";
  EXPECT_EQ(verified->last, Position{12'000});
  EXPECT_FALSE(check({.since = Position{1}}));
}

TEST_F(LogVerifyTest, SinceFindsDamageBehindIt) {
  several_segments();
  const auto all = files(".seg");
  const auto frames = frames_of(all[1]);
  flip_bit(all[1], frames.back().address - base_of(all[1]) + kFrameHeaderBytes + 100);
  EXPECT_FALSE(check({.since = Position{frames[1].first_position}}));
}

TEST_F(LogVerifyTest, SinceBehindTheEndIsRefused) {
  several_segments();
  const auto verified = check({.since = Position{12'001}});
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().kind, ErrorKind::invalid);
  EXPECT_NE(verified.error().text.find("the log ends at 12000"), std::string::npos) << verified.error().text;
}

TEST_F(LogVerifyTest, SegmentMadeOfBytesThatFitNowhereElseIsAnotherHistory) {
  several_segments();
  const auto all = files(".seg");
  SegmentHeader header;
  const std::string bytes = read_file(all[1]);
  std::memcpy(&header, bytes.data(), sizeof header);
  header.previous_hash[0] ^= std::byte{1};
  header.header_crc = crc32c(checked_bytes(header));
  write_at(all[1], 0, std::string(reinterpret_cast<const char*>(&header), sizeof header));
  const auto verified = check();
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().kind, ErrorKind::damaged);
}

TEST_F(LogVerifyTest, ARunningWriterIsNeverTakenForDamage) {
  open();
  append(1, 50);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> rounds{0};
  std::thread reader([&] {
    std::uint64_t before = 0;
    while (!stop.load()) {
      const auto verified = check_beside(1);
      EXPECT_TRUE(verified) << verified.error().text;
      if (!verified) break;
      EXPECT_GE(verified->last.value(), before);
      before = verified->last.value();
      rounds.fetch_add(1);
      rounds.notify_all();
    }
    rounds.fetch_add(1);
    rounds.notify_all();
  });
  for (std::uint64_t seen = 0; seen < 4; seen = rounds.load()) append(20, 100);
  stop = true;
  reader.join();
}

TEST_F(LogVerifyTest, ArchivedSegmentsAreVerifiedLikeOthers) {
  more_segments();
  const auto before = check();
  ASSERT_TRUE(before);
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  ASSERT_EQ(files(".seg").size(), 2u) << "the newest sealed one stays";
  const auto after = check_beside(2);
  ASSERT_TRUE(after) << after.error().text;
  EXPECT_EQ(after->log.head_hash_hex, before->log.head_hash_hex);
  EXPECT_EQ(after->log.records, before->log.records);
  VerifyOptions options{.since = Position{5'000}};
  options.head = *head_at(environment_, directory_, Position{4'000});
  const auto contained = check(options);
  EXPECT_TRUE(contained) << contained.error().text;
}

TEST_F(LogVerifyTest, ADamagedArchiveIsNamed) {
  more_segments();
  ASSERT_TRUE(archive_log(environment_, directory_, {}));
  const auto archive = files(".seg.zst")[1];
  flip_bit(archive, std::filesystem::file_size(archive) / 2);
  const auto verified = check_beside(2);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().kind, ErrorKind::damaged);
  EXPECT_NE(verified.error().text.find(archive.string()), std::string::npos) << verified.error().text;
}

TEST_F(LogVerifyTest, ADiskThatFailsIsAnErrorAndNotDamage) {
  several_segments();
  FaultyEnvironment faulty;
  faulty.fail_from_now(Call::read, ".seg", ErrorKind::io);
  const auto verified = verify_log(faulty, directory_, {});
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().kind, ErrorKind::io);
}

class LogHeadTest : public LogVerifyTest {
 protected:
  LogHead head(std::uint64_t position) {
    const auto found = head_at(environment_, directory_, Position{position});
    EXPECT_TRUE(found) << found.error().text;
    return *found;
  }
};

TEST_F(LogHeadTest, IsWhatVerifyFindsAtTheEnd) {
  several_segments();
  const LogHead end = head(12'000);
  const auto verified = check();
  ASSERT_TRUE(verified);
  EXPECT_EQ(hex(end.hash), verified->log.head_hash_hex);
  EXPECT_EQ(hex(end.log_id), verified->log_id);
  EXPECT_EQ(end.address, verified->end);
  EXPECT_EQ(end.epoch, verified->epoch);
  EXPECT_EQ(end.created, environment_.now());
}

TEST_F(LogHeadTest, OfAnEarlierFrameIsContainedForEver) {
  several_segments();
  for (const std::uint64_t position : {400u, 4'000u, 12'000u}) {
    VerifyOptions options{.threads = 2};
    options.head = head(position);
    const auto verified = check(options);
    EXPECT_TRUE(verified) << verified.error().text;
  }
}

TEST_F(LogHeadTest, WithSinceBehindItEverythingFromTheHeadOnIsChecked) {
  several_segments();
  VerifyOptions options{.since = Position{9'000}};
  options.head = head(4'000);
  const auto verified = check(options);
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->first, Position{3'601});
}

TEST_F(LogHeadTest, TruncationIsNoticed) {
  several_segments();
  VerifyOptions options;
  options.head = head(12'000);
  // A forger cuts the last commit off, as a valid shorter log.
  const auto frames = frames_of(last_segment());
  const std::uint64_t offset = frames.back().address - base_of(last_segment());
  write_at(last_segment(), offset, std::string(frame_bytes(frames.back().payload_bytes), '\0'));
  ASSERT_TRUE(check());
  const auto verified = check(options);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("ends at position 11600, the head has seen position 12000"), std::string::npos)
      << verified.error().text;
}

TEST_F(LogHeadTest, RewritingIsNoticed) {
  several_segments();
  VerifyOptions options;
  options.head = head(4'000);
  options.head->hash[5] ^= std::byte{1};
  auto verified = check(options);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("history was rewritten"), std::string::npos) << verified.error().text;
  options.head = head(4'000);
  options.head->position = Position{3'999};
  verified = check(options);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("no commit ends at position 3999"), std::string::npos) << verified.error().text;
  options.head = head(4'000);
  options.head->log_id[0] ^= std::byte{1};
  verified = check(options);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().text.find("its id is "), std::string::npos) << verified.error().text;
}

TEST_F(LogHeadTest, OfAPositionThatIsNoEndOrNotThereIsRefused) {
  several_segments();
  const auto inside = head_at(environment_, directory_, Position{401});
  ASSERT_FALSE(inside);
  EXPECT_NE(inside.error().text.find("no commit ends at position 401"), std::string::npos) << inside.error().text;
  const auto behind = head_at(environment_, directory_, Position{12'001});
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().kind, ErrorKind::not_found);
  EXPECT_EQ(head_at(environment_, directory_, Position{}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(head_at(environment_, root_ / "nowhere", Position{1}).error().kind, ErrorKind::not_found);
}

TEST_F(LogHeadTest, OfADamagedFrameIsRefused) {
  several_segments();
  const auto frames = frames_of(last_segment());
  flip_bit(last_segment(), frames.back().address - base_of(last_segment()) + kFrameHeaderBytes + 30);
  const auto found = head_at(environment_, directory_, Position{12'000});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::damaged);
}

}  // namespace
}  // namespace vigil::eventlog
