#include "tools/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "eventlog/storage/checksum.h"
#include "tools/data_directory.h"

namespace vigil::tools {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

namespace {

using Seed = std::array<std::byte, eventlog::kKeySeedBytes>;

constexpr std::size_t kHexDigits = 2 * eventlog::kKeySeedBytes;

std::unexpected<eventlog::Error> refused(const std::filesystem::path& file, const char* call, int error) {
  const ErrorKind kind = error == ENOENT ? ErrorKind::not_found : error == ENOSPC ? ErrorKind::full : ErrorKind::io;
  return fail(kind, file.string() + ": " + call + ": " + std::strerror(error));
}

std::unexpected<eventlog::Error> no_key(const std::filesystem::path& file, const std::string& why,
                                        const std::string& next) {
  return fail(ErrorKind::invalid, file.string() + ": " + why + "; " + next);
}

constexpr const char* kMakeOne = "`vigil log key --out FILE` makes one";

Expected<void> write_new(const std::filesystem::path& file, const std::string& line) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST) {
    return no_key(file, "exists already", "a key is never overwritten: choose another name, or move it away");
  }
  if (descriptor < 0) return refused(file, "create", errno);
  const bool written =
      ::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (written) return {};
  ::unlink(file.c_str());
  return refused(file, "write", error);
}

// The 32 bytes behind `word` on the file's only line; nothing when the line begins otherwise.
Expected<std::optional<Seed>> bytes_behind(std::string_view word, const std::string& text,
                                           const std::filesystem::path& file) {
  if (!text.starts_with(word)) return std::nullopt;
  const std::size_t wanted = word.size() + kHexDigits + 1;
  if (text.size() != wanted && text.size() != wanted - 1) {
    return no_key(file, "has " + std::to_string(text.size()) + " bytes, such a key file has " + std::to_string(wanted),
                  "it was cut off or changed; take a copy of the original");
  }
  Seed bytes;
  if (!eventlog::from_hex(std::string_view(text).substr(word.size(), kHexDigits), bytes)) {
    return no_key(file, "holds other characters than 64 hexadecimal digits", "take a copy of the original");
  }
  return bytes;
}

}  // namespace

Expected<eventlog::PublicKey> make_key_file(eventlog::Environment& environment, const std::filesystem::path& file) {
  Seed seed;
  environment.random(seed);
  const eventlog::SigningKey key(seed);
  if (auto written = write_new(file, std::string(kSigningKeyWord) + eventlog::hex(seed) + '\n'); !written) {
    return std::unexpected(written.error());
  }
  return key.public_key();
}

Expected<std::unique_ptr<eventlog::SigningKey>> read_signing_key(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    auto error = refused(file, "cannot be opened", errno).error();
    if (error.kind == ErrorKind::not_found) error.text += std::string("; ") + kMakeOne;
    return std::unexpected(error);
  }
  if ((status.st_mode & 077) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777);
    return no_key(file, std::string("others than its owner may use this key (mode ") + mode + ")",
                  "`chmod 600 " + file.string() + "`, and make a new one if others may have seen it");
  }
  const auto text = read_text_file(file);
  if (!text) return std::unexpected(text.error());
  const auto seed = bytes_behind(kSigningKeyWord, *text, file);
  if (!seed) return std::unexpected(seed.error());
  if (!*seed) {
    return no_key(file, text->starts_with(kPublicKeyWord) ? "is a public key, which cannot sign" : "is no signing key",
                  kMakeOne);
  }
  return std::make_unique<eventlog::SigningKey>(**seed);
}

Expected<eventlog::PublicKey> read_public_key(const std::filesystem::path& file) {
  const auto text = read_text_file(file);
  if (!text) return std::unexpected(text.error());
  const auto bytes = bytes_behind(kPublicKeyWord, *text, file);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes) return **bytes;
  if (!text->starts_with(kSigningKeyWord)) {
    return no_key(file, "is no key", std::string(kMakeOne) + " and prints its public key");
  }
  const auto key = read_signing_key(file);
  if (!key) return std::unexpected(key.error());
  return (*key)->public_key();
}

std::string public_key_line(const eventlog::PublicKey& key) { return std::string(kPublicKeyWord) + eventlog::hex(key); }

}  // namespace vigil::tools
