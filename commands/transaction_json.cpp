#include "commands/transaction_json.h"

#include <algorithm>

namespace vigil::commands {
namespace {

// Unknown names are compared with each other; this bounds the work.
constexpr std::size_t kUnknownFieldsMax = 128;

}  // namespace

void TransactionJson::begin_message(std::size_t message_bytes) {
  extra_.clear();
  // Every kept field is in the message, and an object adds two braces to at least three bytes of it.
  extra_.reserve(2 * message_bytes + 2);
}

void TransactionJson::read(JsonCursor& cursor, CommandBody& out) {
  form_.clear();
  unknown_.clear();
  extra_begin_ = extra_.size();
  has_operation_ = false;
  JsonFields fields(cursor, names_, form_.objections());
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      keep_unknown(fields, cursor);
    } else {
      take(static_cast<TransactionField>(*field), fields);
    }
  }
  if (cursor.failed()) return;
  form_.set_extra(close_extra());
  const eventlog::Transaction* transaction = fields.opened() ? form_.finish() : nullptr;
  if (transaction != nullptr) {
    out.emplace<SubmitTransaction>(*transaction);
  } else {
    out.emplace<Unacceptable>(form_.transaction_id(), form_.objections().take());
  }
}

void TransactionJson::take(TransactionField field, JsonFields& fields) {
  std::optional<std::string_view> value;
  switch (field) {
    case TransactionField::event_time: {
      const auto time = fields.time();
      return time ? form_.set_time(*time) : form_.spoil(field);
    }
    case TransactionField::version:
    case TransactionField::amount_minor: value = fields.number(); break;
    case TransactionField::amount:
    case TransactionField::latitude:
    case TransactionField::longitude: value = fields.number_or_text(); break;
    default: value = fields.text(); break;
  }
  if (value) {
    form_.set(field, *value);
  } else {
    form_.spoil(field);
  }
}

void TransactionJson::keep_unknown(JsonFields& fields, JsonCursor& cursor) {
  const std::string_view key = fields.key();
  if (key == "op") has_operation_ = true;
  const std::string_view token = fields.key_token();
  const std::string_view value = cursor.skip_value();
  if (cursor.failed()) return;
  Objections& objections = form_.objections();
  if (std::ranges::find(unknown_, key) != unknown_.end()) {
    objections.add(reason::kDuplicateField, "", in_quotes(key) + " is given twice");
    return;
  }
  const std::size_t bytes = extra_.size() - extra_begin_ + token.size() + value.size() + 3;
  if (bytes > eventlog::kExtraBytesMax || unknown_.size() == kUnknownFieldsMax) {
    // A reason once is enough; the rest of the fields adds nothing to it.
    if (unknown_.size() <= kUnknownFieldsMax) {
      objections.add(reason::kExtraTooLarge, "",
                     "unknown fields take more than " + std::to_string(eventlog::kExtraBytesMax) +
                         " bytes or are more than " + std::to_string(kUnknownFieldsMax));
    }
    unknown_.resize(kUnknownFieldsMax + 1);
    return;
  }
  unknown_.push_back(key);
  extra_ += extra_.size() == extra_begin_ ? '{' : ',';
  extra_.append(token).append(":").append(value);
}

std::string_view TransactionJson::close_extra() {
  if (extra_.size() == extra_begin_) return {};
  extra_ += '}';
  return std::string_view(extra_).substr(extra_begin_);
}

}  // namespace vigil::commands
