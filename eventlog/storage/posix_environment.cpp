#include "eventlog/storage/posix_environment.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

namespace {

// At most this much is written by one call: a kernel without preemption lets nobody else on the processor meanwhile,
// and 256 KiB take it a quarter of a millisecond.
constexpr std::size_t kWriteBytesMax = 256u << 10;
// The kernel fetches no more for one request, whatever was asked for.
constexpr off_t kFetchedAtOnce = 1 << 20;

std::unexpected<Error> refused(const std::filesystem::path& path, const char* call, int error) {
  const ErrorKind kind = error == ENOSPC || error == EDQUOT ? ErrorKind::full
                         : error == ENOENT                  ? ErrorKind::not_found
                                                            : ErrorKind::io;
  std::string text = path.string() + ": " + call + ": " + std::generic_category().message(error);
  if (kind == ErrorKind::full) text += "; free some room on this disk and start again";
  return fail(kind, std::move(text));
}

class PosixMapping : public Mapping {
 public:
  PosixMapping(void* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
  ~PosixMapping() override {
    if (bytes_ > 0) ::munmap(address_, bytes_);
  }
  std::span<const std::byte> bytes() const override { return {static_cast<const std::byte*>(address_), bytes_}; }

 private:
  void* address_;
  std::size_t bytes_;
};

class PosixFile : public File {
 public:
  PosixFile(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }

  Expected<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return refused(path_, "stat", errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Expected<void> read_at(std::uint64_t offset, std::span<std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return refused(path_, "read", errno);
      if (got == 0) {
        return fail(ErrorKind::io,
                    path_.string() + ": read at offset " + std::to_string(offset) + ": the file ends before");
      }
      bytes = bytes.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    return {};
  }

  Expected<void> read_from_disk(std::uint64_t offset, std::span<std::byte> bytes) override {
    const int direct = reopen(O_RDONLY);
    if (direct < 0) return read_at(offset, bytes);
    struct Block {
      alignas(4096) std::array<std::byte, 4096> bytes;
    };
    const auto blocks = std::make_unique<std::array<Block, 64>>();  // direct reads want aligned memory
    const std::span<std::byte> room(blocks->front().bytes.data(), sizeof *blocks);
    Expected<void> done;
    while (!bytes.empty() && done) {
      const std::size_t wanted = std::min(room.size(), bytes.size());
      const ssize_t got = ::pread(direct, room.data(), wanted, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < static_cast<ssize_t>(wanted)) {
        done = read_at(offset, bytes);  // says what is wrong, if anything is
        break;
      }
      std::memcpy(bytes.data(), room.data(), wanted);
      bytes = bytes.subspan(wanted);
      offset += wanted;
    }
    ::close(direct);
    return done;
  }

  Expected<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t put =
          ::pwrite(descriptor_, bytes.data(), std::min(bytes.size(), kWriteBytesMax), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return refused(path_, "write", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      offset += static_cast<std::uint64_t>(put);
    }
    return {};
  }

  Expected<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    alignas(4096) static constexpr std::array<std::byte, kWriteBytesMax> kZeros{};
    const int direct = reopen(O_WRONLY);
    if (direct < 0) return File::write_zeros(offset, bytes);
    while (bytes > 0) {
      const ssize_t put =
          ::pwrite(direct, kZeros.data(), std::min<std::uint64_t>(kZeros.size(), bytes), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      const int error = errno;
      if (put <= 0) {
        ::close(direct);
        return error == EINVAL ? File::write_zeros(offset, bytes) : refused(path_, "write", error);
      }
      bytes -= static_cast<std::uint64_t>(put);
      offset += static_cast<std::uint64_t>(put);
    }
    ::close(direct);
    return {};
  }

  Expected<void> allocate(std::uint64_t bytes) override {
    const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes));
    if (error != 0) return refused(path_, "allocate", error);
    return {};
  }

  Expected<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return refused(path_, "sync", errno);
    return {};
  }

  Expected<void> write_back(std::uint64_t offset, std::uint64_t bytes) override {
    constexpr unsigned kAndWait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes), kAndWait) == 0) return {};
    if (errno == ENOSYS || errno == EINVAL || errno == ESPIPE) return sync();
    return refused(path_, "write back", errno);
  }

  void will_be_read() override {
    const auto bytes = size();
    for (std::uint64_t at = 0; bytes && at < *bytes; at += kFetchedAtOnce) {
      ::posix_fadvise(descriptor_, static_cast<off_t>(at), kFetchedAtOnce, POSIX_FADV_WILLNEED);
    }
  }

  void forget_cached() override { ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }

  Expected<std::unique_ptr<Mapping>> map() override {
    auto bytes = size();
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes == 0) return std::make_unique<PosixMapping>(nullptr, 0);
    void* address = ::mmap(nullptr, *bytes, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (address == MAP_FAILED) return refused(path_, "map", errno);
    return std::make_unique<PosixMapping>(address, *bytes);
  }

 private:
  // A second descriptor of the same file that goes past the page cache; not every file system has such.
  int reopen(int access) const {
    const std::string self = "/proc/self/fd/" + std::to_string(descriptor_);
    return ::open(self.c_str(), access | O_DIRECT | O_CLOEXEC);
  }

  int descriptor_;
  std::filesystem::path path_;
};

class PosixLock : public Lock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { ::close(descriptor_); }

 private:
  int descriptor_;
};

class JoinedThread : public Thread {
 public:
  explicit JoinedThread(std::function<void()> body) : thread_(std::move(body)) {}

 private:
  std::jthread thread_;
};

class MutexMonitor : public Monitor {
 public:
  void lock() override { mutex_.lock(); }
  void unlock() override { mutex_.unlock(); }
  void wait() override {
    std::unique_lock held(mutex_, std::adopt_lock);
    changed_.wait(held);
    static_cast<void>(held.release());
  }
  void wait_for(std::chrono::milliseconds timeout) override {
    std::unique_lock held(mutex_, std::adopt_lock);
    changed_.wait_for(held, timeout);
    static_cast<void>(held.release());
  }
  void notify_all() override { changed_.notify_all(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

Expected<std::unique_ptr<File>> PosixEnvironment::open(const std::filesystem::path& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::read) flags |= O_RDONLY;
  if (mode == OpenMode::write) flags |= O_RDWR;
  if (mode == OpenMode::create) flags |= O_RDWR | O_CREAT | O_TRUNC;
  const int descriptor = ::open(path.c_str(), flags, 0644);
  if (descriptor < 0) return refused(path, mode == OpenMode::create ? "create" : "open", errno);
  return std::make_unique<PosixFile>(descriptor, path);
}

Expected<void> PosixEnvironment::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return refused(from, "rename", errno);
  return {};
}

Expected<void> PosixEnvironment::remove(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0) return refused(path, "remove", errno);
  return {};
}

Expected<void> PosixEnvironment::create_directories(const std::filesystem::path& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  const std::filesystem::path parent = path.parent_path();
  if (auto made = create_directories(parent); !made) return made;
  if (std::filesystem::create_directory(path, error); error) return refused(path, "create directory", error.value());
  return sync_directory(parent.empty() ? "." : parent);
}

Expected<std::vector<std::string>> PosixEnvironment::list(const std::filesystem::path& directory) {
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return refused(directory, "list", errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(open);
  std::sort(names.begin(), names.end());
  return names;
}

Expected<void> PosixEnvironment::sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return refused(directory, "open", errno);
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0) return refused(directory, "sync", error);
  return {};
}

Expected<std::unique_ptr<Lock>> PosixEnvironment::lock(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return refused(path, "open", errno);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return std::make_unique<PosixLock>(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (error != EWOULDBLOCK) return refused(path, "lock", error);
  return fail(ErrorKind::locked, path.string() + ": locked: another Vigil process writes here; stop it first");
}

IngestTime PosixEnvironment::now() {
  using std::chrono::system_clock;
  const auto since = system_clock::now().time_since_epoch();
  return IngestTime{std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

void PosixEnvironment::random(std::span<std::byte> bytes) {
  invariant(bytes.size() <= 256, "getrandom gives up to 256 bytes at once");
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  invariant(got == static_cast<ssize_t>(bytes.size()), "the system gives random bytes");
}

std::unique_ptr<Thread> PosixEnvironment::start_thread(std::function<void()> body) {
  return std::make_unique<JoinedThread>(std::move(body));
}

std::unique_ptr<Monitor> PosixEnvironment::make_monitor() { return std::make_unique<MutexMonitor>(); }

}  // namespace vigil::eventlog
