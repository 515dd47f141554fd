#include "commands/json_fields.h"

#include "eventlog/storage/invariant.h"
#include "rules/expression/suggestion.h"

namespace vigil::commands {

FieldNames::FieldNames(std::span<const std::string_view> names) : names_(names) {
  eventlog::invariant(names.size() <= kNamesMax, "an object has at most 31 known fields");
}

std::size_t FieldNames::find(std::string_view name, std::size_t previous) {
  std::uint8_t& guess = follower_[previous];
  if (guess < names_.size() && names_[guess] == name) return guess;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] != name) continue;
    guess = static_cast<std::uint8_t>(i);
    return i;
  }
  return kUnknown;
}

JsonFields::JsonFields(JsonCursor& cursor, FieldNames& names, Objections& objections)
    : cursor_(cursor), names_(names), objections_(objections) {
  if (cursor.failed()) return;
  opened_ = cursor.peek() == '{';
  if (opened_) {
    cursor.open();
  } else {
    objections.add(reason::kWrongType, "", "must be an object");
    cursor.skip_value();
  }
}

std::optional<std::size_t> JsonFields::next() {
  if (!opened_) return std::nullopt;
  while (!cursor_.failed()) {
    std::size_t field = names_.guess(at_);
    if (!cursor_.next_key_is(names_.names()[field], key_token_)) {
      if (!cursor_.next_key(key_, key_token_)) return std::nullopt;
      field = names_.find(key_, at_);
    }
    at_ = field;
    if (field == FieldNames::kUnknown) return field;
    const std::uint32_t bit = std::uint32_t{1} << field;
    const bool repeated = (seen_ & bit) != 0;
    seen_ |= bit;
    if (repeated) {
      objections_.add(reason::kDuplicateField, field_name(), "is given twice");
    } else if (cursor_.peek() != 'n') {
      given_ |= bit;
      return field;
    }
    cursor_.skip_value();
  }
  return std::nullopt;
}

std::string_view JsonFields::field_name() const {
  return at_ == FieldNames::kUnknown ? std::string_view{} : names_.names()[at_];
}

void JsonFields::refuse_type(std::string_view wanted) {
  cursor_.skip_value();
  if (!cursor_.failed()) objections_.add(reason::kWrongType, field_name(), "must be " + std::string(wanted));
}

void JsonFields::refuse_unknown() {
  const std::string unknown(key_);
  cursor_.skip_value();
  objections_.add(reason::kUnknownField, "",
                  "no field is called " + in_quotes(unknown) + rules::did_you_mean(unknown, names_.names()));
}

std::optional<std::string_view> JsonFields::text() {
  std::string_view value;
  if (cursor_.peek() == '"') {
    if (cursor_.read_string(value)) return value;
  } else {
    refuse_type("a text");
  }
  return std::nullopt;
}

std::optional<std::string_view> JsonFields::number() {
  std::string_view value;
  if (cursor_.is_number()) {
    if (cursor_.read_number(value)) return value;
  } else {
    refuse_type("a number");
  }
  return std::nullopt;
}

std::optional<std::string_view> JsonFields::number_or_text() {
  std::string_view value;
  if (cursor_.is_number()) {
    if (cursor_.read_number(value)) return value;
  } else if (cursor_.peek() == '"') {
    if (cursor_.read_string(value)) return value;
  } else {
    refuse_type("a number or a text");
  }
  return std::nullopt;
}

std::optional<eventlog::EventTime> JsonFields::time() {
  const bool integer = cursor_.is_number();
  if (!integer && cursor_.peek() != '"') {
    refuse_type("an RFC 3339 text or microseconds");
    return std::nullopt;
  }
  const auto value = number_or_text();
  if (!value) return std::nullopt;
  return integer ? check_time_us(*value, field_name(), objections_)
                 : check_time_text(*value, field_name(), objections_);
}

}  // namespace vigil::commands
