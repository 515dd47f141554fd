#include "commands/json_row.h"

namespace vigil::commands {

JsonRow::JsonRow(std::span<const std::string> columns) : columns_(columns.begin(), columns.end()), names_(columns_) {}

void JsonRow::read(std::string_view line, ByteArena& arena, std::vector<std::string_view>& cells,
                   Objections& objections) {
  cells.assign(columns_.size(), std::string_view(""));
  if (json_.load(line)) {
    JsonCursor cursor = json_.cursor();
    JsonFields fields(cursor, names_, objections);
    while (const auto field = fields.next()) {
      std::string_view value;
      if (*field == FieldNames::kUnknown) {
        cursor.skip_value();
      } else if (cursor.peek() == '"') {
        if (cursor.read_string(value) && !value.empty()) cells[*field] = arena.copy(value);
      } else if (cursor.peek() == '{' || cursor.peek() == '[') {
        fields.refuse_type("a text, a number, true or false");
      } else {
        value = cursor.skip_value();
        if (!value.empty()) cells[*field] = arena.copy(value);
      }
    }
    cursor.finish();
  }
  if (const JsonFault& fault = json_.fault(); !fault.code.empty()) {
    objections.clear();
    objections.add(fault.code, "", std::string(fault.what) + " at byte " + std::to_string(fault.offset));
  }
}

}  // namespace vigil::commands
