#include "tests/simulation/environment.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace vigil::simulation {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

namespace {

constexpr std::size_t kTraceLinesMax = 2000;
// The virtual clock begins here: 2026-01-01.
constexpr std::int64_t kClockBeginUs = 1'767'225'600ll * 1'000'000;
constexpr std::int64_t kJumpMaxUs = 3600ll * 1'000'000;

}  // namespace

class SimulatedEnvironment::SimulatedMapping : public eventlog::Mapping {
 public:
  explicit SimulatedMapping(std::shared_ptr<Inode> inode) : inode_(std::move(inode)), bytes_(inode_->bytes) {}
  std::span<const std::byte> bytes() const override { return {inode_->cache.bytes(), bytes_}; }

 private:
  std::shared_ptr<Inode> inode_;
  std::uint64_t bytes_;
};

class SimulatedEnvironment::SimulatedFile : public eventlog::File {
 public:
  SimulatedFile(SimulatedEnvironment& environment, std::filesystem::path path, std::shared_ptr<Inode> inode)
      : environment_(environment), path_(std::move(path)), inode_(std::move(inode)) {}

  Expected<std::uint64_t> size() override { return inode_->bytes; }

  Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    const Fate fate = environment_.fate_of_reading("read", path_);
    if (fate != Fate::goes_on) return environment_.refused(fate, path_, "read");
    if (offset + bytes.size() > inode_->bytes) {
      return fail(ErrorKind::io,
                  path_.string() + ": read at offset " + std::to_string(offset) + ": the file ends before");
    }
    std::memcpy(bytes.data(), inode_->cache.bytes() + offset, bytes.size());
    return {};
  }

  // Reading past the cache brings to the disk what is on its way there, as Linux does; that is not a sync.
  Expected<void> read_from_disk(std::uint64_t offset, std::span<std::byte> bytes) override {
    if (auto done = read_at(offset, bytes); !done) return done;
    inode_->read_from_disk(offset, bytes);
    return {};
  }

  Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const Fate fate =
        environment_.fate("write", path_, environment_.faults_.write_fails, environment_.faults_.disk_full);
    if (fate != Fate::goes_on) {
      if (fate != Fate::full) write_some(offset, bytes);
      return environment_.refused(fate, path_, "write");
    }
    std::uint64_t where = offset;
    if (environment_.random_.per_mille(environment_.faults_.misdirected) &&
        inode_->bytes >= bytes.size() + kSectorBytes) {
      where = environment_.random_.below((inode_->bytes - bytes.size()) / kSectorBytes) * kSectorBytes;
      environment_.misdirected_ = environment_.misdirected_ || where != offset;
    }
    if (environment_.tracing_) {
      environment_.note("  at " + std::to_string(where) + (where == offset ? "" : " (misdirected)") + ", " +
                        std::to_string(bytes.size()) + " bytes");
    }
    inode_->write(where, bytes);
    return {};
  }

  Expected<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    const Fate fate =
        environment_.fate("write zeros", path_, environment_.faults_.write_fails, environment_.faults_.disk_full);
    if (fate != Fate::goes_on) return environment_.refused(fate, path_, "write");
    inode_->write_zeros(offset, bytes);
    return {};
  }

  Expected<void> allocate(std::uint64_t bytes) override {
    const Fate fate =
        environment_.fate("allocate", path_, environment_.faults_.other_call_fails, environment_.faults_.disk_full);
    if (fate != Fate::goes_on) return environment_.refused(fate, path_, "allocate");
    if (!environment_.disk_.allocate(*inode_, bytes)) return environment_.refused(Fate::full, path_, "allocate");
    return {};
  }

  Expected<void> sync() override {
    if (environment_.random_.per_mille(environment_.faults_.slow)) environment_.scheduler_.sleep(20'000);
    const Fate fate = environment_.fate("sync", path_, environment_.faults_.sync_fails, 0);
    if (fate == Fate::fails) inode_->lose_unsynced(environment_.random_);
    // As Linux does it since 4.13: a failure is told once to everybody who has the file open.
    const bool failed = std::exchange(failures_told_, inode_->failures) != inode_->failures;
    if (fate != Fate::goes_on) return environment_.refused(fate, path_, "sync");
    if (failed) return environment_.refused(Fate::fails, path_, "sync");
    inode_->sync();
    return {};
  }

  // As a page cache does it: clean pages are read anew, those not yet written back stay.
  void forget_cached() override {
    if (environment_.gone_ || !inode_->unsynced.empty()) return;
    if (inode_->touched) std::memcpy(inode_->cache.bytes(), inode_->disk.bytes(), inode_->bytes);
  }

  Expected<std::unique_ptr<eventlog::Mapping>> map() override { return std::make_unique<SimulatedMapping>(inode_); }

 private:
  // A write that was under way: any of its sectors.
  void write_some(std::uint64_t offset, std::span<const std::byte> bytes) {
    for (std::uint64_t at = 0; at < bytes.size(); at += kSectorBytes) {
      if (environment_.random_.coin()) {
        inode_->write(offset + at, bytes.subspan(at, std::min<std::uint64_t>(kSectorBytes, bytes.size() - at)));
      }
    }
  }

  SimulatedEnvironment& environment_;
  std::filesystem::path path_;
  std::shared_ptr<Inode> inode_;
  std::uint64_t failures_told_ = inode_->failures;
};

class SimulatedEnvironment::SimulatedLock : public eventlog::Lock {
 public:
  SimulatedLock(std::set<std::string>& locked, std::string path) : locked_(locked), path_(std::move(path)) {}
  ~SimulatedLock() override { locked_.erase(path_); }

 private:
  std::set<std::string>& locked_;
  std::string path_;
};

SimulatedEnvironment::SimulatedEnvironment(Random& random, Scheduler& scheduler, Disk& disk, const Faults& faults)
    : random_(random), scheduler_(scheduler), disk_(disk), faults_(faults) {}

void SimulatedEnvironment::note(const std::string& text) {
  if (!tracing_) return;
  trace_.push_back(std::to_string(scheduler_.now_us()) + " us  " + text);
  if (trace_.size() > kTraceLinesMax) trace_.pop_front();
}

SimulatedEnvironment::Fate SimulatedEnvironment::fate(const char* call, const std::filesystem::path& path,
                                                      std::uint64_t fails_per_mille, std::uint64_t full_per_mille) {
  scheduler_.yield();
  Fate fate = Fate::goes_on;
  if (gone_) {
    fate = Fate::full;  // nothing reaches the disk
  } else if (++calls_ == faults_.ends_after_calls) {
    gone_ = true;
    fate = Fate::ends;
  } else if (random_.per_mille(fails_per_mille)) {
    fate = Fate::fails;
  } else if (random_.per_mille(full_per_mille)) {
    fate = Fate::full;
  }
  failed_ = failed_ || fate != Fate::goes_on;
  if (tracing_ && !(gone_ && fate == Fate::full)) {
    note(std::string(call) + " " + path.filename().string() +
         (fate == Fate::ends    ? ": THE PROCESS ENDS"
          : fate == Fate::fails ? ": FAILS"
          : fate == Fate::full  ? ": FULL"
                                : ""));
  }
  return fate;
}

SimulatedEnvironment::Fate SimulatedEnvironment::fate_of_reading(const char* call, const std::filesystem::path& path) {
  if (gone_) return Fate::ends;
  if (!random_.per_mille(faults_.other_call_fails)) return Fate::goes_on;
  failed_ = true;
  note(std::string(call) + " " + path.filename().string() + ": FAILS");
  return Fate::fails;
}

std::unexpected<eventlog::Error> SimulatedEnvironment::refused(Fate fate, const std::filesystem::path& path,
                                                               const char* call) {
  const bool full = fate == Fate::full && !gone_;
  return fail(
      full ? ErrorKind::full : ErrorKind::io,
      path.string() + ": " + call + ": " + (full ? "No space left on device" : "Input/output error") + " (simulated)");
}

Expected<std::unique_ptr<eventlog::File>> SimulatedEnvironment::open(const std::filesystem::path& path,
                                                                     eventlog::OpenMode mode) {
  const bool creates = mode == eventlog::OpenMode::create;
  const Fate fate = creates ? this->fate("create", path, faults_.other_call_fails, 0) : fate_of_reading("open", path);
  if (fate != Fate::goes_on) return refused(fate, path, "open");
  auto inode = creates ? disk_.create(path) : disk_.find(path);
  if (inode == nullptr) return fail(ErrorKind::not_found, path.string() + ": open: No such file or directory");
  return std::make_unique<SimulatedFile>(*this, path, std::move(inode));
}

Expected<void> SimulatedEnvironment::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  const Fate fate = this->fate("rename", to, faults_.other_call_fails, 0);
  if (fate != Fate::goes_on) return refused(fate, from, "rename");
  if (!disk_.rename(from, to)) return fail(ErrorKind::not_found, from.string() + ": rename: No such file or directory");
  return {};
}

Expected<void> SimulatedEnvironment::remove(const std::filesystem::path& path) {
  const Fate fate = this->fate("remove", path, faults_.other_call_fails, 0);
  if (fate != Fate::goes_on) return refused(fate, path, "remove");
  if (!disk_.remove(path)) return fail(ErrorKind::not_found, path.string() + ": remove: No such file or directory");
  return {};
}

Expected<void> SimulatedEnvironment::create_directories(const std::filesystem::path& path) {
  if (gone_) return refused(Fate::ends, path, "create directory");
  return {};
}

Expected<std::vector<std::string>> SimulatedEnvironment::list(const std::filesystem::path& directory) {
  if (gone_) return refused(Fate::ends, directory, "list");
  return disk_.list(directory);
}

Expected<void> SimulatedEnvironment::sync_directory(const std::filesystem::path& directory) {
  const Fate fate = this->fate("sync directory", directory, faults_.sync_fails, 0);
  if (fate != Fate::goes_on) return refused(fate, directory, "sync");
  disk_.sync_directory(directory);
  return {};
}

Expected<std::unique_ptr<eventlog::Lock>> SimulatedEnvironment::lock(const std::filesystem::path& path) {
  if (!locked_.insert(path.string()).second) return fail(ErrorKind::locked, path.string() + ": locked");
  return std::make_unique<SimulatedLock>(locked_, path.string());
}

eventlog::IngestTime SimulatedEnvironment::now() {
  if (random_.per_mille(faults_.clock_jumps)) {
    clock_offset_us_ += static_cast<std::int64_t>(random_.below(2 * kJumpMaxUs)) - kJumpMaxUs;
    note("the clock jumps");
  }
  return eventlog::IngestTime{kClockBeginUs + scheduler_.now_us() + clock_offset_us_};
}

void SimulatedEnvironment::random(std::span<std::byte> bytes) {
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.next());
}

std::unique_ptr<eventlog::Thread> SimulatedEnvironment::start_thread(std::function<void()> body) {
  return scheduler_.start(std::move(body));
}

std::unique_ptr<eventlog::Monitor> SimulatedEnvironment::make_monitor() { return scheduler_.make_monitor(); }

}  // namespace vigil::simulation
