// A log in a directory of its own, with a clock that stands still, and words to fill, tear and reopen it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "eventlog/storage/format.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/posix_environment.h"

namespace vigil::eventlog {

// The machine, but for a clock and random bits that are the same every time.
class FixedEnvironment : public PosixEnvironment {
 public:
  IngestTime now() override { return IngestTime{1'700'000'000'000'000}; }
  void random(std::span<std::byte> bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i + 1);
  }
};

inline LogOptions small_segments() {
  LogOptions options;
  options.segment_bytes = 1 << 20;
  return options;
}

class LogFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("vigil_" + std::to_string(::getpid()) + "_" + test->test_suite_name() + "_" + test->name());
    std::filesystem::remove_all(root_);
    directory_ = root_ / "log";
  }
  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(root_);
  }

  Expected<std::unique_ptr<Log>> try_open(LogOptions options = small_segments()) {
    return Log::open(environment_, directory_, options);
  }
  void open(LogOptions options = small_segments()) {
    log_.reset();
    auto log = try_open(options);
    ASSERT_TRUE(log) << log.error().text;
    log_ = std::move(*log);
    built_ = log_->durable().value();
  }
  // As a crash does: the process is gone without closing in order.
  void crash() {
    if (!log_) return;
    log_.reset();
    std::filesystem::remove(directory_ / "CLEAN");
  }

  // The payload says which event it is, so that a reader can tell.
  static void fill(std::span<std::byte> payload, std::uint64_t number) {
    for (std::size_t i = 0; i + 8 <= payload.size(); i += 8) {
      const std::uint64_t word = number * 1'000'003 + i;
      std::memcpy(payload.data() + i, &word, 8);
    }
  }
  static bool is_filled(std::span<const std::byte> payload, std::uint64_t number) {
    std::vector<std::byte> expected(payload.size());
    fill(expected, number);
    return std::memcmp(expected.data(), payload.data(), payload.size()) == 0;
  }
  static std::size_t payload_bytes(std::uint64_t number) { return 8 + 8 * (number % 40); }
  static std::uint64_t key_of(std::uint64_t number) { return number * 0x9E3779B97F4A7C15ull; }

  // Builds the next event. Every third has no key; links carry its number.
  Placed build(IngestTime time = IngestTime{1000}) {
    FrameBuilder& builder = log_->builder();
    builder.begin(time);
    const std::uint64_t number = ++built_;
    const std::vector<Link> links(number % 4, Link{Address{number}, Address{number / 2}});
    const std::size_t bytes = payload_bytes(number);
    const auto key = number % 3 == 0 ? std::nullopt : std::optional(key_of(number));
    auto payload = builder.begin_record(static_cast<std::uint16_t>(number % 11), 2, links, key, bytes + 64);
    fill(payload.first(bytes), number);
    const Placed placed = builder.end_record(bytes);
    EXPECT_EQ(placed.position.value(), number);
    return placed;
  }
  static void expect_event(const Record& record, std::uint64_t number) {
    ASSERT_EQ(record.position.value(), number);
    ASSERT_EQ(record.type, number % 11);
    ASSERT_EQ(record.version, 2);
    ASSERT_EQ(record.key, number % 3 == 0 ? std::nullopt : std::optional(key_of(number)));
    ASSERT_EQ(record.links.size(), number % 4);
    for (const Link& link : record.links) {
      ASSERT_EQ(link.previous.value(), number);
      ASSERT_EQ(link.jump.value(), number / 2);
    }
    ASSERT_EQ(record.payload.size(), payload_bytes(number));
    ASSERT_TRUE(is_filled(record.payload, number));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(record.payload.data()) % 8, 0u);
  }
  // Commits `frames` frames of `events` events each.
  void append(std::size_t frames, std::size_t events = 1, IngestTime time = IngestTime{1000}) {
    for (std::size_t frame = 0; frame < frames; ++frame) {
      for (std::size_t event = 0; event < events; ++event) build(time);
      const auto settled = log_->settle();
      ASSERT_TRUE(settled) << settled.error().text;
      ASSERT_EQ(settled->value(), built_);
    }
  }
  static void expect_all(const LogSource& source, std::uint64_t from, std::uint64_t to) {
    auto cursor = source.read_from(Position{from});
    ASSERT_TRUE(cursor) << cursor.error().text;
    for (std::uint64_t number = from; number <= to; ++number) {
      const auto record = (*cursor)->next();
      ASSERT_TRUE(record) << record.error().text;
      ASSERT_TRUE(record->has_value()) << "ends before position " << number;
      expect_event(**record, number);
    }
    const auto end = (*cursor)->next();
    ASSERT_TRUE(end) << end.error().text;
    ASSERT_FALSE(end->has_value());
  }

  std::vector<std::filesystem::path> files(const std::string& suffix) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().string().ends_with(suffix)) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::filesystem::path last_segment() const { return files(".seg").back(); }

  static std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write_at(const std::filesystem::path& path, std::uint64_t offset, const std::string& bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    ASSERT_TRUE(file.good());
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  static void flip_bit(const std::filesystem::path& path, std::uint64_t offset) {
    std::string byte(1, read_file(path).at(offset));
    byte[0] = static_cast<char>(byte[0] ^ 0x10);
    write_at(path, offset, byte);
  }

  std::filesystem::path root_;
  std::filesystem::path directory_;
  FixedEnvironment environment_;
  std::unique_ptr<Log> log_;
  std::uint64_t built_ = 0;
};

}  // namespace vigil::eventlog
