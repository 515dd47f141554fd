#include "tools/answer_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace vigil::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIndent = 2;

bool is_flat(const Json& json) {
  if (json.is_object()) return false;
  if (!json.is_array()) return true;
  return std::none_of(json.begin(), json.end(), [](const Json& item) { return item.is_structured(); });
}

bool is_table(const Json& json) {
  return json.is_array() && !json.empty() && std::all_of(json.begin(), json.end(), [](const Json& row) {
           return row.is_object() &&
                  std::all_of(row.begin(), row.end(), [](const Json& cell) { return is_flat(cell); });
         });
}

// Columns of terminal, taking every character for one wide.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width, bool right) {
  const std::size_t missing = width - std::min(width, width_of(text));
  return right ? std::string(missing, ' ') + text : text + std::string(missing, ' ');
}

std::string value_text(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& item : value) text += (text.empty() ? "" : ", ") + value_text(item);
  return text.empty() ? "-" : text;
}

void without_trailing_spaces(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

void append_table(std::string& out, const Json& rows, std::size_t indent) {
  std::vector<std::string> names;
  for (const auto& [name, cell] : rows.front().items()) names.push_back(name);
  std::vector<std::size_t> widths;
  for (const std::string& name : names) {
    std::size_t width = width_of(name);
    for (const Json& row : rows) width = std::max(width, width_of(value_text(row.value(name, Json()))));
    widths.push_back(width);
  }
  const auto append_line = [&](const auto& cell_of) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool right = rows.front().value(names[i], Json()).is_number();
      line += (i == 0 ? "" : "  ") + padded(cell_of(names[i]), widths[i], right);
    }
    without_trailing_spaces(line);
    out += line + '\n';
  };
  append_line([](const std::string& name) { return name; });
  for (const Json& row : rows)
    append_line([&](const std::string& name) { return value_text(row.value(name, Json())); });
}

void append(std::string& out, const Json& json, std::size_t indent);

void append_list(std::string& out, const Json& list, std::size_t indent) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += '\n';
    append(out, list[i], indent);
  }
}

void append_object(std::string& out, const Json& object, std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [name, value] : object.items()) {
    if (is_flat(value)) width = std::max(width, width_of(name));
  }
  for (const auto& [name, value] : object.items()) {
    if (is_flat(value)) {
      out += std::string(indent, ' ') + padded(name, width, false) + "  " + value_text(value) + '\n';
    } else {
      out += std::string(indent, ' ') + name + '\n';
      append(out, value, indent + kIndent);
    }
  }
}

void append(std::string& out, const Json& json, std::size_t indent) {
  if (is_table(json)) return append_table(out, json, indent);
  if (json.is_object()) return append_object(out, json, indent);
  if (json.is_array() && !is_flat(json)) return append_list(out, json, indent);
  out += std::string(indent, ' ') + value_text(json) + '\n';
}

}  // namespace

std::string answer_text(const Json& answer) {
  std::string out;
  append(out, answer, 0);
  return out;
}

}  // namespace vigil::tools
