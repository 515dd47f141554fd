// How long opening takes, and what it reads: sealed segments by their ends alone, whatever the log's length.
//
// The log is forged: sealed segments are files of holes with a header, and one frame at the end that the next header
// continues from; the last one is full of real frames. VIGIL_OPENING_MIB=256 VIGIL_OPENING_SEALED=79 measures 20 GB
// (docs/performance.md "Opening"); without them the log is small.
#include <cstdlib>
#include <map>

#include "eventlog/storage/frame.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_index.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

// Counts the bytes that are read of each file by read_at().
class CountingEnvironment : public FixedEnvironment {
 public:
  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  std::uint64_t read_of(const std::string& suffix) {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [name, bytes] : read_) sum += name.ends_with(suffix) ? bytes : 0;
    return sum;
  }
  std::uint64_t mapped_of(const std::string& suffix) {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [name, times] : mapped_) sum += name.ends_with(suffix) ? times : 0;
    return sum;
  }

 private:
  class CountingFile;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> read_, mapped_;
};

class CountingEnvironment::CountingFile : public File {
 public:
  CountingFile(CountingEnvironment& environment, std::string name, std::unique_ptr<File> file)
      : environment_(environment), name_(std::move(name)), file_(std::move(file)) {}
  Expected<std::uint64_t> size() override { return file_->size(); }
  Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    {
      const std::lock_guard lock(environment_.mutex_);
      environment_.read_[name_] += bytes.size();
    }
    return file_->read_at(offset, bytes);
  }
  Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return file_->write_at(offset, bytes);
  }
  Expected<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    return file_->write_zeros(offset, bytes);
  }
  Expected<void> allocate(std::uint64_t bytes) override { return file_->allocate(bytes); }
  Expected<void> sync() override { return file_->sync(); }
  void forget_cached() override { file_->forget_cached(); }
  Expected<std::unique_ptr<Mapping>> map() override {
    {
      const std::lock_guard lock(environment_.mutex_);
      ++environment_.mapped_[name_];
    }
    return file_->map();
  }

 private:
  CountingEnvironment& environment_;
  const std::string name_;
  std::unique_ptr<File> file_;
};

Expected<std::unique_ptr<File>> CountingEnvironment::open(const std::filesystem::path& path, OpenMode mode) {
  auto file = FixedEnvironment::open(path, mode);
  if (!file) return file;
  return std::make_unique<CountingFile>(*this, path.filename(), std::move(*file));
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class OpeningTest : public LogFixture {
 protected:
  static constexpr std::uint32_t kEvents = 150;  // per frame, of 400 bytes each
  static constexpr std::uint32_t kEventBytes = 400;

  void forge(std::uint64_t sealed) {
    std::filesystem::create_directories(directory_);
    chain_.log_id[0] = std::byte{1};
    chain_.hash = genesis_hash(chain_.log_id);
    chain_.epoch = 1;
    for (std::uint64_t i = 0; i < sealed; ++i) {
      begin_segment();
      chain_.address = base_ + segment_bytes_ - frame_bytes_;
      add_frame();
      write_index();
      base_ += segment_bytes_;
    }
    begin_segment();
    const std::uint64_t largest =
        std::min<std::uint64_t>(4 << 20, segment_bytes_ / 4);  // where it does not fit, a new one
    while (chain_.address + largest <= base_ + segment_bytes_) add_frame();
    file_.reset();
  }

  void begin_segment() {
    SegmentHeader header;
    header.frame_bytes_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(4 << 20, segment_bytes_ / 4));
    header.log_id = chain_.log_id;
    header.epoch = chain_.epoch;
    header.first_position = chain_.next_position;
    header.base_address = base_;
    header.segment_bytes = segment_bytes_;
    header.previous_end_address = base_ == 0 ? 0 : chain_.address;
    header.previous_hash = chain_.hash;
    file_ = *environment_.open(directory_ / segment_name(header.first_position), OpenMode::create);
    ASSERT_TRUE(file_->write_at(segment_bytes_ - kBlockBytes, std::vector<std::byte>(kBlockBytes)));
    ASSERT_TRUE(file_->write_at(0, encode_segment_header(header)));
    chain_.address = base_ + kBlockBytes;
  }

  void add_frame() {
    FrameHeader header;
    header.payload_bytes = kEvents * kEventBytes;
    header.address = chain_.address;
    header.first_position = chain_.next_position;
    header.epoch = chain_.epoch;
    header.ingest_time_us = 1000 + static_cast<std::int64_t>(chain_.next_position);
    header.durable_through = chain_.next_position - 1;
    header.log_id = chain_.log_id;
    header.previous_hash = chain_.hash;
    header.event_count = kEvents;
    for (std::uint32_t i = 0; i < kEvents; ++i) {
      const std::uint32_t distance = kFrameHeaderBytes + i * kEventBytes;
      const RecordHeader record{kEventBytes, 1, 1, distance, i << 8 | kHasKey};
      const std::uint64_t key = key_of(chain_.next_position + i);
      std::memcpy(frame_.data() + distance, &record, sizeof record);
      std::memcpy(frame_.data() + distance + sizeof record, &key, sizeof key);
    }
    const Hash hash = seal_frame(frame_, header, sha_);
    ASSERT_TRUE(file_->write_at(chain_.address - base_, frame_));
    advance(chain_, Frame{header, {}, hash, frame_bytes_});
  }

  // As large as that of a full segment.
  void write_index() {
    GrowingIndex index(segment_bytes_);
    std::vector<KeyPlace> keys(segment_bytes_ / kEventBytes);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = {key_of(i), static_cast<std::uint32_t>(i + 1024)};
    index.add({chain_.next_position - kEvents, 0, chain_.address - base_ - frame_bytes_}, keys);
    const auto bytes = index.encode(chain_.log_id, base_);
    auto file = environment_.open(directory_ / index_name(chain_.next_position - kEvents), OpenMode::create);
    ASSERT_TRUE(file && (*file)->write_at(0, bytes));
  }

  const std::uint64_t segment_bytes_ = number_from("VIGIL_OPENING_MIB", 1) << 20;
  const std::uint64_t frame_bytes_ = frame_bytes(kEvents * kEventBytes);
  std::vector<std::byte> frame_ = std::vector<std::byte>(frame_bytes(kEvents * kEventBytes));
  ChainState chain_;
  std::uint64_t base_ = 0;
  std::unique_ptr<File> file_;
  Sha256 sha_;
};

TEST_F(OpeningTest, SealedSegmentsCostTheirHeadersAndTheirEnds) {
  const std::uint64_t sealed = number_from("VIGIL_OPENING_SEALED", 60);
  forge(sealed);
  CountingEnvironment counting;
  LogOptions options;
  options.segment_bytes = segment_bytes_;
  const auto began = std::chrono::steady_clock::now();
  auto log = Log::open(counting, directory_, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  ASSERT_TRUE(log) << log.error().text;
  EXPECT_FALSE((*log)->recovery().clean_shutdown);
  EXPECT_EQ((*log)->durable().value(), chain_.next_position - 1);
  std::printf("opened %llu sealed segments and a full active one of %llu MiB in %.3f s\n",
              static_cast<unsigned long long>(sealed), static_cast<unsigned long long>(segment_bytes_ >> 20),
              seconds.count());
  // A block for the header, some hundred bytes for its last frame; recovery may look at an end twice.
  const std::string active = segment_name(0).substr(20);
  const std::uint64_t read_of_sealed = counting.read_of(active) - counting.read_of(last_segment().filename());
  EXPECT_LE(read_of_sealed, sealed * (kBlockBytes + 1024));
  EXPECT_EQ(counting.mapped_of(".seg"), counting.mapped_of(last_segment().filename()));
  (*log).reset();
  EXPECT_LE(counting.read_of(".idx"), sealed * 1024) << "side files are read when they are asked";
  EXPECT_EQ(counting.mapped_of(".idx"), 0u);
}

}  // namespace
}  // namespace vigil::eventlog
