#include "projections/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
namespace fs = std::filesystem;

std::unexpected<eventlog::Error> io_error(const fs::path& path, const char* call, int code) {
  return fail(code == ENOSPC ? ErrorKind::full : ErrorKind::io,
              path.string() + ": " + call + ": " + std::strerror(code));
}

Expected<void> sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return io_error(directory, "open", errno);
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (result != 0) return io_error(directory, "fsync", code);
  return {};
}

Expected<void> write_and_sync(const fs::path& path, std::string_view text) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return io_error(path, "open", errno);
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  const int write_code = written < 0 ? errno : ENOSPC;
  const bool whole = written == static_cast<ssize_t>(text.size());
  const int synced = whole ? ::fsync(descriptor) : 0;
  const int sync_code = errno;
  ::close(descriptor);
  if (!whole) return io_error(path, "write", write_code);
  if (synced != 0) return io_error(path, "fsync", sync_code);
  return {};
}

}  // namespace

Expected<void> replace_file(const fs::path& path, std::string_view text) {
  const fs::path draft = path.string() + ".new";
  if (auto written = write_and_sync(draft, text); !written) return written;
  if (::rename(draft.c_str(), path.c_str()) != 0) return io_error(path, "rename", errno);
  return sync_directory(path.parent_path());
}

Expected<std::optional<std::string>> read_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT) return std::optional<std::string>{};
    return io_error(path, "open", errno);
  }
  std::string text(256, '\0');  // longer than any file we write this way
  const ssize_t got = ::read(descriptor, text.data(), text.size());
  const int code = errno;
  ::close(descriptor);
  if (got < 0) return io_error(path, "read", code);
  text.resize(static_cast<std::size_t>(got));
  return std::optional{std::move(text)};
}

Expected<void> remove_durably(const fs::path& path) {
  std::error_code code;
  if (fs::remove_all(path, code) == 0 && !code) return {};
  if (code) return io_error(path, "remove", code.value());
  return sync_directory(path.parent_path());
}

Expected<void> make_directories(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code) return io_error(path, "create directory", code.value());
  return {};
}

Expected<DirectoryLock> DirectoryLock::acquire(const fs::path& directory) {
  if (auto made = make_directories(directory); !made) return std::unexpected(made.error());
  const fs::path path = directory / "LOCK";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return io_error(path, "open", errno);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    ::close(descriptor);
    if (code != EWOULDBLOCK) return io_error(path, "flock", code);
    return fail(ErrorKind::locked, directory.string() +
                                       ": the read models are in use by another process; stop it, or open them "
                                       "read-only");
  }
  return DirectoryLock(descriptor);
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace vigil::projections
