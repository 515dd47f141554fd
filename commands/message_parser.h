// Reads one JSON message into commands. Strict, fast (simdjson), allocation-free once warm.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "commands/command.h"

namespace vigil::commands {

// What a message asks for. `commands` for the write side, `query` for the read side, never both.
struct Message {
  std::string_view operation;         // "submit", "label", "customer", "query" …
  std::string_view request_id;        // echoed in the reply; the JSON token as sent (quotes included), or ""
  std::span<const Command> commands;  // one per element, in order; Unacceptable ones included
  bool in_order = false;              // to be refused while an earlier message of the same sender is
  std::string_view query;             // the whole message, when operation is "query"
};

// Not thread-safe; one per thread. A Message and its views live until the next parse of the same parser.
class MessageParser {
 public:
  MessageParser();
  ~MessageParser();
  MessageParser(MessageParser&&) noexcept;

  // docs/protocol.md has the grammar. Never fails: what cannot be read becomes one Unacceptable command
  // whose reason says where. `source` must outlive the message.
  const Message& parse(std::string_view bytes, std::string_view source);
  // One line of a JSON-lines file: a bare transaction object, or a message object with "op".
  const Message& parse_line(std::string_view line, std::string_view source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::commands
