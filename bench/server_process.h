// `vigil serve` as a child process, for the time of a measurement.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace vigil::bench {

// Starts on construction and waits for the ready line; asks it to stop (SIGTERM) on destruction.
class ServerProcess {
 public:
  ServerProcess(const std::filesystem::path& vigil, const std::filesystem::path& data);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  const std::string& endpoint() const { return endpoint_; }

 private:
  pid_t child_ = -1;
  std::string endpoint_;
};

}  // namespace vigil::bench
