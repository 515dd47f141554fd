// The bytes of an input file, decompressed when it is zstd.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "eventlog/storage/error.h"

namespace vigil::commands {

// Reads forward. Zstd is known by its first bytes, whatever the name; a name that ends in ".zst" promises it.
// Not thread-safe.
class ZstdInput {
 public:
  // "-" is the standard input. Errors: not_found, io, damaged (named .zst, but is not).
  static eventlog::Expected<std::unique_ptr<ZstdInput>> open(const std::filesystem::path& path);
  ~ZstdInput();

  // Fills the front of `out`; 0 only at the end. Errors: io, damaged (broken or truncated zstd).
  eventlog::Expected<std::size_t> read(std::span<char> out);
  std::uint64_t bytes_done() const;   // of the file, so compressed ones for zstd
  std::uint64_t bytes_total() const;  // 0 when unknown, as for the standard input
  const std::string& name() const;    // as given; "stdin" for "-"

 private:
  struct Impl;
  explicit ZstdInput(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::commands
