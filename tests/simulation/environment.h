// The machine as the log sees it, made of a scheduler, a disk and a seed: one object per boot.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "eventlog/storage/environment.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/scheduler.h"

namespace vigil::simulation {

// How often what goes wrong, per mille of calls; and when the boot ends.
struct Faults {
  std::uint64_t write_fails = 0, sync_fails = 0, other_call_fails = 0;  // EIO
  std::uint64_t disk_full = 0;                                          // ENOSPC, of writes and allocations
  std::uint64_t misdirected = 0;                                        // a write that lands elsewhere
  std::uint64_t slow = 0;                                               // a sync that takes long
  std::uint64_t clock_jumps = 0;                                        // of looks at the clock
  std::uint64_t ends_after_calls = 0;  // the process is gone in the middle of this changing call; 0: never

  bool any() const { return write_fails + sync_fails + other_call_fails + disk_full + misdirected > 0; }
};

// Thread-safe by the scheduler. Once the process is "gone" every call fails and nothing reaches the disk any more,
// so that the objects of that boot can be destroyed in order.
class SimulatedEnvironment : public eventlog::Environment {
 public:
  SimulatedEnvironment(Random& random, Scheduler& scheduler, Disk& disk, const Faults& faults);

  bool gone() const { return gone_; }
  // As if by kill -9 between two calls.
  void go() { gone_ = true; }
  bool failed() const { return failed_; }            // some call was made to fail
  bool misdirected() const { return misdirected_; }  // some write landed elsewhere
  void stop_faults() { faults_ = {}; }
  // The last calls, oldest first, when told to keep them.
  void keep_trace(bool keep) { tracing_ = keep; }
  const std::deque<std::string>& trace() const { return trace_; }
  void note(const std::string& text);

  eventlog::Expected<std::unique_ptr<eventlog::File>> open(const std::filesystem::path& path,
                                                           eventlog::OpenMode mode) override;
  eventlog::Expected<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  eventlog::Expected<void> remove(const std::filesystem::path& path) override;
  eventlog::Expected<void> create_directories(const std::filesystem::path& path) override;
  eventlog::Expected<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  eventlog::Expected<void> sync_directory(const std::filesystem::path& directory) override;
  eventlog::Expected<std::unique_ptr<eventlog::Lock>> lock(const std::filesystem::path& path) override;
  eventlog::IngestTime now() override;
  void random(std::span<std::byte> bytes) override;
  std::unique_ptr<eventlog::Thread> start_thread(std::function<void()> body) override;
  std::unique_ptr<eventlog::Monitor> make_monitor() override;

 private:
  class SimulatedFile;
  class SimulatedMapping;
  class SimulatedLock;
  // What a call that changes something meets: it may fail, or be the one in which the process ends.
  enum class Fate { goes_on, fails, full, ends };
  Fate fate(const char* call, const std::filesystem::path& path, std::uint64_t fails_per_mille,
            std::uint64_t full_per_mille);
  // Reading changes nothing and is no point where others go on: the log reads with locks held that are not the
  // scheduler's.
  Fate fate_of_reading(const char* call, const std::filesystem::path& path);
  std::unexpected<eventlog::Error> refused(Fate fate, const std::filesystem::path& path, const char* call);

  Random& random_;
  Scheduler& scheduler_;
  Disk& disk_;
  Faults faults_;
  std::uint64_t calls_ = 0;
  bool gone_ = false, failed_ = false, misdirected_ = false;
  std::int64_t clock_offset_us_ = 0;
  std::set<std::string> locked_;
  bool tracing_ = false;
  std::deque<std::string> trace_;
};

}  // namespace vigil::simulation
