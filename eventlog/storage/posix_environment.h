// The machine as it is: POSIX files, the system clock, real threads.
#pragma once

#include "eventlog/storage/environment.h"

namespace vigil::eventlog {

class PosixEnvironment : public Environment {
 public:
  Expected<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Expected<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Expected<void> remove(const std::filesystem::path& path) override;
  Expected<void> create_directories(const std::filesystem::path& path) override;
  Expected<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  Expected<void> sync_directory(const std::filesystem::path& directory) override;
  Expected<std::unique_ptr<Lock>> lock(const std::filesystem::path& path) override;
  IngestTime now() override;
  void random(std::span<std::byte> bytes) override;
  std::unique_ptr<Thread> start_thread(std::function<void()> body) override;
  std::unique_ptr<Monitor> make_monitor() override;
};

}  // namespace vigil::eventlog
