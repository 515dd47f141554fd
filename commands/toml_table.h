// TOML texts read key by key; the first mistake is kept with its place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/error.h"

namespace vigil::commands {

class TomlText;

// One table of a TomlText, which must outlive it. Every reader of a value returns nothing (or an empty list)
// both when the key is absent and when its value is of another type; the latter is a mistake.
class TomlTable {
 public:
  bool has(std::string_view key) const;
  std::vector<std::string_view> keys() const;  // sorted
  // A mistake when the table has any other key; names the nearest known one.
  void allow_only(std::span<const std::string_view> known) const;

  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<std::int64_t> duration_us(std::string_view key) const;  // "90s", "7d"; not negative
  std::vector<std::string> texts(std::string_view key) const;
  std::optional<TomlTable> table(std::string_view key) const;
  std::vector<TomlTable> tables(std::string_view key) const;
  bool is_text(std::string_view key) const;

  // Notes a mistake at `key`'s value, or at the table itself when it has no such key.
  void fail(std::string_view key, std::string_view reason) const;

 private:
  friend class TomlText;
  TomlTable(TomlText* owner, const void* table) : owner_(owner), table_(table) {}

  TomlText* owner_;
  const void* table_;  // a toml::table
};

// A parsed text. Not thread-safe.
class TomlText {
 public:
  // Error `invalid`: "FILE:LINE:COLUMN: reason".
  static eventlog::Expected<std::unique_ptr<TomlText>> parse(std::string_view text, const std::string& file);
  ~TomlText();

  TomlTable root();
  // The first mistake so far; readers look at it once they have read everything.
  const std::optional<eventlog::Error>& mistake() const { return mistake_; }

 private:
  friend class TomlTable;
  struct Impl;
  TomlText();

  std::unique_ptr<Impl> impl_;
  std::string file_;
  std::optional<eventlog::Error> mistake_;
};

}  // namespace vigil::commands
