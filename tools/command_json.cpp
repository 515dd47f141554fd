#include "tools/command_json.h"

#include <array>
#include <span>

#include "api/json_text.h"
#include "commands/base64.h"
#include "commands/json_cursor.h"
#include "eventlog/storage/invariant.h"

namespace vigil::tools {
namespace {

using api::append_json_integer;
using api::append_json_string;

// The grammar of docs/protocol.md, in the order of CommandBody's alternatives.
struct Form {
  std::string_view operation, one, many;
};
constexpr std::array<Form, 10> kForms = {{{"submit", "transaction", "transactions"},
                                          {"label", "label", "labels"},
                                          {"customer", "customer", "customers"},
                                          {"merchant", "merchant", "merchants"},
                                          {"list", "list", "lists"},
                                          {"rate", "rate", "rates"},
                                          {"policy", "policy", ""},
                                          {"features", "features", ""},
                                          {"rules", "rules", ""},
                                          {"quarantine", "item", "items"}}};

const Form& form(std::string_view operation) {
  for (const Form& known : kForms) {
    if (known.operation == operation) return known;
  }
  eventlog::broken_invariant("operations are those of commands", __FILE__, __LINE__);
}

// A transaction's facts are bounded, but its JSON may be blown up with white space: what is longer is written anew.
constexpr std::size_t kElementBytesMax = 64 << 10;

// At most what the text takes in JSON, without its quotes.
std::size_t escaped_bytes(std::string_view text) {
  std::size_t bytes = text.size();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      ++bytes;
    } else if (byte < 0x20 || byte == 0x7f) {
      bytes += 5;
    }
  }
  return bytes;
}

// Writes {"a":…,"b":…}; empty optional texts are left out.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    append_json_string(out_, value);
  }
  void integer(std::string_view name, std::int64_t value) {
    key(name);
    append_json_integer(out_, value);
  }
  // value / 10^scale.
  void decimal(std::string_view name, std::int64_t value, std::size_t scale) {
    key(name);
    if (value < 0) out_ += '-';
    std::string digits;
    append_json_integer(digits, value < 0 ? -value : value);
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    out_.append(digits, 0, digits.size() - scale).append(".").append(digits, digits.size() - scale);
  }
  // Raw input: as text, or as base64 when it is none or that is shorter.
  void raw(std::string_view bytes) {
    if (!commands::is_utf8(bytes) || escaped_bytes(bytes) > commands::base64_bytes(bytes.size())) {
      key("raw_base64");
      out_ += '"';
      commands::append_base64(out_, bytes);
      out_ += '"';
    } else {
      key("raw");
      append_json_string(out_, bytes);
    }
  }
  void place(const eventlog::Place& place) {
    decimal("latitude", place.latitude_e7, 7);
    decimal("longitude", place.longitude_e7, 7);
  }
  void key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_.append("\"").append(name).append("\":");
  }
  // The fields of another object, which is one JSON object or "".
  void merge(std::string_view object) {
    if (object.size() <= 2) return;
    if (!first_) out_ += ',';
    first_ = false;
    out_.append(object.substr(1, object.size() - 2));
  }
  void texts(std::string_view name, std::span<const std::string_view> values) {
    if (values.empty()) return;
    key(name);
    out_ += '[';
    for (std::size_t n = 0; n < values.size(); ++n) {
      if (n > 0) out_ += ',';
      append_json_string(out_, values[n]);
    }
    out_ += ']';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_place(Object& object, std::string_view name, const std::optional<eventlog::Place>& place,
                  std::string& out) {
  if (!place) return;
  object.key(name);
  Object(out).place(*place);
}

void append(std::string& out, const commands::SubmitTransaction& command) {
  const eventlog::Transaction& transaction = command.transaction;
  Object object(out);
  object.text("transaction_id", transaction.id);
  if (transaction.version != 1) object.integer("version", transaction.version);
  object.integer("event_time", transaction.event_time.value());
  object.text("customer_id", transaction.customer_id);
  object.text("merchant_id", transaction.merchant_id);
  object.text("device_id", transaction.device_id);
  object.integer("amount_minor", transaction.amount.minor);
  object.text("currency", transaction.amount.currency.text());
  object.text("country", transaction.country.text());
  object.text("card_country", transaction.card_country.text());
  object.text("category", transaction.category);
  object.text("channel", transaction.channel);
  object.text("status", eventlog::name(transaction.status));
  if (transaction.place) object.place(*transaction.place);
  object.merge(transaction.extra);
}

void append(std::string& out, const commands::ReportLabel& label) {
  Object object(out);
  object.text("transaction_id", label.transaction_id);
  object.text("kind", eventlog::name(label.kind));
  object.integer("reported_at", label.reported_at.value());
  if (label.transaction_version != 1) object.integer("version", label.transaction_version);
  object.text("source", label.source);
}

void append(std::string& out, const commands::UpdateCustomer& command) {
  Object object(out);
  object.text("customer_id", command.update.customer_id);
  append_place(object, "home", command.update.home, out);
  object.text("country", command.update.country.text());
  object.text("segment", command.update.segment);
}

void append(std::string& out, const commands::UpdateMerchant& command) {
  Object object(out);
  object.text("merchant_id", command.update.merchant_id);
  object.text("display_name", command.update.display_name);
  object.text("category", command.update.category);
  object.text("country", command.update.country.text());
  append_place(object, "place", command.update.place, out);
}

void append(std::string& out, const commands::UpdateList& command) {
  Object object(out);
  object.text("list", command.update.list);
  object.texts("add", command.update.added);
  object.texts("remove", command.update.removed);
}

void append(std::string& out, const commands::UpdateRate& command) {
  Object object(out);
  object.text("currency", command.update.currency.text());
  object.text("base", command.update.base.text());
  object.decimal("rate", command.update.rate_e9, 9);
}

// A service takes so much of a name; the end of a long path tells more than its beginning.
std::string_view end_of_name(std::string_view file) {
  if (file.size() <= eventlog::kNameBytesMax) return file;
  file.remove_prefix(file.size() - eventlog::kNameBytesMax);
  while (!file.empty() && (file.front() & 0xc0) == 0x80) file.remove_prefix(1);  // never half a character
  return file;
}

template <class Activation>
void append_text(std::string& out, const Activation& command) {
  Object object(out);
  object.key("text");  // required, also when it is empty
  append_json_string(out, command.text);
  object.text("file", end_of_name(command.file));
}
void append(std::string& out, const commands::UpdatePolicy& command) { append_text(out, command); }
void append(std::string& out, const commands::ActivateFeatures& command) { append_text(out, command); }
void append(std::string& out, const commands::ActivateRules& command) { append_text(out, command); }
// Has an element of another kind: see append_item().
void append(std::string&, const commands::Unacceptable&) {}

void append_item(std::string& out, const commands::Command& command, const commands::Unacceptable& found) {
  Object object(out);
  object.raw(command.raw);
  object.text("source", command.source);
  object.text("transaction_id", found.transaction_id);
  object.key("reasons");
  out += '[';
  for (const commands::Reason& reason : found.reasons) {
    if (&reason != &found.reasons.front()) out += ',';
    Object entry(out);
    entry.text("code", reason.code);
    entry.text("field", reason.field);
    entry.text("text", reason.text);
  }
  out += ']';
}

}  // namespace

std::string_view operation(const commands::Command& command) { return kForms[command.body.index()].operation; }

bool takes_many(std::string_view operation) { return !form(operation).many.empty(); }

std::string_view element_field(std::string_view operation, bool many) {
  return many ? form(operation).many : form(operation).one;
}

bool takes_inputs(std::string_view operation) { return operation == "submit" || operation == "label"; }

bool raw_is_element(const commands::Command& command, RawForm form) {
  return form == RawForm::element && command.raw.size() <= kElementBytesMax && takes_inputs(operation(command));
}

void append_element(std::string& out, const commands::Command& command, RawForm form) {
  if (raw_is_element(command, form)) {
    out += command.raw;
  } else if (const auto* found = std::get_if<commands::Unacceptable>(&command.body)) {
    append_item(out, command, *found);
  } else {
    std::visit([&](const auto& body) { append(out, body); }, command.body);
  }
}

void append_input(std::string& out, const commands::Command& command, RawForm form) {
  Object object(out);
  object.text("source", command.source);
  if (!raw_is_element(command, form)) object.raw(command.raw);
}

}  // namespace vigil::tools
