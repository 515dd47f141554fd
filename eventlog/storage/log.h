// The log: opening, appending, reading. The one header the rest of Vigil needs of storage/.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/storage/error.h"
#include "eventlog/storage/frame_builder.h"
#include "eventlog/storage/record.h"

namespace vigil::eventlog {

class Environment;

struct LogOptions {
  std::uint64_t segment_bytes = 256ull << 20;  // multiple of 4 KiB, at least 1 MiB
  std::uint64_t frame_bytes_max = 4ull << 20;  // one commit; lowered to a quarter of a segment if larger
  // The furthest checkpoint of any read model: a log that ends before it has lost history and is refused.
  Position known_durable{};
  std::string known_durable_of;    // the log's id as that model knows it; "" is any. Another log is not measured by it
  bool look_behind_later = false;  // leaves a part of recovery to Log::look_behind()
};

// What opening found and did, for the operator.
struct RecoveryReport {
  bool clean_shutdown = false;
  std::uint64_t torn_bytes_cut = 0;  // bytes of an unacknowledged tail that were zeroed
  std::string text;                  // one line, empty when there is nothing to say
};

// Forward reading, in place, of what is durable. One cursor per thread; any number at once, also while the writer runs.
// Records stay valid until the Log or LogReader goes; archived ones until their cursor returned 4,096 more, or goes.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // The next durable record, or nothing when the cursor has caught up. Damage is an error and stays one.
  virtual Expected<std::optional<Record>> next() = 0;
  // Waits until the next record is durable, `timeout` has passed, or the source is closing.
  // True when next() will return a record.
  virtual bool wait(std::chrono::milliseconds timeout) = 0;
};

// Reads a log, with or without a writer in this process. Thread-safe.
class LogSource {
 public:
  virtual ~LogSource() = default;
  virtual Position durable() const = 0;  // the last durable position; 0 when the log is empty
  virtual std::string id() const = 0;    // the log's id: 32 hex digits
  // A cursor whose first record is `from` (1-based). `from` may be durable()+1.
  virtual Expected<std::unique_ptr<Cursor>> read_from(Position from) const = 0;
  // The durable record at an address the log gave, else not_found. An archived one: until its thread asks for 64 more.
  virtual Expected<Record> at(Address address) const = 0;
  virtual Expected<Record> at(Position position) const = 0;
  // The first position whose ingest time is at or after `time`; durable()+1 when there is none.
  virtual Expected<Position> first_at_or_after(IngestTime time) const = 0;
  // Addresses of durable records with this key, newest first, from the segments' id indexes.
  virtual Expected<std::vector<Address>> find_key(std::uint64_t key) const = 0;
};

// The writing side: one per directory and process. Threads: builder(), try_commit() and settle() belong to
// the deciding thread; everything of LogSource is thread-safe.
class Log : public LogSource {
 public:
  // Locks `directory`, recovers, starts the commit thread and the thread that prepares segments.
  // Errors: locked, damaged (names file and offset), io, full, unsupported_version. `directory` is created.
  static Expected<std::unique_ptr<Log>> open(Environment& environment, const std::filesystem::path& directory,
                                             const LogOptions& options = {});

  virtual const RecoveryReport& recovery() const = 0;
  // With LogOptions::look_behind_later: finishes recovery, by reading the rest of the last segment, which must be
  // empty. To be called once before the first append, on any thread, also beside reading. A log that is refused here
  // gets no clean-shutdown marker, and nothing may be appended. Errors: damaged.
  virtual Expected<void> look_behind() = 0;

  virtual FrameBuilder& builder() = 0;
  // Hands the built frame to the commit thread if no commit is on its way; false if one is (nothing changed)
  // or the builder is empty. After true the builder is empty again and may be filled at once.
  virtual bool try_commit() = 0;
  virtual bool committing() const = 0;
  // Commits what is built and waits until all is durable. Error: poisoned.
  virtual Expected<Position> settle() = 0;
  // Called on the commit thread after each commit, with the new durable position or the failure that
  // poisoned the log. At most one listener, set before the first append.
  virtual void on_commit(std::function<void(const Expected<Position>&)> listener) = 0;
  // The record at an address that may not be durable yet (in the builder or on its way). Deciding thread
  // only; the record is valid until the next call that appends or commits.
  virtual Expected<Record> at_or_pending(Address address) const = 0;
  // Commits what is built, waits, writes the clean-shutdown marker. Called by the destructor without report.
  virtual Expected<void> close() = 0;
};

// The reading side for another process (or after the writer has gone). Syncs the tail file before it trusts
// what it sees, so that nothing undurable is ever shown. refresh() looks for more.
class LogReader : public LogSource {
 public:
  static Expected<std::unique_ptr<LogReader>> open(Environment& environment, const std::filesystem::path& directory);
  virtual Expected<Position> refresh() = 0;  // the new durable position
};

// The verdict on every segment and frame, for `vigil verify`.
struct Verification {
  std::uint64_t segments = 0, frames = 0, records = 0, bytes = 0;
  std::string head_hash_hex;  // chain hash after the last frame
  std::string torn_tail;      // empty, or what stands behind the last valid frame (never acknowledged)
};
// Reads and checks the whole log: checksums, hashes, chain, positions, times. `progress` gets bytes done
// and bytes in all. Error `damaged` names file, offset, position and kind of the first damage.
Expected<Verification> verify(Environment& environment, const std::filesystem::path& directory,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace vigil::eventlog
