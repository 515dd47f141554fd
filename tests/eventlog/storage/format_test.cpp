// Pins the bytes of the log. Stored: never change.
#include "eventlog/storage/format.h"

#include <gtest/gtest.h>

#include <sstream>

#include "eventlog/storage/frame.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

class FormatTest : public LogFixture {
 protected:
  // One segment with two commits: an event with a key and a link, then one without.
  void write_example() {
    open();
    FrameBuilder& builder = log_->builder();
    builder.begin(IngestTime{1'700'000'000'123'456});
    const Link link{Address{0x1234}, Address{0x0567}};
    auto payload = builder.begin_record(7, 3, {&link, 1}, 0xA1B2C3D4E5F60718u, 24);
    std::memcpy(payload.data(), "sixteen bytes...", 16);
    builder.end_record(16);
    ASSERT_TRUE(log_->settle());
    builder.begin(IngestTime{1'700'000'000'200'000});
    payload = builder.begin_record(8, 1, {}, std::nullopt, 8);
    std::memcpy(payload.data(), "a second", 8);
    builder.end_record(8);
    builder.begin_record(9, 1, {}, std::nullopt, 0);
    builder.end_record(0);
    ASSERT_TRUE(log_->settle());
    log_.reset();
  }
  // Offset and 16 bytes in hex a line; lines of zeros are left out.
  static std::string dump(const std::string& bytes) {
    std::ostringstream out;
    for (std::size_t at = 0; at < bytes.size(); at += 16) {
      const std::string row = bytes.substr(at, 16);
      if (row.find_first_not_of('\0') == std::string::npos) continue;
      char offset[32];
      std::snprintf(offset, sizeof offset, "%06zx  ", at);
      out << offset << hex(std::as_bytes(std::span(row))) << '\n';
    }
    return out.str();
  }
};

TEST_F(FormatTest, BytesOfASegmentAreTheGoldenOnes) {
  write_example();
  EXPECT_EQ(dump(read_file(last_segment())),
            read_file(std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/eventlog/storage/golden/segment.txt"));
}

TEST_F(FormatTest, BytesOfTheCleanMarkerAreTheGoldenOnes) {
  write_example();
  EXPECT_EQ(dump(read_file(directory_ / "CLEAN")),
            read_file(std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/eventlog/storage/golden/clean.txt"));
}

TEST(Checksum, Crc32cHasItsPublishedCheckValue) {
  EXPECT_EQ(crc32c(std::as_bytes(std::span("123456789", 9))), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Checksum, Sha256HasItsPublishedTestValueHoweverItIsCut) {
  Sha256 sha;
  const auto abc = std::as_bytes(std::span("abc", 3));
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(hex(sha.of({abc})), expected);
  EXPECT_EQ(hex(sha.of({abc.first(1), abc.subspan(1)})), expected);
}

TEST(Frame, HasRoomForHeaderRecordsAndTrailerInWholeBlocks) {
  EXPECT_EQ(frame_bytes(16), kBlockBytes);
  EXPECT_EQ(frame_bytes(kBlockBytes - kFrameHeaderBytes - kFrameTrailerBytes), kBlockBytes);
  EXPECT_EQ(frame_bytes(kBlockBytes - kFrameHeaderBytes - kFrameTrailerBytes + 8), 2 * kBlockBytes);
}

class FrameTest : public ::testing::Test {
 protected:
  FrameTest() : bytes_(frame_bytes(32)) {
    header_.payload_bytes = 32;
    header_.address = 8192;
    header_.first_position = 5;
    header_.epoch = 3;
    header_.ingest_time_us = 100;
    header_.durable_through = 4;
    header_.event_count = 2;
    header_.log_id[3] = std::byte{9};
    header_.previous_hash[1] = std::byte{7};
    for (std::uint32_t i = 0; i < 2; ++i) {
      const RecordHeader record{16, 1, 1, static_cast<std::uint32_t>(kFrameHeaderBytes + 16 * i), i << 8};
      std::memcpy(bytes_.data() + kFrameHeaderBytes + 16 * i, &record, sizeof record);
    }
    hash_ = seal_frame(bytes_, header_, sha_);
    chain_.log_id = header_.log_id;
    chain_.address = 8192;
    chain_.next_position = 5;
    chain_.epoch = 2;
    chain_.ingest_time_us = 100;
    chain_.hash = header_.previous_hash;
  }
  FrameFault fault(FrameCheck check = FrameCheck::whole) {
    const auto frame = check_frame(bytes_, chain_, check, &sha_);
    EXPECT_FALSE(frame);
    return frame ? FrameFault::absent : frame.error();
  }
  Sha256 sha_;
  std::vector<std::byte> bytes_;
  FrameHeader header_;
  Hash hash_;
  ChainState chain_;
};

TEST_F(FrameTest, SealedFrameIsTheSuccessorOfItsChain) {
  const auto frame = check_frame(bytes_, chain_, FrameCheck::whole, &sha_);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->hash, hash_);
  advance(chain_, *frame);
  EXPECT_EQ(chain_.address, 8192 + kBlockBytes);
  EXPECT_EQ(chain_.next_position, 7u);
  EXPECT_EQ(chain_.epoch, 3u);
}

TEST_F(FrameTest, EveryBreachOfSuccessionIsRefused) {
  const ChainState good = chain_;
  const auto expect_refused = [&](auto change) {
    chain_ = good;
    change(chain_);
    EXPECT_EQ(fault(FrameCheck::header), FrameFault::not_successor);
  };
  expect_refused([](ChainState& c) { c.address += kBlockBytes; });
  expect_refused([](ChainState& c) { c.next_position = 4; });
  expect_refused([](ChainState& c) { c.epoch = 4; });
  expect_refused([](ChainState& c) { c.ingest_time_us = 101; });
  expect_refused([](ChainState& c) { c.hash[0] = std::byte{1}; });
  chain_ = good;
  chain_.log_id[0] = std::byte{1};
  EXPECT_EQ(fault(FrameCheck::header), FrameFault::other_log);
}

TEST_F(FrameTest, EveryKindOfDamageHasItsName) {
  const auto damage = [&](std::size_t at) {
    bytes_[at] ^= std::byte{1};
    const FrameFault found = fault();
    bytes_[at] ^= std::byte{1};
    return found;
  };
  EXPECT_EQ(damage(0), FrameFault::magic);
  EXPECT_EQ(damage(20), FrameFault::header_checksum);
  EXPECT_EQ(damage(kFrameHeaderBytes + 5), FrameFault::payload_checksum);
  EXPECT_EQ(damage(kBlockBytes - 1), FrameFault::trailer);
  EXPECT_EQ(damage(kBlockBytes - 16), FrameFault::trailer);
  EXPECT_EQ(damage(kBlockBytes - kFrameTrailerBytes), FrameFault::hash);
  EXPECT_EQ(damage(kBlockBytes / 2), FrameFault::padding);
  std::fill(bytes_.begin(), bytes_.end(), std::byte{0});
  EXPECT_EQ(fault(), FrameFault::absent);
}

TEST_F(FrameTest, RecordsThatDoNotFillTheFrameAreDamage) {
  header_.event_count = 1;
  seal_frame(bytes_, header_, sha_);
  EXPECT_EQ(fault(), FrameFault::records);
}

TEST_F(FrameTest, FrameThatDoesNotFitItsSegmentIsRefused) {
  header_.event_count = 0;
  seal_frame(bytes_, header_, sha_);
  EXPECT_EQ(fault(), FrameFault::length);
}

}  // namespace
}  // namespace vigil::eventlog
