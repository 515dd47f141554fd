// Where a result is written: a file, a .zst file, or stdout.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "eventlog/storage/error.h"

namespace vigil::tools {

// Buffered; not thread-safe. A file is written under a temporary name and takes its own name in finish(), so
// that nobody ever finds half a result under it.
class OutputFile {
 public:
  // "-" is stdout; a name that ends in ".zst" is compressed. Error: io.
  static eventlog::Expected<std::unique_ptr<OutputFile>> create(const std::string& path);
  ~OutputFile();

  // Errors are remembered and told by finish().
  void write(std::string_view bytes);
  bool failed() const;
  // Flushes, syncs and renames. Without it the temporary file is removed. Error: io, full.
  eventlog::Expected<void> finish();

 private:
  struct Impl;
  explicit OutputFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::tools
