// Reads a transaction file (CSV or JSON lines, plain or zstd) through a declared mapping into commands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "commands/command.h"
#include "commands/policy.h"

namespace vigil::commands {

// One TOML file: which column is which field, units, constants, epoch, label column and delay, the run's
// policy, reference files. docs/ingest.md is the reference. A value.
struct InputMap;

// Views into the reader; valid until the next call of read().
class InputReader {
 public:
  // Without a map a file must be JSON lines of transactions or messages.
  // Errors name file, line and column ("x.map.toml:7:1: …") or the input ("tx.csv: no column 'AMOUNT'; it has …").
  static eventlog::Expected<std::unique_ptr<InputReader>> open(const std::filesystem::path& input,
                                                               const std::optional<std::filesystem::path>& map);
  virtual ~InputReader() = default;

  // The policy the map asks for, if it has one.
  virtual const std::optional<Policy>& policy() const = 0;
  // The next commands in stream order, at most `count` ≥ 1: reference updates first, then transactions in file
  // order, each label at the moment it becomes known (before transactions of that same instant). Bad rows
  // come as Unacceptable with "FILE:ROW" as source. Empty at the end. Errors: io, damaged (zstd).
  virtual eventlog::Expected<std::span<const Command>> read(std::size_t count) = 0;
  // Whether the raw input of acceptable commands is their JSON object as docs/protocol.md has it.
  virtual bool raw_is_element() const = 0;
  // For progress: input bytes consumed and in all (compressed bytes for .zst; 0 in all when unknown: stdin).
  virtual std::uint64_t bytes_done() const = 0;
  virtual std::uint64_t bytes_total() const = 0;
  // Labels that become known after the end of the stream, and were therefore not reported.
  virtual std::uint64_t labels_not_yet_known() const = 0;
};

}  // namespace vigil::commands
