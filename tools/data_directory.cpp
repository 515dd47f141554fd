#include "tools/data_directory.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace vigil::tools {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

namespace {

constexpr std::uintmax_t kTextFileBytesMax = 16u << 20;  // a policy, catalogue or rule set is far smaller

}  // namespace

std::filesystem::path log_directory(const std::filesystem::path& data) { return data / "log"; }
std::filesystem::path models_directory(const std::filesystem::path& data) { return data / "models"; }

Expected<void> require_log(const std::filesystem::path& data) {
  std::error_code error;
  if (std::filesystem::is_directory(log_directory(data), error)) return {};
  if (!std::filesystem::exists(data, error)) {
    return fail(ErrorKind::not_found, data.string() + ": there is no such data directory; `vigil ingest --data " +
                                          data.string() + " FILE` makes one");
  }
  return fail(ErrorKind::not_found, data.string() + ": is no data directory: it has no log/");
}

Expected<std::unique_ptr<eventlog::LogReader>> open_log(eventlog::Environment& environment,
                                                        const std::filesystem::path& data) {
  if (auto there = require_log(data); !there) return std::unexpected(there.error());
  return eventlog::LogReader::open(environment, log_directory(data));
}

Expected<std::string> read_text_file(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) {
    const ErrorKind kind = errno == ENOENT ? ErrorKind::not_found : ErrorKind::io;
    return fail(kind, file.string() + ": cannot be opened: " + std::strerror(errno));
  }
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (!error && bytes > kTextFileBytesMax) {
    return fail(ErrorKind::invalid, file.string() + ": has " + std::to_string(bytes) + " bytes, at most " +
                                        std::to_string(kTextFileBytesMax) + " are read");
  }
  std::string text{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  if (input.bad()) return fail(ErrorKind::io, file.string() + ": read: " + std::strerror(errno));
  return text;
}

}  // namespace vigil::tools
