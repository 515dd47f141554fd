// The last frame of a log after a sync that failed, or that never came to its end.
#include <utility>

#include "eventlog/storage/recovery.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

// The page cache shows what was written, the disk holds zeros from `lost_from` on in every segment: what is left of a
// write whose sync has failed.
class ForgetfulDisk : public FixedEnvironment {
 public:
  std::uint64_t lost_from = ~std::uint64_t{0};

  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    auto file = FixedEnvironment::open(path, mode);
    if (!file || path.extension() != ".seg") return file;
    return std::make_unique<ForgetfulFile>(*this, std::move(*file));
  }

 private:
  class ForgetfulFile : public File {
   public:
    ForgetfulFile(const ForgetfulDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    Expected<std::uint64_t> size() override { return file_->size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
      return file_->read_at(offset, bytes);
    }
    Expected<void> read_from_disk(std::uint64_t offset, std::span<std::byte> bytes) override {
      auto read = file_->read_from_disk(offset, bytes);
      const std::uint64_t kept = disk_.lost_from > offset ? disk_.lost_from - offset : 0;
      if (kept < bytes.size()) std::ranges::fill(bytes.subspan(kept), std::byte{0});
      return read;
    }
    Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      return file_->write_at(offset, bytes);
    }
    Expected<void> allocate(std::uint64_t bytes) override { return file_->allocate(bytes); }
    Expected<void> sync() override { return file_->sync(); }
    void forget_cached() override { file_->forget_cached(); }
    Expected<std::unique_ptr<Mapping>> map() override { return file_->map(); }

   private:
    const ForgetfulDisk& disk_;
    std::unique_ptr<File> file_;
  };
};

class LastFrame : public LogFixture {
 protected:
  // Five frames of one event each; the offset of the last one.
  std::uint64_t five_frames() {
    open();
    append(5);
    crash();
    return kBlockBytes * 5;
  }
};

TEST_F(LastFrame, AReaderIsNotShownWhatOnlyThePageCacheHolds) {
  ForgetfulDisk disk;
  disk.lost_from = five_frames();
  const auto reader = LogReader::open(disk, directory_);
  ASSERT_TRUE(reader) << reader.error().text;
  EXPECT_EQ((*reader)->durable(), Position{4});
  expect_all(**reader, 1, 4);
  disk.lost_from = ~std::uint64_t{0};  // it was on its way, and has arrived
  EXPECT_EQ((*reader)->refresh(), Position{5});
  expect_all(**reader, 1, 5);
}

TEST_F(LastFrame, AWriterCutsWhatOnlyThePageCacheHoldsAndSaysSo) {
  ForgetfulDisk disk;
  disk.lost_from = five_frames();
  {
    const auto log = Log::open(disk, directory_, small_segments());
    ASSERT_TRUE(log) << log.error().text;
    EXPECT_EQ((*log)->durable(), Position{4});
    EXPECT_NE((*log)->recovery().text.find("not on the disk"), std::string::npos) << (*log)->recovery().text;
  }
  open();  // on an honest disk: the cut itself has reached it
  expect_all(*log_, 1, 4);
}

TEST_F(LastFrame, AReadModelThatHasSeenItMakesItMissingHistory) {
  ForgetfulDisk disk;
  disk.lost_from = five_frames();
  LogOptions options = small_segments();
  options.known_durable = Position{5};
  const auto log = Log::open(disk, directory_, options);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::damaged);
}

TEST_F(LastFrame, GarbageBetweenItsRecordsAndItsTrailerIsZeroed) {
  const std::uint64_t begin = five_frames();
  const std::uint64_t padding = begin + kBlockBytes - kFrameTrailerBytes - 600;
  write_at(last_segment(), padding, std::string(512, 'g'));
  ASSERT_FALSE(verify(environment_, directory_));
  open();
  expect_all(*log_, 1, 5);
  log_.reset();
  const auto verified = verify(environment_, directory_);
  EXPECT_TRUE(verified) << verified.error().text;
}

TEST_F(LastFrame, TheDiskIsReadPastTheCacheAndSaysTheSame) {
  five_frames();
  auto file = environment_.open(last_segment(), OpenMode::read);
  ASSERT_TRUE(file);
  std::vector<std::byte> cached(8 * kBlockBytes), held(cached.size());
  ASSERT_TRUE((*file)->read_at(0, cached));
  ASSERT_TRUE((*file)->read_from_disk(0, held));
  EXPECT_EQ(cached, held);
  EXPECT_FALSE((*file)->read_from_disk(64ull << 20, held)) << "behind the end of the file";
}

}  // namespace
}  // namespace vigil::eventlog
