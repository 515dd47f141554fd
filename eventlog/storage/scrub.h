// Reads cold history again and again, slowly, so that a disk that forgets is noticed while a backup still exists.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/scrub_progress.h"
#include "eventlog/storage/scrub_status.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

struct ScrubOptions {
  static constexpr std::uint64_t kUnlimited = UINT64_MAX;

  std::uint64_t bytes_per_second = 8 << 20;
  // A pass over all sealed segments begins at the earliest so long after the one before began: reading a small log all
  // day would tell nothing more.
  std::chrono::seconds pass_period = std::chrono::hours(24);
  std::filesystem::path progress_file;  // how far it came, across restarts; "" keeps it in memory alone
};

// Checks sealed segments whole, as `vigil verify --log` does. What it reads comes from the disk and leaves no trace in
// the page cache, but for pages that readers have mapped. A segment that cannot be read, or is not what was written, is
// an alarm in status() and an error in the program's log until a later pass finds it whole; nothing else stops.
// status() is thread-safe; pass() and start() exclude each other.
class Scrub {
 public:
  Scrub(Environment& environment, std::filesystem::path directory, ScrubOptions options);
  ~Scrub();  // ends the thread at the next piece it reads

  // One pass, or the rest of one, in the calling thread. False when it was ended early.
  bool pass();
  // Passes in a patient thread of their own from now on.
  void start();
  ScrubStatus status() const;

 private:
  void run();
  std::chrono::milliseconds until_due() const;
  bool wait(std::chrono::milliseconds time);  // false when stopping
  bool stopping() const;
  std::optional<std::vector<SegmentHeader>> headers();
  void forget_what_is_gone(const std::vector<SegmentHeader>& headers);  // under mutex_
  bool check(const SegmentHeader& header, const SegmentHeader& following);
  void forget_cached(const SegmentHeader& header);
  Expected<void> after_piece(File& file, std::uint64_t bytes);
  void found(std::uint64_t first_position, const std::string& damage);  // "" is none
  void save();

  Environment& environment_;
  const std::filesystem::path directory_;
  const ScrubOptions options_;
  std::unique_ptr<Monitor> monitor_;
  bool stop_ = false;                             // under monitor_
  std::uint64_t cached_bytes_ = 0, owed_us_ = 0;  // of the segment being read; time by which it ran ahead

  mutable std::mutex mutex_;  // guards what status() tells
  ScrubProgress progress_;
  std::uint64_t bytes_ = 0, passes_ = 0;
  std::unique_ptr<Thread> thread_;
};

}  // namespace vigil::eventlog
