#include "commands/quarantine_json.h"

#include <array>

#include "commands/base64.h"

namespace vigil::commands {
namespace {

enum ItemField : std::size_t { kItemReasons, kItemRaw, kItemRawBase64, kItemSource, kItemTransactionId };
constexpr std::array<std::string_view, 5> kItemFields = {"reasons", "raw", "raw_base64", "source", "transaction_id"};
enum ReasonField : std::size_t { kReasonCode, kReasonText, kReasonField };
constexpr std::array<std::string_view, 3> kReasonFields = {"code", "text", "field"};
enum InputField : std::size_t { kInputRaw, kInputRawBase64, kInputSource };
constexpr std::array<std::string_view, 3> kInputFields = {"raw", "raw_base64", "source"};

constexpr std::string_view kTwoRaws = "either raw or raw_base64";

}  // namespace

QuarantineJson::QuarantineJson() : item_(kItemFields), reason_(kReasonFields), input_(kInputFields) {}

std::optional<std::string_view> QuarantineJson::read_raw(JsonFields& fields, bool encoded, Objections& objections) {
  auto value = fields.text();
  if (!value) return std::nullopt;
  const std::string_view field = encoded ? kItemFields[kItemRawBase64] : kItemFields[kItemRaw];
  if (encoded) {
    value = read_base64(*value, arena_);
    if (!value) objections.add(reason::kBadCharacters, field, "is no base64 (RFC 4648, with padding)");
  }
  if (value && value->size() > kQuarantineRawBytesMax) {
    objections.add(reason::kTooLong, field,
                   std::to_string(value->size()) + " bytes; at most " + std::to_string(kQuarantineRawBytesMax));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> QuarantineJson::read_source(JsonFields& fields, Objections& objections) {
  const auto value = fields.text();
  if (!value || value->empty() || !check_text(*value, kSourceBytesMax, kItemFields[kItemSource], objections))
    return std::nullopt;
  return value;
}

void QuarantineJson::read_item(JsonCursor& cursor, Command& out) {
  Unacceptable found;
  std::optional<std::string_view> raw;
  std::string_view source = out.source;
  JsonFields fields(cursor, item_, objections_);
  while (const auto field = fields.next()) {
    switch (*field) {
      case kItemReasons: read_reasons(cursor, found.reasons); break;
      case kItemRaw:
      case kItemRawBase64: raw = read_raw(fields, *field == kItemRawBase64, objections_); break;
      case kItemSource: source = read_source(fields, objections_).value_or(source); break;
      case kItemTransactionId:
        if (const auto id = fields.text();
            id && !id->empty() &&
            check_text(*id, eventlog::kIdBytesMax, kItemFields[kItemTransactionId], objections_)) {
          found.transaction_id = *id;
        }
        break;
      default: fields.refuse_unknown();
    }
  }
  if (cursor.failed()) return objections_.clear();
  if (fields.opened()) {
    if (!fields.given(kItemReasons)) objections_.add(reason::kMissingField, kItemFields[kItemReasons], "is required");
    const bool plain = fields.given(kItemRaw), encoded = fields.given(kItemRawBase64);
    if (plain && encoded) objections_.add(reason::kDuplicateField, kItemFields[kItemRaw], std::string(kTwoRaws));
    if (!plain && !encoded) objections_.add(reason::kMissingField, kItemFields[kItemRaw], "is required");
    if (raw && raw->empty()) objections_.add(reason::kEmptyField, kItemFields[kItemRaw], "must not be empty");
    check_room(found.reasons, raw ? raw->size() : 0);
  }
  if (objections_.none()) {
    out.body = std::move(found);
    out.raw = *raw;
    out.source = source;
  } else {
    out.body.emplace<Unacceptable>(found.transaction_id, objections_.take());
  }
}

void QuarantineJson::read_reasons(JsonCursor& cursor, std::vector<Reason>& reasons) {
  if (cursor.peek() != '[') {
    cursor.skip_value();
    objections_.add(reason::kWrongType, kItemFields[kItemReasons], "must be an array");
    return;
  }
  std::size_t count = 0;
  cursor.open();
  while (cursor.next_element()) {
    if (++count <= kReasonsMax) {
      read_reason(cursor, reasons);
    } else {
      cursor.skip_value();
    }
  }
  if (cursor.failed()) return;
  if (count == 0) objections_.add(reason::kEmptyField, kItemFields[kItemReasons], "must not be empty");
  if (count > kReasonsMax) {
    objections_.add(reason::kTooLong, kItemFields[kItemReasons],
                    std::to_string(count) + " reasons; at most " + std::to_string(kReasonsMax));
  }
}

void QuarantineJson::read_reason(JsonCursor& cursor, std::vector<Reason>& reasons) {
  Reason out;
  JsonFields fields(cursor, reason_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
      continue;
    }
    const auto value = fields.text();
    if (!value) continue;
    if (*field == kReasonCode) {
      out.code = reason::known(*value);
      if (out.code.empty()) {
        objections_.add(reason::kUnknownReason, kReasonFields[kReasonCode],
                        in_quotes(*value) + " is no reason code for an input");
      }
    } else if (*field == kReasonText) {
      if (check_text(*value, kReasonTextBytesMax, kReasonFields[kReasonText], objections_)) out.text = *value;
    } else if (!value->empty() &&
               check_text(*value, eventlog::kWordBytesMax, kReasonFields[kReasonField], objections_)) {
      out.field = *value;
    }
  }
  if (cursor.failed() || !fields.opened()) return;
  for (const ReasonField required : {kReasonCode, kReasonText}) {
    if (!fields.given(required)) objections_.add(reason::kMissingField, kReasonFields[required], "is required");
  }
  reasons.push_back(std::move(out));
}

void QuarantineJson::check_room(const std::vector<Reason>& reasons, std::size_t raw_bytes) {
  std::size_t bytes = 0;
  for (const Reason& one : reasons)
    bytes += kReasonOverheadBytes + one.code.size() + one.field.size() + one.text.size();
  const std::size_t most = kReasonsBytesMax + kReasonBytesPerRawByte * raw_bytes;
  if (bytes <= most) return;
  objections_.add(reason::kTooLong, kItemFields[kItemReasons],
                  std::to_string(bytes) + " bytes of reasons about " + std::to_string(raw_bytes) +
                      " of raw input; at most " + std::to_string(most));
}

ElementInput QuarantineJson::read_input(JsonCursor& cursor, Objections& objections) {
  ElementInput input;
  JsonFields fields(cursor, input_, objections);
  while (const auto field = fields.next()) {
    switch (*field) {
      case kInputRaw:
      case kInputRawBase64: input.raw = read_raw(fields, *field == kInputRawBase64, objections); break;
      case kInputSource: input.source = read_source(fields, objections).value_or(std::string_view{}); break;
      default: fields.refuse_unknown();
    }
  }
  if (fields.given(kInputRaw) && fields.given(kInputRawBase64)) {
    objections.add(reason::kDuplicateField, kInputFields[kInputRaw], std::string(kTwoRaws));
  }
  return input;
}

}  // namespace vigil::commands
