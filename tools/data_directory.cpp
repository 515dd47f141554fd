#include "tools/data_directory.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
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
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return fail(ErrorKind::invalid, file.string() + ": is a directory, not a text file");
  }
  std::ifstream input(file, std::ios::binary);
  if (!input) {
    const ErrorKind kind = errno == ENOENT ? ErrorKind::not_found : ErrorKind::io;
    return fail(kind, file.string() + ": cannot be opened: " + std::strerror(errno));
  }
  // In pieces, so that neither a small file takes much memory nor an endless one all of it.
  std::string text;
  std::array<char, 64 << 10> piece;
  while (input) {
    input.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(input.gcount()));
    if (text.size() > kTextFileBytesMax) {
      return fail(ErrorKind::invalid, file.string() + ": has more than " + std::to_string(kTextFileBytesMax) +
                                          " bytes; that is no file of this kind");
    }
  }
  if (input.bad()) return fail(ErrorKind::io, file.string() + ": read: " + std::strerror(errno));
  return text;
}

}  // namespace vigil::tools
