// The seam between the log and the machine: every file, clock, random bit, thread and wait of eventlog
// comes through here, so that tests can run the log on a disk that tears, fills up and fails, in any order of
// events.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eventlog/storage/error.h"
#include "eventlog/storage/position.h"

namespace vigil::eventlog {

// A whole file mapped for reading; it shows what is written to the file later too. Unmapped on destruction.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::span<const std::byte> bytes() const = 0;
};

// An open file, closed on destruction. Thread-safe as pread and pwrite are. Errors: io, full.
class File {
 public:
  virtual ~File() = default;
  virtual Expected<std::uint64_t> size() = 0;
  // Fills `bytes` or is an error; reading past the end is one (io).
  virtual Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) = 0;
  // The same, as the disk has it: past the page cache, which after a failed sync may show what was never written.
  // Whole 4 KiB blocks.
  // Where the system cannot do that it is read_at().
  virtual Expected<void> read_from_disk(std::uint64_t offset, std::span<std::byte> bytes);
  // Writes all of `bytes` or is an error, after which any part may have been written.
  virtual Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Writes zeros to whole 4 KiB blocks, past the page cache where the system can: they are not read soon.
  virtual Expected<void> write_zeros(std::uint64_t offset, std::uint64_t bytes);
  // Reserves room for the first `bytes` bytes, so that a full disk is noticed before it is written to.
  virtual Expected<void> allocate(std::uint64_t bytes) = 0;
  // What was written is on the disk once this returned without error (fdatasync). Never retried.
  virtual Expected<void> sync() = 0;
  // Brings what was written there out of the page cache and waits, so that little gathers before sync(); durable it is
  // only then. Where the system cannot do that it is sync().
  virtual Expected<void> write_back(std::uint64_t offset, std::uint64_t bytes);
  // A hint that all of it is read soon: the system may fetch it meanwhile.
  virtual void will_be_read() {}
  // Makes the next reads come from the disk instead of the page cache, as far as the system can.
  virtual void forget_cached() = 0;
  virtual Expected<std::unique_ptr<Mapping>> map() = 0;
};

// Held until destroyed.
class Lock {
 public:
  virtual ~Lock() = default;
};

// A running thread; the destructor joins it.
class Thread {
 public:
  virtual ~Thread() = default;
};

// A lock with a condition. Thread-safe; std::unique_lock and std::lock_guard hold it.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void lock() = 0;
  virtual void unlock() = 0;
  // Both require the lock, give it up while they wait, and hold it again when they return: after a
  // notification, after `timeout`, or for no reason.
  virtual void wait() = 0;
  virtual void wait_for(std::chrono::milliseconds timeout) = 0;
  virtual void notify_all() = 0;  // with or without the lock

  template <class Condition>
  void wait_until(Condition condition) {
    while (!condition()) wait();
  }
};

enum class OpenMode {
  read,
  write,   // an existing file, for reading and writing
  create,  // for reading and writing, empty: what was there is gone
};

// Thread-safe. Every error's text carries the path, the call and the reason.
class Environment {
 public:
  virtual ~Environment() = default;
  virtual Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) = 0;
  virtual Expected<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual Expected<void> remove(const std::filesystem::path& path) = 0;
  // The directory and those above it, as far as there are none; durable in each other when it returns.
  virtual Expected<void> create_directories(const std::filesystem::path& path) = 0;
  // Names of the files in a directory, sorted.
  virtual Expected<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  // Makes creations, renames and removals in the directory durable.
  virtual Expected<void> sync_directory(const std::filesystem::path& directory) = 0;
  // Error: locked, at once, when another holder has it.
  virtual Expected<std::unique_ptr<Lock>> lock(const std::filesystem::path& path) = 0;
  virtual IngestTime now() = 0;
  virtual void random(std::span<std::byte> bytes) = 0;
  virtual std::unique_ptr<Thread> start_thread(std::function<void()> body) = 0;
  virtual std::unique_ptr<Monitor> make_monitor() = 0;
};

}  // namespace vigil::eventlog
