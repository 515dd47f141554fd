#include "commands/zstd_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

namespace vigil::commands {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

std::string errno_text(const std::string& name, const char* call) {
  return name + ": " + call + ": " + std::strerror(errno);
}

}  // namespace

struct ZstdInput::Impl {
  ~Impl() {
    if (descriptor > STDIN_FILENO) ::close(descriptor);
    ZSTD_freeDStream(stream);
  }
  std::string_view pending() const { return {buffer.data() + begin, end - begin}; }
  Expected<void> fill();
  Expected<std::size_t> decompress(std::span<char> out);

  std::string name;
  int descriptor = -1;
  std::uint64_t total = 0, taken = 0;
  std::vector<char> buffer = std::vector<char>(kReadBytes);
  std::size_t begin = 0, end = 0;  // what was read and not yet handed on
  bool file_ended = false;
  ZSTD_DStream* stream = nullptr;  // null for a plain file
  bool between_frames = true;
};

// Reads more once all before was used; at least kZstdMagic's length unless the file ends.
Expected<void> ZstdInput::Impl::fill() {
  if (begin == end) begin = end = 0;
  while (!file_ended && end - begin < kZstdMagic.size()) {
    const ssize_t got = ::read(descriptor, buffer.data() + end, buffer.size() - end);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return eventlog::fail(ErrorKind::io, errno_text(name, "read"));
    if (got == 0) file_ended = true;
    end += static_cast<std::size_t>(got);
    taken += static_cast<std::uint64_t>(got);
  }
  return {};
}

Expected<std::size_t> ZstdInput::Impl::decompress(std::span<char> out) {
  ZSTD_outBuffer target{out.data(), out.size(), 0};
  while (target.pos == 0) {
    if (begin == end) {
      if (auto filled = fill(); !filled) return std::unexpected(filled.error());
    }
    if (begin == end && between_frames) return 0;
    const bool starved = begin == end;  // then zstd may still hold output from before
    ZSTD_inBuffer source{buffer.data() + begin, end - begin, 0};
    const std::size_t left = ZSTD_decompressStream(stream, &target, &source);
    begin += source.pos;
    if (ZSTD_isError(left) != 0) {
      return eventlog::fail(ErrorKind::damaged, name + ": broken zstd data before byte " + std::to_string(taken) +
                                                    ": " + ZSTD_getErrorName(left));
    }
    between_frames = left == 0;
    if (starved && target.pos == 0 && !between_frames) {
      return eventlog::fail(ErrorKind::damaged, name + ": the zstd data ends too early, at byte " +
                                                    std::to_string(taken) + "; is the file complete?");
    }
  }
  return target.pos;
}

ZstdInput::ZstdInput(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZstdInput::~ZstdInput() = default;

Expected<std::unique_ptr<ZstdInput>> ZstdInput::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->name = path == "-" ? "stdin" : path.string();
  impl->descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (impl->descriptor < 0) {
    return eventlog::fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io, errno_text(impl->name, "open"));
  }
  struct stat status{};
  if (::fstat(impl->descriptor, &status) != 0) return eventlog::fail(ErrorKind::io, errno_text(impl->name, "fstat"));
  if (S_ISDIR(status.st_mode)) return eventlog::fail(ErrorKind::io, impl->name + ": is a directory, not a file");
  if (S_ISREG(status.st_mode)) impl->total = static_cast<std::uint64_t>(status.st_size);

  if (auto filled = impl->fill(); !filled) return std::unexpected(filled.error());
  if (impl->pending().starts_with(kZstdMagic)) {
    impl->stream = ZSTD_createDStream();
  } else if (path.extension() == ".zst") {
    return eventlog::fail(ErrorKind::damaged, impl->name + ": is not zstd data, though its name says so");
  }
  return std::unique_ptr<ZstdInput>(new ZstdInput(std::move(impl)));
}

Expected<std::size_t> ZstdInput::read(std::span<char> out) {
  Impl& impl = *impl_;
  if (out.empty()) return 0;
  if (impl.stream != nullptr) return impl.decompress(out);
  if (impl.begin == impl.end) {
    if (auto filled = impl.fill(); !filled) return std::unexpected(filled.error());
  }
  const std::size_t count = std::min(out.size(), impl.end - impl.begin);
  std::memcpy(out.data(), impl.buffer.data() + impl.begin, count);
  impl.begin += count;
  return count;
}

std::uint64_t ZstdInput::bytes_done() const { return impl_->taken - (impl_->end - impl_->begin); }
std::uint64_t ZstdInput::bytes_total() const { return impl_->total; }
const std::string& ZstdInput::name() const { return impl_->name; }

}  // namespace vigil::commands
