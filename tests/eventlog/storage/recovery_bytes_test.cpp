// A small log, cut at every byte of its last two frames, and with every one of its bits flipped: it is opened with
// exactly what was written, or refused naming file and offset, and then left as it is.
#include <gtest/gtest.h>

#include <random>

#include "eventlog/storage/recovery.h"
#include "tests/eventlog/storage/memory_environment.h"

namespace vigil::eventlog {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStride = 41;  // sanitizers are slow, and look for something else
#else
constexpr std::uint64_t kStride = 1;
#endif

struct Place {
  std::uint64_t begin, payload_end, end;  // offsets of a frame in its segment
  std::uint64_t next_position;            // behind it
};

class RecoveryBytesTest : public LogFixture {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    auto log = Log::open(memory_, directory_, small_segments());
    ASSERT_TRUE(log) << log.error().text;
    log_ = std::move(*log);
    append(2, 3);
    append(1, 30);  // of two blocks
    append(1, 4);
    log_.reset();
    memory_.erase("CLEAN");
    whole_ = bytes();
    find_frames();
    std::mt19937_64 random(7);
    for (std::uint64_t i = 0; i < log_end(); ++i) garbage_.push_back(static_cast<std::byte>(random()));
    ASSERT_EQ(frames_.size(), 4u);
    ASSERT_EQ(frames_[2].end - frames_[2].begin, 2 * kBlockBytes);
  }

  MemoryEnvironment::Bytes& bytes() { return memory_.file(name_); }
  void find_frames() {
    std::uint64_t position = 1;
    for (std::uint64_t at = kBlockBytes;;) {
      FrameHeader header;
      std::memcpy(&header, whole_.data() + at, sizeof header);
      if (header.magic != kFrameMagic) break;
      position += header.event_count;
      frames_.push_back(
          {at, at + kFrameHeaderBytes + header.payload_bytes, at + frame_bytes(header.payload_bytes), position});
      at = frames_.back().end;
    }
  }
  std::uint64_t log_end() const { return frames_.back().end; }
  void restore() { std::memcpy(bytes().data(), whole_.data(), log_end() + 4 * kBlockBytes); }
  void garble(std::uint64_t from, std::uint64_t to) {
    std::memcpy(bytes().data() + from, garbage_.data() + from, to - from);
  }
  void zero(std::uint64_t from, std::uint64_t to) { std::memset(bytes().data() + from, 0, to - from); }

  Expected<Recovered> recovered(std::uint64_t known_durable = 0) {
    return recover(memory_, directory_, Position{known_durable}, "");
  }
  // That the log holds its first `frames` frames as they were written, and zeros behind them.
  void expect_frames(const Expected<Recovered>& found, std::size_t frames, const std::string& what) {
    ASSERT_TRUE(found) << what << ": " << found.error().text;
    const std::uint64_t end = frames == 0 ? kBlockBytes : frames_[frames - 1].end;
    ASSERT_EQ(found->end.address, end) << what;
    ASSERT_EQ(found->end.next_position, frames == 0 ? 1 : frames_[frames - 1].next_position) << what;
    ASSERT_EQ(std::memcmp(bytes().data(), whole_.data(), end), 0) << what;
    ASSERT_TRUE(is_zero(std::span(bytes()).subspan(end))) << what << ": what was cut is zero";
  }
  // That opening is refused, naming the file and the offset of frame `frame`, and changes nothing.
  void expect_refused(std::size_t frame, const std::string& what, std::uint64_t known_durable = 0) {
    const MemoryEnvironment::Bytes before(bytes().begin(), bytes().begin() + static_cast<long>(log_end()));
    const auto found = recovered(known_durable);
    ASSERT_FALSE(found) << what;
    ASSERT_EQ(found.error().kind, ErrorKind::damaged) << what;
    const std::string place = name_ + ": damaged at offset " + std::to_string(frames_[frame].begin) + " (position ";
    ASSERT_NE(found.error().text.find(place), std::string::npos) << what << ": " << found.error().text;
    ASSERT_EQ(std::memcmp(before.data(), bytes().data(), before.size()), 0) << what << ": changed what it refused";
  }
  static std::string at(const char* what, std::uint64_t offset) {
    return std::string(what) + " at offset " + std::to_string(offset);
  }

  MemoryEnvironment memory_;
  const std::string name_ = segment_name(1);
  MemoryEnvironment::Bytes whole_;
  MemoryEnvironment::Bytes garbage_;
  std::vector<Place> frames_;
};

TEST_F(RecoveryBytesTest, CutAtEveryByteOfTheLastFrameItIsCutOrWhole) {
  for (std::uint64_t cut = frames_[3].begin; cut <= log_end(); cut += kStride) {
    restore();
    zero(cut, log_end());
    expect_frames(recovered(), cut == log_end() ? 4 : 3, at("zeros", cut));
    if (HasFatalFailure()) return;
    restore();
    garble(cut, log_end());
    // Bytes of the padding prove nothing and are nobody's: only verify looks at them.
    expect_frames(recovered(), cut == log_end() ? 4 : 3, at("garbage", cut));
    if (HasFatalFailure()) return;
  }
}

// As truncation does. Only the head, a marker or a checkpoint can know that two commits are gone.
TEST_F(RecoveryBytesTest, CutAtEveryByteOfTheFrameBeforeACheckpointRefusesIt) {
  const std::uint64_t seen = frames_[2].next_position - 1;
  for (std::uint64_t cut = frames_[2].begin; cut < frames_[2].end; cut += kStride) {
    restore();
    zero(cut, log_end());
    expect_refused(2, at("zeros", cut), seen);
    expect_frames(recovered(seen - 30), 2, at("zeros", cut));
    if (HasFatalFailure()) return;
    restore();
    garble(cut, log_end());
    expect_refused(2, at("garbage", cut), seen);
    // A header that is intact says how much its commit can have left: what stands behind is another one's.
    if (cut >= frames_[2].begin + kFrameHeaderBytes) expect_refused(2, at("garbage", cut));
    if (HasFatalFailure()) return;
  }
}

TEST_F(RecoveryBytesTest, AHoleFromEveryByteOfTheFrameBeforeIsRefused) {
  for (std::uint64_t cut = frames_[2].begin; cut < frames_[2].end; cut += kStride) {
    const bool in_padding = cut >= frames_[2].payload_end && cut < frames_[2].end - kFrameTrailerBytes;
    if (in_padding && cut % 64 != 0) continue;  // all the same: the trailer is gone
    restore();
    zero(cut, frames_[2].end);
    expect_refused(2, at("hole", cut));
    if (HasFatalFailure()) return;
    // And when the frame behind is torn too: its header says that the one before was durable.
    zero(frames_[3].begin + kFrameHeaderBytes, frames_[3].end);
    expect_refused(2, at("hole before a torn frame", cut));
    if (HasFatalFailure()) return;
  }
}

TEST_F(RecoveryBytesTest, DamagedFrameBeforeATornOneIsRefusedByWhatTheTornOneSays) {
  bytes()[frames_[2].begin + 200] ^= std::byte{1};
  zero(frames_[3].begin + 512, frames_[3].end);
  const auto found = recovered();
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().text.find("payload checksum mismatch: a frame is damaged, and a later one says that it was "
                                    "durable; restore the log from a backup with `vigil restore`"),
            std::string::npos)
      << found.error().text;
}

class RecoveryFlipTest : public RecoveryBytesTest {
 protected:
  // Whatever one checksum covers, or nobody reads, is represented by some of its bytes.
  bool is_flipped(std::uint64_t offset) const {
    if (offset < kBlockBytes) return offset < kSegmentHeaderBytes || offset % 128 == 0;
    if (offset >= log_end()) return offset % 512 == 0;
    const Place& frame = frames_[frame_of(offset)];
    if (offset < frame.begin + kFrameHeaderBytes + 512 || offset >= frame.end - kFrameTrailerBytes) return true;
    return offset % (offset < frame.payload_end ? 32 : 128) == 0;
  }
  // The frame an offset lies in; their number when it lies behind them.
  std::size_t frame_of(std::uint64_t offset) const {
    const auto found = std::find_if(frames_.begin(), frames_.end(), [&](const Place& f) { return offset < f.end; });
    return static_cast<std::size_t>(found - frames_.begin());
  }
  bool is_padding(std::uint64_t offset) const {
    const std::size_t index = frame_of(offset);
    if (index == frames_.size()) return false;
    return offset >= frames_[index].payload_end && offset < frames_[index].end - kFrameTrailerBytes;
  }
  void check_flipped(std::uint64_t offset) {
    const std::string what = at("flipped bit", offset);
    const std::size_t index = frame_of(offset);
    const auto verified = verify(memory_, directory_);
    if (offset < kBlockBytes || is_padding(offset)) {
      ASSERT_FALSE(verified) << what;
    } else {
      ASSERT_EQ(verified.has_value(), index >= 3) << what;
      ASSERT_TRUE(!verified || !verified->torn_tail.empty()) << what;
    }
    if (offset < kBlockBytes) {
      const auto found = recovered();
      ASSERT_FALSE(found) << what;
      ASSERT_NE(found.error().text.find(name_ + ": "), std::string::npos) << what << ": " << found.error().text;
    } else if (is_padding(offset)) {
      ASSERT_TRUE(recovered()) << what << ": nobody reads it";
    } else if (index < 3) {
      // A trailer's hash is what the next frame must build on: that one is named.
      const std::uint64_t hash = frames_[index].end - kFrameTrailerBytes;
      expect_refused(offset >= hash && offset < hash + sizeof(Hash) ? index + 1 : index, what);
    } else {
      expect_frames(recovered(), index, what);
    }
  }
};

TEST_F(RecoveryFlipTest, EveryFlippedBitIsRefusedOrCutsWhatWasNeverAcknowledged) {
  std::uint64_t flips = 0;
  std::uint64_t chosen = 0;
  for (std::uint64_t bit = 0; bit < (log_end() + kBlockBytes) * 8; ++bit) {
    const std::uint64_t offset = bit / 8;
    if (!is_flipped(offset) || chosen++ % kStride != 0) continue;
    ++flips;
    restore();
    bytes()[offset] ^= static_cast<std::byte>(1u << bit % 8);
    check_flipped(offset);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(flips, 20'000 / kStride);
}

// A write that the disk put elsewhere: the frame is whole, but not where it says.
TEST_F(RecoveryBytesTest, FrameWrittenToAnotherPlaceIsNoTornTail) {
  const std::vector<std::byte> last(whole_.begin() + static_cast<long>(frames_[3].begin),
                                    whole_.begin() + static_cast<long>(frames_[3].end));
  for (std::uint64_t to = frames_[3].begin + 512; to < frames_[3].begin + 3 * kBlockBytes; to += 512) {
    restore();
    zero(frames_[3].begin, log_end());
    std::memcpy(bytes().data() + to, last.data(), last.size());
    expect_refused(3, at("misdirected", to));
    if (HasFatalFailure()) return;
    zero(to + 512, to + last.size());  // and torn
    expect_refused(3, at("misdirected and torn", to));
    if (HasFatalFailure()) return;
    zero(to, to + 512);
  }
}

class RecoveryMarkerTest : public RecoveryBytesTest {
 protected:
  void mark(const std::function<void(CleanMarker&)>& change = [](CleanMarker&) {}) {
    auto found = recovered();
    ASSERT_TRUE(found) << found.error().text;
    CleanMarker marker;
    marker.log_id = found->end.log_id;
    marker.epoch = found->end.epoch;
    marker.last_position = found->end.next_position - 1;
    marker.end_address = found->end.address;
    marker.hash = found->end.hash;
    change(marker);
    marker.marker_crc = crc32c(checked_bytes(marker));
    const auto content = std::as_bytes(std::span(&marker, 1));
    memory_.put("CLEAN", {content.begin(), content.end()});
  }
  void expect_words(const std::string& words) {
    const auto found = recovered();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::damaged);
    EXPECT_NE(found.error().text.find(words), std::string::npos) << found.error().text;
    EXPECT_TRUE(memory_.has("CLEAN")) << "a refused log is left as it is";
  }
};

TEST_F(RecoveryMarkerTest, MarkerThatFitsSaysThatTheLogWasClosedInOrder) {
  mark();
  const auto found = recovered();
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_TRUE(found->report.clean_shutdown);
  EXPECT_FALSE(memory_.has("CLEAN"));
  EXPECT_FALSE(recovered()->report.clean_shutdown);
}

TEST_F(RecoveryMarkerTest, MarkerThatHasSeenAnotherEndIsRefused) {
  mark([](CleanMarker& marker) { marker.hash[7] ^= std::byte{1}; });
  expect_words(name_ + ": damaged at offset " + std::to_string(log_end()) +
               " (position 41): the history is not the one that the clean-shutdown marker has seen; restore");
}

TEST_F(RecoveryMarkerTest, MarkerThatHasSeenMoreIsRefused) {
  mark([](CleanMarker& marker) { marker.last_position += 2; });
  expect_words(name_ + ": damaged at offset " + std::to_string(log_end()) +
               " (position 41): history is missing that the clean-shutdown marker has seen: the log ends at position "
               "40, it has seen position 42; restore");
}

TEST_F(RecoveryMarkerTest, MarkerThatHasSeenLessOrBelongsToAnotherLogSaysNothing) {
  mark([](CleanMarker& marker) { marker.last_position -= 2; });
  EXPECT_FALSE(recovered()->report.clean_shutdown);
  mark([](CleanMarker& marker) {
    marker.log_id[3] ^= std::byte{1};
    marker.last_position += 2;
  });
  EXPECT_FALSE(recovered()->report.clean_shutdown);
  EXPECT_FALSE(memory_.has("CLEAN"));
}

TEST_F(RecoveryMarkerTest, MarkerRaisesTheEpochAlsoWhenItsWriterWroteNothing) {
  mark([](CleanMarker& marker) { marker.epoch = 9; });
  EXPECT_EQ(recovered()->end.epoch, 9u);
}

TEST_F(RecoveryMarkerTest, RubbishBehindAMarkedEndIsCutAndNotCalledClean) {
  mark();
  bytes()[log_end() + 1000] = std::byte{4};
  const auto found = recovered();
  expect_frames(found, 4, "marked");
  EXPECT_FALSE(found->report.clean_shutdown);
  EXPECT_EQ(found->report.torn_bytes_cut, kBlockBytes);
}

TEST_F(RecoveryMarkerTest, MarkerWithoutASingleSegmentIsRefused) {
  mark();
  memory_.erase(name_);
  expect_words(directory_.string() +
               ": damaged: no segment is here: history is missing that the clean-shutdown marker has seen: the log "
               "ends at position 0, it has seen position 40; restore");
}

}  // namespace
}  // namespace vigil::eventlog
