// Preloaded into the real server by failure_test.py: a disk that fails and a clock that jumps, when the test says, and
// a witness to the order of syncs and replies. The test and this library share one file of 64-bit numbers, mapped by
// both; VIGIL_FAULTS is its path, failure_test.py names its fields in this order.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Number = std::atomic<std::int64_t>;

struct Shared {
  // The test's wishes.
  Number sync_errno;     // the next sync of a segment fails with it, once
  Number lose;           // and then what was written since the last sync is gone, as the kernel drops such pages
  Number write_errno;    // the next frame's write fails with it, once, after half of it was written
  Number short_writes;   // so many writes of frames end early, without an error
  Number clock_step_us;  // added to the time of day
  Number sync_is_lie;    // syncs of segments do nothing and do not count: as if replies did not wait for them
  // What was seen.
  Number failed;          // errors made
  Number syncs;           // of segments
  Number touched_since;   // writes to segments and syncs of them after an error made
  Number past_cache;      // times a segment was dropped from the page cache, or opened to read past it
  Number durable;         // the last position whose sync returned
  Number positions_sent;  // numbers called "position" in what left through a socket
  Number too_early;       // of those, beyond `durable`
};

// The beginning of a frame's header, docs/log-format.md.
struct FrameStart {
  std::uint64_t magic;
  std::uint32_t payload_bytes, payload_crc;
  std::uint64_t address, first_position, epoch;
  std::int64_t ingest_time_us;
  std::uint64_t durable_through;
  unsigned char log_id[16], previous_hash[32];
  std::uint32_t event_count;
};
constexpr std::uint64_t kFrameMagic = 0x4D52'464C'4947'4956;  // "VIGILFRM"

Shared* shared() {
  static Shared* const mapped = [] {
    const char* path = std::getenv("VIGIL_FAULTS");
    const int descriptor = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
    void* at = descriptor < 0 ? MAP_FAILED : ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED) {
      std::fprintf(stderr, "fault_shim: VIGIL_FAULTS names no file of 4096 bytes\n");
      std::abort();
    }
    ::close(descriptor);
    return static_cast<Shared*>(at);
  }();
  return mapped;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// Whether the link leads to a segment.
bool names_segment(const char* link) {
  char path[4096];
  const ssize_t bytes = ::readlink(link, path, sizeof path);
  return bytes > 0 && std::string_view(path, static_cast<std::size_t>(bytes)).ends_with(".seg");
}

bool is_segment(int descriptor) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  return names_segment(link);
}

struct Range {
  off_t offset;
  std::size_t bytes;
};
std::mutex mutex;
std::vector<Range> unsynced;    // of the one segment that is written
std::int64_t last_written = 0;  // position of the last frame written whole

bool takes(Number& wish) {
  std::int64_t left = wish.load();
  while (left > 0 && !wish.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

using Write = ssize_t(int, const void*, std::size_t, off_t);

ssize_t write_frame(Write* write, int descriptor, const void* bytes, std::size_t size, off_t offset) {
  Shared& at = *shared();
  const std::lock_guard lock(mutex);
  if (at.failed > 0) ++at.touched_since;
  if (const std::int64_t error = at.write_errno.exchange(0); error != 0) {
    ++at.failed;
    write(descriptor, bytes, size / 2, offset);
    errno = static_cast<int>(error);
    return -1;
  }
  if (size > 1 && takes(at.short_writes)) size = size / 2;
  FrameStart frame{};
  if (size >= sizeof frame) std::memcpy(&frame, bytes, sizeof frame);
  if (frame.magic == kFrameMagic)
    last_written = static_cast<std::int64_t>(frame.first_position + frame.event_count - 1);
  unsynced.push_back({offset, size});
  return write(descriptor, bytes, size, offset);
}

ssize_t write_at(const char* name, int descriptor, const void* bytes, std::size_t size, off_t offset) {
  auto* write = real<Write>(name);
  if (!is_segment(descriptor)) return write(descriptor, bytes, size, offset);
  return write_frame(write, descriptor, bytes, size, offset);
}

void lose_unsynced(int descriptor) {
  auto* write = real<Write>("pwrite");
  for (const Range& range : unsynced) {
    const std::vector<char> zeros(range.bytes);
    write(descriptor, zeros.data(), zeros.size(), range.offset);
  }
}

// One socket's bytes as they leave. ZeroMQ cuts messages wherever its buffer ends, so a name or a number may come in
// two pieces; it is looked at when its end has come, against what was durable then.
class SentText {
 public:
  void add(std::string_view sent, std::int64_t durable) {
    constexpr std::string_view kName = "\"position\":";
    Shared& at = *shared();
    text_ += sent;
    std::size_t seen = 0;
    for (std::size_t found = text_.find(kName); found != text_.npos; found = text_.find(kName, seen)) {
      std::int64_t position = 0;
      const char* const end = text_.data() + text_.size();
      const auto number = std::from_chars(text_.data() + found + kName.size(), end, position);
      if (number.ptr == end) return void(text_.erase(0, found));
      seen = found + kName.size();
      ++at.positions_sent;
      if (position > durable) ++at.too_early;
    }
    text_.erase(0, text_.size() - std::min(text_.size() - seen, kName.size() - 1));
  }

 private:
  std::string text_;  // what may be the beginning of a name
};
std::map<int, SentText> sent_by_socket;
std::mutex sockets_mutex;

}  // namespace

extern "C" {

int fdatasync(int descriptor) {
  static auto* const sync = real<int(int)>("fdatasync");
  if (!is_segment(descriptor)) return sync(descriptor);
  Shared& at = *shared();
  const std::lock_guard lock(mutex);
  ++at.syncs;
  if (at.failed > 0) ++at.touched_since;
  if (const std::int64_t error = at.sync_errno.exchange(0); error != 0) {
    ++at.failed;
    if (at.lose != 0) lose_unsynced(descriptor);
    errno = static_cast<int>(error);
    return -1;
  }
  if (at.sync_is_lie != 0) return 0;
  const int result = sync(descriptor);
  unsynced.clear();
  at.durable = std::max(at.durable.load(), last_written);
  return result;
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return write_at("pwrite", descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return write_at("pwrite64", descriptor, bytes, size, offset);
}

int posix_fadvise(int descriptor, off_t offset, off_t bytes, int advice) {
  static auto* const advise = real<int(int, off_t, off_t, int)>("posix_fadvise");
  if (advice == POSIX_FADV_DONTNEED && is_segment(descriptor)) ++shared()->past_cache;
  return advise(descriptor, offset, bytes, advice);
}

int open(const char* path, int flags, ...) {
  static auto* const pass_on = real<int(const char*, int, mode_t)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const bool reads = (flags & O_ACCMODE) == O_RDONLY;
  if (reads && (flags & O_DIRECT) != 0 && names_segment(path)) ++shared()->past_cache;
  return pass_on(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  static auto* const get = real<int(clockid_t, struct timespec*)>("clock_gettime");
  const int result = get(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += shared()->clock_step_us / 1'000'000;
  return result;
}

// ZeroMQ sends every reply and every published event through this.
ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) {
  static auto* const pass_on = real<ssize_t(int, const void*, std::size_t, int)>("send");
  const std::int64_t durable = shared()->durable;
  const ssize_t sent = pass_on(descriptor, bytes, size, flags);
  const int error = errno;
  if (sent > 0) {
    const std::lock_guard lock(sockets_mutex);
    sent_by_socket[descriptor].add({static_cast<const char*>(bytes), static_cast<std::size_t>(sent)}, durable);
  }
  errno = error;
  return sent;
}

}  // extern "C"
