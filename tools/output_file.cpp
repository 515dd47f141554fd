#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace vigil::tools {

using eventlog::Error;
using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr int kCompressionLevel = 3;

Error system_error(const std::string& path, const char* call) {
  const ErrorKind kind = errno == ENOSPC ? ErrorKind::full : ErrorKind::io;
  return {kind, path + ": " + call + ": " + std::strerror(errno)};
}

}  // namespace

struct OutputFile::Impl {
  std::string path, temporary;
  int file = -1;
  bool in_place = false;  // stdout, or something that is no regular file (a pipe, /dev/null)
  std::string buffer;
  ZSTD_CCtx* compression = nullptr;
  std::vector<char> compressed;
  std::optional<Error> error;

  void put(const char* bytes, std::size_t size) {
    while (size > 0 && !error) {
      const ssize_t written = ::write(file, bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        error = system_error(path, "write");
        return;
      }
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  void flush(bool last) {
    if (compression == nullptr) {
      put(buffer.data(), buffer.size());
    } else {
      ZSTD_inBuffer input{buffer.data(), buffer.size(), 0};
      for (std::size_t left = 1; (left != 0 && last) || input.pos < input.size;) {
        ZSTD_outBuffer output{compressed.data(), compressed.size(), 0};
        left = ZSTD_compressStream2(compression, &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) {
          error = Error{ErrorKind::io, path + ": zstd: " + ZSTD_getErrorName(left)};
          break;
        }
        put(compressed.data(), output.pos);
      }
    }
    buffer.clear();
  }
};

OutputFile::OutputFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

OutputFile::~OutputFile() {
  if (impl_->file >= 0) {
    ::close(impl_->file);
    if (!impl_->in_place) ::unlink(impl_->temporary.c_str());
  }
  ZSTD_freeCCtx(impl_->compression);
}

Expected<std::unique_ptr<OutputFile>> OutputFile::create(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path == "-" ? "stdout" : path;
  struct stat found{};
  impl->in_place = path == "-" || (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode));
  impl->temporary = impl->in_place ? path : path + ".part-" + std::to_string(::getpid());
  impl->file = path == "-" ? ::dup(STDOUT_FILENO)
                           : ::open(impl->temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (impl->file < 0) return std::unexpected(system_error(impl->path, "open for writing"));
  if (path.ends_with(".zst")) {
    impl->compression = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(impl->compression, ZSTD_c_compressionLevel, kCompressionLevel);
    impl->compressed.resize(ZSTD_CStreamOutSize());
  }
  impl->buffer.reserve(kBufferBytes + 4096);
  return std::unique_ptr<OutputFile>(new OutputFile(std::move(impl)));
}

void OutputFile::write(std::string_view bytes) {
  impl_->buffer.append(bytes);
  if (impl_->buffer.size() >= kBufferBytes) impl_->flush(false);
}

bool OutputFile::failed() const { return impl_->error.has_value(); }

Expected<void> OutputFile::finish() {
  impl_->flush(true);
  if (impl_->error) return std::unexpected(*impl_->error);
  if (impl_->in_place) return {};
  if (::fsync(impl_->file) != 0) return std::unexpected(system_error(impl_->path, "fsync"));
  ::close(impl_->file);
  impl_->file = -1;
  if (::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) {
    Error error = system_error(impl_->path, "rename");
    ::unlink(impl_->temporary.c_str());
    return std::unexpected(std::move(error));
  }
  return {};
}

}  // namespace vigil::tools
