// Small files and directories that must be on the disk before the next step.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "eventlog/storage/error.h"

namespace vigil::projections {

// Writes `text` beside `path`, syncs, renames over `path`, syncs the directory. Error: io.
eventlog::Expected<void> replace_file(const std::filesystem::path& path, std::string_view text);
// Nothing when there is no such file. Error: io.
eventlog::Expected<std::optional<std::string>> read_file(const std::filesystem::path& path);
// Removes what is there, file or directory, and syncs the parent. Absence is fine. Error: io.
eventlog::Expected<void> remove_durably(const std::filesystem::path& path);
// Creates with parents. Error: io.
eventlog::Expected<void> make_directories(const std::filesystem::path& path);

// An exclusive advisory lock, held while the object lives and given up by the kernel when the process ends.
class DirectoryLock {
 public:
  // Errors: locked, io.
  static eventlog::Expected<DirectoryLock> acquire(const std::filesystem::path& directory);
  DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  DirectoryLock& operator=(DirectoryLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace vigil::projections
