#include "tools/csv_text.h"

#include <charconv>

namespace vigil::tools {

using eventlog::Value;
using eventlog::ValueType;

void append_csv_text(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char letter : text) out.append(letter == '"' ? 2 : 1, letter);
  out += '"';
}

void append_csv_integer(std::string& out, std::int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_csv_value(std::string& out, const Value& value) {
  switch (value.type) {
    case ValueType::null: return;
    case ValueType::boolean: out += value.truth() ? '1' : '0'; return;
    case ValueType::integer: return append_csv_integer(out, value.integer);
    case ValueType::text: return append_csv_text(out, value.text_view());
    case ValueType::floating: {
      char digits[32];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.floating).ptr);
      return;
    }
  }
}

}  // namespace vigil::tools
