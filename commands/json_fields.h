// The fields of one JSON object, matched against the names its kind of object has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "commands/field_checks.h"
#include "commands/json_cursor.h"

namespace vigil::commands {

// The names an object may have, and in which order they came lately: senders repeat themselves, so the next
// name is nearly always found by one comparison.
class FieldNames {
 public:
  static constexpr std::size_t kNamesMax = 31;
  static constexpr std::size_t kUnknown = kNamesMax;

  explicit FieldNames(std::span<const std::string_view> names);
  // The index of `name`, which came after the one at `previous` (kUnknown at the start); kUnknown when no
  // name is like it.
  std::size_t find(std::string_view name, std::size_t previous);
  // What find() would try first.
  std::size_t guess(std::size_t previous) const { return follower_[previous]; }
  std::span<const std::string_view> names() const { return names_; }

 private:
  std::span<const std::string_view> names_;
  std::array<std::uint8_t, kNamesMax + 1> follower_{};
};

// Walks the object ahead of a cursor. Repeated names are objected to and skipped; so are unknown names unless
// the caller takes them; nulls are skipped. A value that is not of the wanted type is objected to.
class JsonFields {
 public:
  // Steps into the object; when there is none ahead, objects (wrong_type) and skips what is there.
  JsonFields(JsonCursor& cursor, FieldNames& names, Objections& objections);

  // The next known field whose value is ahead and not null; FieldNames::kUnknown for an unknown one, which
  // the caller skips or keeps; nothing at the end or after a fault.
  std::optional<std::size_t> next();
  std::string_view key() const { return key_; }
  std::string_view key_token() const { return key_token_; }
  bool opened() const { return opened_; }
  // Whether the field at that index of the names was there with a value other than null.
  bool given(std::size_t field) const { return (given_ >> field & 1) != 0; }
  std::string_view name(std::size_t field) const { return names_.names()[field]; }

  // The value of the field next() stopped at; nothing after an objection (or a fault).
  std::optional<std::string_view> text();
  std::optional<std::string_view> number();
  // A number, or a text that should hold one.
  std::optional<std::string_view> number_or_text();
  // RFC 3339 text or integer microseconds.
  std::optional<eventlog::EventTime> time();
  // Objects to the field next() stopped at as unknown and skips its value.
  void refuse_unknown();
  void refuse_type(std::string_view wanted);

 private:
  std::string_view field_name() const;

  JsonCursor& cursor_;
  FieldNames& names_;
  Objections& objections_;
  std::uint32_t seen_ = 0, given_ = 0;
  std::size_t at_ = FieldNames::kUnknown;
  std::string_view key_, key_token_;
  bool opened_ = false;
};

}  // namespace vigil::commands
