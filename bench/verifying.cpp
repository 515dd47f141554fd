// How fast a log is proved, beside what the disk and the hash functions of this machine give.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/report.h"
#include "eventlog/storage/checksum.h"
#include "eventlog/storage/format.h"
#include "eventlog/storage/posix_environment.h"
#include "eventlog/storage/verify.h"

namespace vigil::bench {

namespace {

constexpr std::uint64_t kSegmentBytes = 64 << 20;
constexpr std::uint64_t kSegments = 8;
constexpr std::size_t kEventBytes = 400;
constexpr std::size_t kFrameEvents = 160;  // frames of 64 KiB, as under load
constexpr int kRounds = 3;                 // interleaved; the best of each counts, for the machine is never alone

std::string megabytes(double bytes, double seconds) {
  char text[64];
  std::snprintf(text, sizeof text, "%.0f MB/s", bytes / seconds / 1e6);
  return text;
}

double seconds_of(std::int64_t start_us) { return static_cast<double>(now_us() - start_us) / 1e6; }

void write_log(const std::filesystem::path& directory) {
  eventlog::PosixEnvironment environment;
  eventlog::LogOptions options;
  options.segment_bytes = kSegmentBytes;
  auto log = eventlog::Log::open(environment, directory, options);
  if (!log) give_up(log.error().text);
  std::uint64_t word = 1;
  for (std::uint64_t bytes = 0; bytes < kSegments * kSegmentBytes - kSegmentBytes / 2;) {
    eventlog::FrameBuilder& frame = (*log)->builder();
    frame.begin(environment.now());
    for (std::size_t i = 0; i < kFrameEvents; ++i) {
      auto payload = frame.begin_record(1, 1, {}, std::nullopt, kEventBytes);
      for (std::size_t at = 0; at + 8 <= payload.size(); at += 8) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        std::memcpy(payload.data() + at, &word, 8);
      }
      frame.end_record(kEventBytes);
      bytes += kEventBytes + 16;
    }
    if (const auto settled = (*log)->settle(); !settled) give_up(settled.error().text);
  }
  if (const auto closed = (*log)->close(); !closed) give_up(closed.error().text);
}

std::vector<std::filesystem::path> segments_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".seg") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

void forget_cached(const std::filesystem::path& directory) {
  for (const auto& path : segments_of(directory)) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

// Runs `work(i)` for i = 0 … count - 1 on as many threads as there are processors; returns the seconds it took.
template <class Work>
double in_parallel(std::size_t count, Work work) {
  const std::int64_t start = now_us();
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) {
      threads.emplace_back([&] {
        for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
      });
    }
  }
  return seconds_of(start);
}

// Both checks of every byte, from memory that stays in the cache.
double hashing_rate() {
  constexpr std::size_t kPieces = 4096;
  const std::vector<std::byte> piece(kFrameEvents * (kEventBytes + 16), std::byte{0x5A});
  std::atomic<unsigned> sink{0};
  const double seconds = in_parallel(kPieces, [&](std::size_t) {
    thread_local eventlog::Sha256 sha;
    sink += eventlog::crc32c(piece) + std::to_integer<unsigned>(sha.of({piece})[0]);
  });
  return static_cast<double>(kPieces * piece.size()) / seconds;
}

double reading_rate(const std::filesystem::path& directory) {
  const auto all = segments_of(directory);
  forget_cached(directory);
  const double seconds = in_parallel(all.size(), [&](std::size_t i) {
    std::vector<char> buffer(1 << 20);
    const int file = ::open(all[i].c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) give_up("cannot read " + all[i].string());
    while (::read(file, buffer.data(), buffer.size()) > 0) {
    }
    ::close(file);
  });
  return static_cast<double>(all.size() * kSegmentBytes) / seconds;
}

double verifying_rate(const std::filesystem::path& directory) {
  eventlog::PosixEnvironment environment;
  eventlog::VerifyOptions options;
  options.threads = std::max(1u, std::thread::hardware_concurrency());
  const std::int64_t start = now_us();
  const auto verified = eventlog::verify_log(environment, directory, options);
  if (!verified) give_up(verified.error().text);
  return static_cast<double>(verified->log.segments * kSegmentBytes) / seconds_of(start);
}

}  // namespace

void measure_verifying(const Settings& settings) {
  heading("Verifying: `vigil verify --log` beside its limits, one thread per processor");
  const std::filesystem::path directory = settings.scratch / "verifying";
  std::filesystem::remove_all(directory);
  write_log(directory);
  double hashing = 0, reading = 0, cold = 0, cached = 0;
  for (int round = 0; round < kRounds; ++round) {
    hashing = std::max(hashing, hashing_rate());
    reading = std::max(reading, reading_rate(directory));
    forget_cached(directory);
    cold = std::max(cold, verifying_rate(directory));
    cached = std::max(cached, verifying_rate(directory));
  }
  row("SHA-256 and CRC-32C of memory", megabytes(hashing, 1));
  row("reading the segments one after the other, cold", megabytes(reading, 1));
  const auto with_share = [](double rate_bytes, double limit) {
    char text[96];
    std::snprintf(text, sizeof text, "%s, %.0f %% of its limit", megabytes(rate_bytes, 1).c_str(),
                  100 * rate_bytes / limit);
    return std::string(text);
  };
  row("verifying, cold: the slower of both is its limit", with_share(cold, std::min(hashing, reading)));
  row("verifying, cached: hashing is its limit", with_share(cached, hashing));
  std::filesystem::remove_all(directory);
}

}  // namespace vigil::bench
