// A JSON message from a client, and a line of a JSON-lines file.
#include <string>

#include "commands/message_parser.h"
#include "tests/fuzz/command_text.h"
#include "tests/fuzz/target.h"

namespace vigil::commands {
namespace {

using fuzz::require;

constexpr std::string_view kSource = "zmq";

std::string text_of(const Message& message) {
  std::string text = std::string(message.operation) + '|' + std::string(message.request_id) + '|' +
                     (message.in_order ? ",in order" : "") + '|' + std::string(message.query);
  for (const Command& command : message.commands) text += '\n' + fuzz::CommandText::of(command);
  return text;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Degrees with seven decimals.
std::string degrees(std::int32_t e7) {
  std::string digits = std::to_string(e7 < 0 ? -std::int64_t{e7} : e7);
  digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
  digits.insert(digits.size() - 7, ".");
  return (e7 < 0 ? "-" : "") + digits;
}

std::string json_of(const eventlog::Transaction& t) {
  std::string out = "{\"transaction_id\":" + quote(t.id) + ",\"version\":" + std::to_string(t.version) +
                    ",\"event_time\":" + std::to_string(t.event_time.value()) +
                    ",\"customer_id\":" + quote(t.customer_id) + ",\"merchant_id\":" + quote(t.merchant_id) +
                    ",\"amount_minor\":" + std::to_string(t.amount.minor) +
                    ",\"currency\":" + quote(t.amount.currency.text()) + ",\"status\":" + quote(name(t.status));
  const auto add = [&out](std::string_view field, std::string_view value) {
    if (!value.empty()) out.append(",\"").append(field).append("\":").append(quote(value));
  };
  add("device_id", t.device_id);
  add("country", t.country.text());
  add("card_country", t.card_country.text());
  add("category", t.category);
  add("channel", t.channel);
  if (t.place) {
    out += ",\"latitude\":" + degrees(t.place->latitude_e7) + ",\"longitude\":" + degrees(t.place->longitude_e7);
  }
  if (!t.extra.empty()) out.append(",").append(t.extra.substr(1, t.extra.size() - 2));
  return out + '}';
}

// Every transaction that was accepted, written as a message of its own, is the same transaction.
void check_accepted(const Message& message) {
  for (const Command& command : message.commands) {
    const auto* submit = std::get_if<SubmitTransaction>(&command.body);
    if (submit == nullptr) continue;
    const std::string json = "{\"op\":\"submit\",\"transaction\":" + json_of(submit->transaction) + "}";
    MessageParser parser;
    const Message& again = parser.parse(json, kSource);
    require(again.commands.size() == 1, "a transaction that was accepted is a command");
    const auto* twice = std::get_if<SubmitTransaction>(&again.commands[0].body);
    require(twice != nullptr && twice->transaction == submit->transaction,
            "a transaction that was accepted is accepted as the same when written anew");
  }
}

void check_limits(const Message& message) {
  require(message.commands.size() <= kCommandsPerMessageMax, "no message has more commands than it may");
  require(message.commands.empty() || message.query.empty(), "a message has commands or a query, never both");
  for (const Command& command : message.commands) {
    require(command.raw.size() <= kMessageBytesMax && command.source.size() <= kSourceBytesMax,
            "what is kept is bounded");
    if (const auto* refused = std::get_if<Unacceptable>(&command.body)) {
      require(!refused->reasons.empty() && refused->reasons.size() <= 32, "a refusal has reasons, and not too many");
      for (const Reason& reason : refused->reasons) require(!reason.code.empty(), "a reason has a code");
    }
  }
}

}  // namespace

VIGIL_FUZZ_TARGET(message) {
  static MessageParser warm;  // has read every input before
  for (const bool line : {false, true}) {
    const auto parse = [&](MessageParser& parser, std::string_view text) -> const Message& {
      return line ? parser.parse_line(text, kSource) : parser.parse(text, kSource);
    };
    fuzz::Exact exact(bytes);
    MessageParser fresh;
    const Message& message = parse(fresh, fuzz::text(exact.bytes()));
    check_limits(message);
    const std::string verdict = text_of(message);
    // Behind the end: what would close, or go on with, whatever the message left open.
    for (const std::string_view behind : {"\"}]}\"}]}}", "0000000000", ",\"x\":1}"}) {
      const std::string longer = std::string(fuzz::text(bytes)) + std::string(behind);
      require(text_of(parse(warm, std::string_view(longer).substr(0, bytes.size()))) == verdict,
              "a message means the same whatever stands behind it, and whatever came before it");
    }
    check_accepted(message);
  }
}

}  // namespace vigil::commands
