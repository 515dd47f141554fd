#include "commands/message_parser.h"

#include <algorithm>
#include <array>

#include "commands/field_checks.h"
#include "commands/json_cursor.h"
#include "commands/quarantine_json.h"
#include "commands/reference_json.h"
#include "commands/transaction_json.h"
#include "rules/expression/suggestion.h"

namespace vigil::commands {
namespace {

constexpr std::size_t kRequestIdBytesMax = 128;  // echoed with every reply

enum class Kind { submit, label, customer, merchant, list, rate, policy, features, rules, quarantine, query };

// What each operation is called, and the fields that carry its element or elements ("" when it has no
// plural).
struct Operation {
  std::string_view name, one, many;
  Kind kind;
};
constexpr std::array kOperations = std::to_array<Operation>({
    {"submit", "transaction", "transactions", Kind::submit},
    {"label", "label", "labels", Kind::label},
    {"customer", "customer", "customers", Kind::customer},
    {"merchant", "merchant", "merchants", Kind::merchant},
    {"list", "list", "lists", Kind::list},
    {"rate", "rate", "rates", Kind::rate},
    {"policy", "policy", "", Kind::policy},
    {"features", "features", "", Kind::features},
    {"rules", "rules", "", Kind::rules},
    {"quarantine", "item", "items", Kind::quarantine},
    {"query", "", "", Kind::query},
});

// What a label or a transaction was read from may differ from its JSON; of the others nothing is quarantined
// later on, so it would be lost.
constexpr bool takes_inputs(Kind kind) { return kind == Kind::submit || kind == Kind::label; }

std::string unknown_operation(std::string_view operation) {
  std::array<std::string_view, kOperations.size()> names;
  std::ranges::transform(kOperations, names.begin(), &Operation::name);
  std::string why = in_quotes(operation) + " is not known" + rules::did_you_mean(operation, names) + "; there are";
  for (std::string_view name : names) why.append(name == names.front() ? " " : ", ").append(name);
  return why;
}

}  // namespace

struct MessageParser::Impl {
  // A field whose meaning depends on the operation, which came later.
  struct Deferred {
    std::string_view key;
    JsonCursor at;
  };

  const Message& parse(std::string_view bytes, std::string_view from, bool bare_objects);
  void read_bare(JsonCursor& cursor);
  void read_message(JsonCursor& cursor);
  void read_field(std::string_view key, JsonCursor& cursor);
  void read_operation(JsonCursor& cursor);
  void read_request_id(JsonCursor& cursor);
  void read_in_order(JsonCursor& cursor);
  void read_payload(std::string_view key, JsonCursor& cursor);
  void read_inputs(JsonCursor& cursor);
  void read_elements(JsonCursor& cursor);
  void read_element(JsonCursor& cursor);
  void refuse_whole(std::string_view raw);
  void refuse_too_large(std::string_view bytes);

  JsonText json;
  TransactionJson transaction;
  ReferenceJson reference;
  QuarantineJson quarantine;
  Message message;
  std::vector<Command> commands;
  std::vector<Deferred> deferred;
  std::optional<JsonCursor> inputs;  // read when the elements are known
  Objections objections;             // against the message as a whole
  std::string oversized;             // the beginning of a message that was too large
  std::string_view source;
  const Operation* operation = nullptr;
  bool operation_seen = false, id_seen = false, payload_seen = false, in_order_seen = false;
};

MessageParser::MessageParser() : impl_(std::make_unique<Impl>()) {}
MessageParser::~MessageParser() = default;
MessageParser::MessageParser(MessageParser&&) noexcept = default;

const Message& MessageParser::parse(std::string_view bytes, std::string_view source) {
  return impl_->parse(bytes, source, false);
}

const Message& MessageParser::parse_line(std::string_view line, std::string_view source) {
  return impl_->parse(line, source, true);
}

const Message& MessageParser::Impl::parse(std::string_view bytes, std::string_view from, bool bare_objects) {
  message = {};
  commands.clear();
  deferred.clear();
  objections.clear();
  source = from;
  operation = nullptr;
  inputs.reset();
  operation_seen = id_seen = payload_seen = in_order_seen = false;
  if (bytes.size() > kMessageBytesMax) {
    refuse_too_large(bytes);
    return message;
  }
  if (json.load(bytes)) {
    transaction.begin_message(bytes.size());
    quarantine.begin_message();
    JsonCursor cursor = json.cursor();
    if (cursor.peek() == '{' && bare_objects) {
      read_bare(cursor);
    } else if (cursor.peek() == '{') {
      read_message(cursor);
    } else if (cursor.peek() == '[') {
      operation = &kOperations.front();
      read_elements(cursor);
    } else {
      cursor.skip_value();
      objections.add(reason::kWrongType, "", "a message is an object, or an array of transactions");
    }
    cursor.finish();
  }
  if (const JsonFault& fault = json.fault(); !fault.code.empty()) {
    objections.clear();
    objections.add(fault.code, "", std::string(fault.what) + " at byte " + std::to_string(fault.offset));
  }
  if (operation != nullptr) message.operation = operation->name;
  if (!objections.none()) {
    refuse_whole(json.text());
  } else if (operation != nullptr && operation->kind == Kind::query) {
    message.query = json.text();
  }
  message.commands = commands;
  return message;
}

// A bare transaction, unless it turns out to have an "op".
void MessageParser::Impl::read_bare(JsonCursor& cursor) {
  const JsonCursor begin = cursor;
  operation = &kOperations.front();
  read_element(cursor);
  if (cursor.failed() || !transaction.has_operation()) return;
  cursor = begin;
  commands.clear();
  transaction.begin_message(json.text().size());
  operation = nullptr;
  read_message(cursor);
}

void MessageParser::Impl::read_message(JsonCursor& cursor) {
  std::string_view key, token;
  cursor.open();
  while (cursor.next_key(key, token)) read_field(key, cursor);
  if (cursor.failed()) return;
  if (!operation_seen) objections.add(reason::kMissingField, "op", "is required");
  if (message.in_order && !id_seen) objections.add(reason::kMissingField, "id", "is required with in_order");
  if (operation == nullptr) return;
  for (Deferred& field : deferred) read_payload(field.key, field.at);
  if (!payload_seen && operation->kind != Kind::query && objections.none()) {
    objections.add(reason::kMissingField, operation->one, "is required");
  }
  if (inputs) read_inputs(*inputs);
}

void MessageParser::Impl::read_field(std::string_view key, JsonCursor& cursor) {
  if (key == "op") {
    read_operation(cursor);
  } else if (key == "id") {
    read_request_id(cursor);
  } else if (key == "in_order") {
    read_in_order(cursor);
  } else if (operation != nullptr) {
    read_payload(key, cursor);
  } else {
    deferred.push_back({key, cursor});
    cursor.skip_value();
  }
}

void MessageParser::Impl::read_operation(JsonCursor& cursor) {
  if (std::exchange(operation_seen, true)) {
    objections.add(reason::kDuplicateField, "op", "is given twice");
    cursor.skip_value();
    return;
  }
  if (cursor.peek() != '"') {
    objections.add(reason::kWrongType, "op", "must be a text");
    cursor.skip_value();
    return;
  }
  std::string_view name;
  if (!cursor.read_string(name)) return;
  const auto found = std::ranges::find(kOperations, name, &Operation::name);
  if (found == kOperations.end()) {
    objections.add(reason::kUnknownOperation, "op", unknown_operation(name));
  } else {
    operation = &*found;
  }
}

void MessageParser::Impl::read_request_id(JsonCursor& cursor) {
  const bool scalar = cursor.peek() != '{' && cursor.peek() != '[';
  const std::string_view token = cursor.skip_value();
  if (cursor.failed()) return;
  if (std::exchange(id_seen, true)) {
    objections.add(reason::kDuplicateField, "id", "is given twice");
  } else if (!scalar) {
    objections.add(reason::kWrongType, "id", "must be a text, a number, true, false or null");
  } else if (token.size() > kRequestIdBytesMax) {
    objections.add(reason::kTooLong, "id",
                   std::to_string(token.size()) + " bytes; at most " + std::to_string(kRequestIdBytesMax));
  } else {
    message.request_id = token;
  }
}

void MessageParser::Impl::read_in_order(JsonCursor& cursor) {
  const std::string_view value = cursor.skip_value();
  if (cursor.failed()) return;
  if (std::exchange(in_order_seen, true)) {
    objections.add(reason::kDuplicateField, "in_order", "is given twice");
  } else if (value != "true" && value != "false") {
    objections.add(reason::kWrongType, "in_order", "must be true or false");
  } else {
    message.in_order = value == "true";
  }
}

void MessageParser::Impl::read_payload(std::string_view key, JsonCursor& cursor) {
  if (operation->kind == Kind::query) {
    cursor.skip_value();
    return;
  }
  const bool many = !operation->many.empty() && key == operation->many;
  if (key == "inputs" && takes_inputs(operation->kind)) {
    if (inputs) objections.add(reason::kDuplicateField, "inputs", "is given twice");
    inputs = cursor;
    cursor.skip_value();
  } else if (!many && key != operation->one) {
    const std::array<std::string_view, 5> known = {operation->one, operation->many, "op", "id", "in_order"};
    objections.add(
        reason::kUnknownField, "",
        "'" + std::string(operation->name) + "' has no field " + in_quotes(key) + rules::did_you_mean(key, known));
    cursor.skip_value();
  } else if (std::exchange(payload_seen, true)) {
    objections.add(reason::kDuplicateField, operation->one, "is given twice");
    cursor.skip_value();
  } else if (!many) {
    read_element(cursor);
  } else if (cursor.peek() == '[') {
    read_elements(cursor);
  } else {
    objections.add(reason::kWrongType, operation->many, "must be an array");
    cursor.skip_value();
  }
}

// One entry per element, in order. What cannot be accepted as it was sent is also kept as it was sent.
void MessageParser::Impl::read_inputs(JsonCursor& cursor) {
  if (cursor.peek() != '[') {
    objections.add(reason::kWrongType, "inputs", "must be an array");
    return;
  }
  std::size_t entries = 0;
  cursor.open();
  while (cursor.next_element()) {
    const ElementInput input = quarantine.read_input(cursor, objections);
    if (cursor.failed()) return;
    if (entries < commands.size()) {
      Command& command = commands[entries];
      if (input.raw && !std::holds_alternative<Unacceptable>(command.body)) command.raw = *input.raw;
      if (!input.source.empty()) command.source = input.source;
    }
    ++entries;
  }
  if (cursor.failed() || entries == commands.size()) return;
  objections.add(reason::kBadInputs, "inputs",
                 std::to_string(entries) + " inputs for " + std::to_string(commands.size()) + " elements");
}

void MessageParser::Impl::read_elements(JsonCursor& cursor) {
  cursor.open();
  while (cursor.next_element()) {
    if (commands.size() < kCommandsPerMessageMax) {
      read_element(cursor);
      continue;
    }
    if (objections.none()) {
      objections.add(reason::kTooManyCommands, operation->many,
                     "at most " + std::to_string(kCommandsPerMessageMax) + " in one message");
    }
    cursor.skip_value();
  }
}

void MessageParser::Impl::read_element(JsonCursor& cursor) {
  const std::size_t from = cursor.offset();
  Command& command = commands.emplace_back();
  command.source = source;
  switch (operation->kind) {
    case Kind::submit: transaction.read(cursor, command.body); break;
    case Kind::label: reference.read_label(cursor, command.body); break;
    case Kind::customer: reference.read_customer(cursor, command.body); break;
    case Kind::merchant: reference.read_merchant(cursor, command.body); break;
    case Kind::list: reference.read_list(cursor, command.body); break;
    case Kind::rate: reference.read_rate(cursor, command.body); break;
    case Kind::policy: reference.read_policy(cursor, command.body); break;
    case Kind::features: reference.read_features(cursor, command.body); break;
    case Kind::rules: reference.read_rules(cursor, command.body); break;
    case Kind::quarantine: quarantine.read_item(cursor, command); break;
    case Kind::query: break;
  }
  if (cursor.failed() || !command.raw.empty()) return;
  command.raw = cursor.since(from).substr(0, kQuarantineRawBytesMax);
}

// One Unacceptable for everything that came.
void MessageParser::Impl::refuse_whole(std::string_view raw) {
  commands.clear();
  Command& command = commands.emplace_back();
  command.body.emplace<Unacceptable>(std::string_view{}, objections.take());
  command.raw = raw.substr(0, kQuarantineRawBytesMax);
  command.source = source;
}

void MessageParser::Impl::refuse_too_large(std::string_view bytes) {
  oversized.assign(bytes.substr(0, kQuarantineRawBytesMax));
  objections.add(reason::kMessageTooLarge, "",
                 std::to_string(bytes.size()) + " bytes; at most " + std::to_string(kMessageBytesMax));
  refuse_whole(oversized);
  message.commands = commands;
}

}  // namespace vigil::commands
