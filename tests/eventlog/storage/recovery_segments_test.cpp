// A log whose segments were removed, swapped, doubled, cut off, replaced by another log's or left half made.
#include <gtest/gtest.h>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/recovery.h"
#include "eventlog/storage/segment_supply.h"
#include "tests/eventlog/storage/memory_environment.h"

namespace vigil::eventlog {
namespace {

// Another log has another id.
class OtherEnvironment : public MemoryEnvironment {
 public:
  void random(std::span<std::byte> bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(0xA0 + i);
  }
};

class RecoverySegmentsTest : public LogFixture {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    fill_log(memory_);
    last_ = built_;
    names_ = memory_.segments();
    ASSERT_GE(names_.size(), 4u);
    ASSERT_TRUE(recovered());
  }
  void fill_log(MemoryEnvironment& environment) {
    auto log = Log::open(environment, directory_, small_segments());
    ASSERT_TRUE(log) << log.error().text;
    log_ = std::move(*log);
    built_ = 0;
    append(36, 400);
    log_.reset();
    environment.erase("CLEAN");
  }
  Expected<Recovered> recovered() { return recover(memory_, directory_, Position{}, ""); }
  void expect_refused(const std::string& file, const std::string& what) {
    const auto found = recovered();
    ASSERT_FALSE(found) << what;
    EXPECT_EQ(found.error().kind, ErrorKind::damaged) << what << ": " << found.error().text;
    EXPECT_NE(found.error().text.find((directory_ / file).string() + ": damaged"), std::string::npos)
        << what << ": " << found.error().text;
    EXPECT_TRUE(found.error().text.ends_with(kRestoreHint)) << found.error().text;
  }

  MemoryEnvironment memory_;
  std::vector<std::string> names_;
  std::uint64_t last_ = 0;
};

TEST_F(RecoverySegmentsTest, EveryRemovedSegmentIsRefusedNamingWhereItIsMissing) {
  for (std::size_t i = 0; i + 1 < names_.size(); ++i) {
    const MemoryEnvironment::Bytes aside = memory_.file(names_[i]);
    memory_.erase(names_[i]);
    expect_refused(i == 0 ? names_[0] : names_[i + 1], "without " + names_[i]);
    memory_.put(names_[i], aside);
  }
}

TEST_F(RecoverySegmentsTest, TheLastSegmentIsMissedOnlyByWhoHasSeenIt) {
  memory_.erase(names_.back());
  const auto found = recovered();
  ASSERT_TRUE(found) << "a log cut off between two frames is a shorter log: only a head tells";
  const std::uint64_t left = found->end.next_position - 1;
  EXPECT_LT(left, last_);
  const auto seen = recover(memory_, directory_, Position{left + 1}, "");
  ASSERT_FALSE(seen);
  EXPECT_NE(seen.error().text.find("history is missing that a read model's checkpoint has seen: the log ends at "
                                   "position " +
                                   std::to_string(left) + ", it has seen position " + std::to_string(left + 1)),
            std::string::npos)
      << seen.error().text;
}

TEST_F(RecoverySegmentsTest, ALogWhoseLastSegmentsAreArchivesIsRefused) {
  const auto archived = archive_log(memory_, directory_, {});
  ASSERT_TRUE(archived) << archived.error().text;
  ASSERT_EQ(archived->archived_all, names_.size() - 2) << "the last sealed one stays";
  ASSERT_TRUE(recovered()) << "nothing is missing";
  memory_.erase(names_.back());
  memory_.erase(names_[names_.size() - 2]);
  expect_refused(names_[names_.size() - 3], "only archives");
}

TEST_F(RecoverySegmentsTest, EveryTwoSwappedSegmentsAreRefused) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (std::size_t j = i + 1; j < names_.size(); ++j) {
      std::swap(memory_.file(names_[i]), memory_.file(names_[j]));
      expect_refused(names_[i], names_[i] + " and " + names_[j] + " swapped");
      std::swap(memory_.file(names_[i]), memory_.file(names_[j]));
    }
  }
}

TEST_F(RecoverySegmentsTest, EveryDoubledSegmentIsRefused) {
  const std::string copy = segment_name(last_ + 1000);
  for (const std::string& name : names_) {
    memory_.put(copy, memory_.file(name));
    expect_refused(copy, "a copy of " + name);
    memory_.erase(copy);
  }
  // In place of another one as well.
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const MemoryEnvironment::Bytes aside = memory_.file(names_[i]);
    memory_.put(names_[i], memory_.file(names_[(i + 1) % names_.size()]));
    expect_refused(names_[i], "its neighbour in place of " + names_[i]);
    memory_.put(names_[i], aside);
  }
}

TEST_F(RecoverySegmentsTest, EveryTruncatedSegmentIsRefused) {
  for (const std::string& name : names_) {
    const MemoryEnvironment::Bytes whole = memory_.file(name);
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += bytes < 2 * kBlockBytes ? 512 : 41 * kBlockBytes) {
      memory_.put(name, {whole.begin(), whole.begin() + static_cast<long>(bytes)});
      expect_refused(name, name + " cut to " + std::to_string(bytes) + " bytes");
    }
    memory_.put(name, whole);
  }
}

TEST_F(RecoverySegmentsTest, EverySegmentOfAnotherLogIsRefused) {
  OtherEnvironment other;
  fill_log(other);
  ASSERT_EQ(other.segments(), names_) << "the same events, so the same places";
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const MemoryEnvironment::Bytes aside = memory_.file(names_[i]);
    memory_.put(names_[i], other.file(names_[i]));
    expect_refused(i == 0 ? names_[1] : names_[i], "another log's " + names_[i]);
    memory_.put(names_[i], aside);
  }
}

TEST_F(RecoverySegmentsTest, SegmentWhoseHeaderWasNeverWrittenIsRefused) {
  // A segment gets its name only after its header was synced: zeros under a segment's name are no crash's work.
  const std::string name = segment_name(last_ + 1);
  memory_.put(name, MemoryEnvironment::Bytes(small_segments().segment_bytes));
  expect_refused(name, "zeros");
}

TEST_F(RecoverySegmentsTest, HalfMadeSpareIsRemovedAndAWholeOneIsKept) {
  // With a header already in it, as a crash between writing it and renaming the file leaves it.
  MemoryEnvironment::Bytes spare(small_segments().segment_bytes);
  const MemoryEnvironment::Bytes& header = memory_.file(names_.back());
  std::copy_n(header.begin(), kBlockBytes, spare.begin());
  memory_.put(std::string(kSpareName), spare);
  memory_.put("spare.tmp", MemoryEnvironment::Bytes(12'345));
  memory_.put("00000000000000000001.idx.tmp", MemoryEnvironment::Bytes(10));
  memory_.put("CLEAN.tmp", MemoryEnvironment::Bytes(10));
  auto log = Log::open(memory_, directory_, small_segments());
  ASSERT_TRUE(log) << log.error().text;
  for (const char* name : {"00000000000000000001.idx.tmp", "CLEAN.tmp"}) EXPECT_FALSE(memory_.has(name)) << name;
  log_ = std::move(*log);
  built_ = last_;
  append(12, 400);
  expect_all(*log_, 1, built_);
  log_.reset();
  EXPECT_GT(memory_.segments().size(), names_.size()) << "the spare was used";
  EXPECT_TRUE(verify(memory_, directory_));
}

}  // namespace
}  // namespace vigil::eventlog
