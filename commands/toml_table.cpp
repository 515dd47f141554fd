#include "commands/toml_table.h"

#include <toml++/toml.h>
#include <algorithm>

#include "rules/expression/duration.h"
#include "rules/expression/suggestion.h"

namespace vigil::commands {
namespace {

const toml::table& as_table(const void* table) { return *static_cast<const toml::table*>(table); }

eventlog::Error error_at(const std::string& file, const toml::source_region& at, std::string_view reason) {
  return {eventlog::ErrorKind::invalid, file + ":" + std::to_string(at.begin.line) + ":" +
                                            std::to_string(at.begin.column) + ": " + std::string(reason)};
}

}  // namespace

struct TomlText::Impl {
  toml::table root;
};

TomlText::TomlText() : impl_(std::make_unique<Impl>()) {}
TomlText::~TomlText() = default;

eventlog::Expected<std::unique_ptr<TomlText>> TomlText::parse(std::string_view text, const std::string& file) {
  std::unique_ptr<TomlText> out(new TomlText);
  out->file_ = file;
  try {
    out->impl_->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return std::unexpected(error_at(file, error.source(), error.description()));
  }
  return out;
}

TomlTable TomlText::root() { return {this, &impl_->root}; }

bool TomlTable::has(std::string_view key) const { return as_table(table_).contains(key); }

std::vector<std::string_view> TomlTable::keys() const {
  std::vector<std::string_view> out;
  for (const auto& [key, node] : as_table(table_)) out.push_back(key.str());
  std::ranges::sort(out);
  return out;
}

void TomlTable::allow_only(std::span<const std::string_view> known) const {
  // In the order of the file, so that the first mistake reported is the first one there.
  const toml::key* first = nullptr;
  for (const auto& [key, node] : as_table(table_)) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    const auto at = key.source().begin;
    if (first == nullptr || at < first->source().begin) first = &key;
  }
  if (first == nullptr || owner_->mistake_) return;
  std::string why = "unknown key '" + std::string(first->str()) + "'";
  const std::string hint = rules::did_you_mean(first->str(), known);
  why += hint;
  if (hint.empty()) {
    why += "; known are";
    for (std::string_view key : known) why.append(key == known.front() ? " " : ", ").append(key);
  }
  owner_->mistake_ = error_at(owner_->file_, first->source(), why);
}

void TomlTable::fail(std::string_view key, std::string_view reason) const {
  if (owner_->mistake_) return;
  const toml::node* node = as_table(table_).get(key);
  const toml::source_region& at = node != nullptr ? node->source() : as_table(table_).source();
  owner_->mistake_ = error_at(owner_->file_, at, reason);
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  const toml::node* node = as_table(table_).get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_string()) return value->get();
  fail(key, "'" + std::string(key) + "' must be a text");
  return std::nullopt;
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key) const {
  const toml::node* node = as_table(table_).get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_integer()) return value->get();
  fail(key, "'" + std::string(key) + "' must be a whole number");
  return std::nullopt;
}

std::optional<std::int64_t> TomlTable::duration_us(std::string_view key) const {
  const auto value = text(key);
  if (!value) return std::nullopt;
  const auto duration_us = rules::parse_duration_us(*value);
  if (!duration_us) fail(key, "'" + *value + "' is no duration like \"90s\", \"10m\", \"24h\" or \"7d\"");
  return duration_us;
}

std::vector<std::string> TomlTable::texts(std::string_view key) const {
  std::vector<std::string> out;
  const toml::node* node = as_table(table_).get(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const auto* value = array->get(i)->as_string()) {
      out.push_back(value->get());
    } else {
      array = nullptr;
    }
  }
  if (array == nullptr) fail(key, "'" + std::string(key) + "' must be an array of texts");
  return out;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) const {
  const toml::node* node = as_table(table_).get(key);
  if (node == nullptr) return std::nullopt;
  if (const toml::table* table = node->as_table()) return TomlTable(owner_, table);
  fail(key, "'" + std::string(key) + "' must be a table");
  return std::nullopt;
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> out;
  const toml::node* node = as_table(table_).get(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const toml::table* table = array->get(i)->as_table()) {
      out.push_back(TomlTable(owner_, table));
    } else {
      array = nullptr;
    }
  }
  if (array == nullptr) fail(key, "'" + std::string(key) + "' must be an array of tables");
  return out;
}

bool TomlTable::is_text(std::string_view key) const {
  const toml::node* node = as_table(table_).get(key);
  return node != nullptr && node->is_string();
}

}  // namespace vigil::commands
