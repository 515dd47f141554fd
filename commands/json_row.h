// A JSON object as a row of cells, for JSON lines that a map describes by columns.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/byte_arena.h"
#include "commands/json_fields.h"

namespace vigil::commands {

// Not thread-safe. `columns` must outlive it and have at most FieldNames::kNamesMax names.
class JsonRow {
 public:
  explicit JsonRow(std::span<const std::string> columns);

  // The cells of `line`, one per column, in `arena`: texts unescaped, other scalars as written, "" for what
  // is absent or null. Fields that are no column are skipped. Objects when it is no object, is broken, or a
  // column holds an array or object.
  void read(std::string_view line, ByteArena& arena, std::vector<std::string_view>& cells, Objections& objections);

 private:
  std::vector<std::string_view> columns_;
  FieldNames names_;
  JsonText json_;
};

}  // namespace vigil::commands
