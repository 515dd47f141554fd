#include "tools/quarantine_line.h"

#include <algorithm>
#include <array>

#include "api/json_text.h"
#include "commands/json_cursor.h"
#include "tools/command_json.h"

namespace vigil::tools {
namespace {

using commands::JsonCursor;
using commands::JsonText;

constexpr std::array<std::string_view, 2> kLabelsAlone = {"kind", "reported_at"};
constexpr std::array<std::string_view, 7> kTransactionsAlone = {"op",       "event_time",  "amount",     "amount_minor",
                                                                "currency", "customer_id", "merchant_id"};

bool is_json(JsonText& json, std::string_view text) {
  if (!json.load(text)) return false;
  JsonCursor cursor = json.cursor();
  cursor.skip_value();
  if (!cursor.failed()) cursor.finish();
  return json.fault().code.empty();
}

// Of an object: its fields tell what it is an element of.
bool is_label(JsonText& json) {
  JsonCursor cursor = json.cursor();
  if (cursor.peek() != '{') return false;
  bool of_label = false, of_transaction = false;
  std::string_view key, token;
  cursor.open();
  while (cursor.next_key(key, token)) {
    of_label |= std::ranges::find(kLabelsAlone, key) != kLabelsAlone.end();
    of_transaction |= std::ranges::find(kTransactionsAlone, key) != kTransactionsAlone.end();
    cursor.skip_value();
  }
  return of_label && !of_transaction;
}

bool has_line_end(std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; }

// Every line end stands inside of quotes, and every quote is closed.
bool is_csv_row(std::string_view text) {
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '\n' || c == '\r')) return false;
  }
  return !quoted && !text.starts_with('{') && !text.starts_with('[');
}

std::string as_message(std::string_view raw, const eventlog::TransactionQuarantined& event) {
  commands::Unacceptable found;
  for (const eventlog::QuarantineReason& reason : event.reasons) {
    found.reasons.push_back({reason.code, reason.field, std::string(reason.text)});
  }
  std::string line = "{\"op\":\"quarantine\",\"item\":";
  append_element(line, {std::move(found), raw, event.source});
  return line + "}";
}

}  // namespace

std::string resubmit_line(const eventlog::TransactionQuarantined& event) {
  const std::string_view raw(reinterpret_cast<const char*>(event.raw.data()), event.raw.size());
  JsonText json;
  if (is_json(json, raw)) {
    std::string line;
    if (has_line_end(raw)) {
      api::append_json_on_one_line(line, raw);
    } else {
      line = raw;
    }
    return is_label(json) ? "{\"op\":\"label\",\"label\":" + line + "}" : line;
  }
  return !has_line_end(raw) || is_csv_row(raw) ? std::string(raw) : as_message(raw, event);
}

}  // namespace vigil::tools
