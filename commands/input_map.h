// How the columns of a file become commands, as declared in a TOML file. docs/ingest.md is the reference.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/policy.h"

namespace vigil::commands {

enum class InputFormat : std::uint8_t { csv, jsonl };
enum class InputKind : std::uint8_t { transaction, customer, merchant };

// Where one field comes from.
struct FieldSource {
  std::string field;                  // as in a JSON transaction, customer or merchant
  std::optional<std::string> column;  // else `constant`
  std::string constant;
  std::string prefix;         // put before the column's text
  bool minor_units = false;   // of amount
  int time_scale = -1;        // digits from its unit to the microsecond: s 6, ms 3, us 0; -1 RFC 3339
  std::int64_t epoch_us = 0;  // what a numeric time counts from
};

struct LabelSource {
  std::string column;
  std::vector<std::string> fraud, genuine, chargeback;  // which texts mean what
  std::int64_t delay_us = 0;                            // from event time to when it becomes known
  std::string source = "file";
};

// Further rows that come before those of the input.
struct ReferenceSource {
  std::filesystem::path map;                  // resolved against the folder of the map that names it
  std::vector<std::string> files;             // the first that exists is read
  std::vector<std::filesystem::path> search;  // further folders, resolved likewise
};

struct InputMap {
  std::filesystem::path path;
  InputFormat format = InputFormat::csv;
  InputKind kind = InputKind::transaction;
  std::vector<FieldSource> fields;  // empty: JSON lines as Vigil itself writes them
  std::optional<Policy> policy;
  std::optional<LabelSource> label;
  std::vector<ReferenceSource> references;

  // Errors: not_found, io, invalid ("FILE:LINE:COLUMN: reason").
  static eventlog::Expected<InputMap> load(const std::filesystem::path& path);
};

}  // namespace vigil::commands
