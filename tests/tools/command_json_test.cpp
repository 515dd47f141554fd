#include "tools/command_json.h"

#include <gtest/gtest.h>

#include "commands/message_parser.h"

namespace vigil::tools {
namespace {

using commands::Command;

// The message a client sends for the only command of `line`.
std::string sent_for(const Command& command) {
  const std::string_view what = operation(command);
  const bool many = takes_many(what);
  std::string text = "{\"op\":\"" + std::string(what) + "\",\"" + std::string(element_field(what, many)) + "\":";
  if (many) text += '[';
  append_element(text, command);
  return text + (many ? "]}" : "}");
}

// Parses a line, writes its command as a message, parses that, writes it again: the same text.
void expect_survives(const std::string& line) {
  commands::MessageParser first, second;
  const auto& read = first.parse_line(line, "test");
  ASSERT_EQ(read.commands.size(), 1u) << line;
  const std::string once = sent_for(read.commands.front());
  const auto& again = second.parse(once, "test");
  ASSERT_EQ(again.commands.size(), 1u) << once;
  ASSERT_FALSE(std::holds_alternative<commands::Unacceptable>(again.commands.front().body))
      << once << "\n"
      << std::get<commands::Unacceptable>(again.commands.front().body).reasons.front().text;
  EXPECT_EQ(read.commands.front().body.index(), again.commands.front().body.index());
  EXPECT_EQ(sent_for(again.commands.front()), once);
}

TEST(CommandJsonTest, ATransactionArrivesAsItWas) {
  const std::string line =
      R"({"transaction_id":"t\"1\u00fc","version":2,"event_time":"2026-01-01T00:00:00.5Z","customer_id":"c",)"
      R"("merchant_id":"m","device_id":"d","amount":"12.30","currency":"EUR","country":"DE","card_country":"FR",)"
      R"("category":"grocery","channel":"pos","status":"PENDING","latitude":-0.0000001,"longitude":13.4,)"
      R"("note":{"a":[1,2]},"x":"y"})";
  commands::MessageParser first, second;
  const auto& read = first.parse_line(line, "test");
  const auto& transaction = std::get<commands::SubmitTransaction>(read.commands.front().body).transaction;
  const std::string message = sent_for(read.commands.front());
  const auto& again = second.parse(message, "test");
  EXPECT_EQ(std::get<commands::SubmitTransaction>(again.commands.front().body).transaction, transaction) << message;
}

TEST(CommandJsonTest, EveryOtherCommandSurvivesTheWay) {
  expect_survives(R"({"op":"label","label":{"transaction_id":"t","kind":"chargeback",)"
                  R"("reported_at":"2026-02-01T00:00:00Z","version":3,"source":"bank"}})");
  expect_survives(R"({"op":"customer","customer":{"customer_id":"c","home":{"latitude":1.5,"longitude":-2.25},)"
                  R"("country":"DE","segment":"student"}})");
  expect_survives(R"({"op":"merchant","merchant":{"merchant_id":"m","display_name":"M","category":"fuel",)"
                  R"("country":"FR","place":{"latitude":48.1,"longitude":2.3}}})");
  expect_survives(R"({"op":"list","list":{"list":"blocked","add":["a","b"],"remove":["c"]}})");
  expect_survives(R"({"op":"rate","rate":{"currency":"USD","base":"EUR","rate":"0.923456789"}})");
  expect_survives(R"({"op":"policy","policy":{"text":"clock = \"stream\"\n","file":"p.toml"}})");
  expect_survives(R"({"op":"features","features":{"text":""}})");
  expect_survives(R"({"op":"rules","rules":{"text":"x"}})");
}

TEST(CommandJsonTest, WhatIsUnacceptableArrivesWithItsBytesSourceAndReasons) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  for (const std::string& raw : {std::string("t2,\"never\",\xC3\xA4"), every_byte, std::string(300, '\x01'),
                                 std::string(commands::kQuarantineRawBytesMax, '"')}) {
    const Command refused{commands::Unacceptable{
                              "t2", {{"bad_time", "event_time", "'never' is no time"}, {"bad_row", "", "a \"quote\""}}},
                          raw, "tx.csv:3"};
    const std::string message = sent_for(refused);
    EXPECT_LT(message.size(), commands::kMessageBytesMax);
    commands::MessageParser parser;
    const auto& read = parser.parse(message, "zmq");
    ASSERT_EQ(read.commands.size(), 1u);
    const Command& arrived = read.commands.front();
    const auto& found = std::get<commands::Unacceptable>(arrived.body);
    EXPECT_EQ(arrived.raw, raw);
    EXPECT_EQ(arrived.source, "tx.csv:3");
    EXPECT_EQ(found.transaction_id, "t2");
    ASSERT_EQ(found.reasons.size(), 2u) << found.reasons.front().text;
    EXPECT_EQ(found.reasons[0].field, "event_time");
    EXPECT_EQ(found.reasons[1].code, "bad_row");
    EXPECT_EQ(found.reasons[1].text, "a \"quote\"");
  }
}

TEST(CommandJsonTest, OfALongFileNameTheEndIsSent) {
  const std::string name = std::string(200, '/') + "\u00e9" + std::string(120, 'x') + ".toml";
  std::string element = "{\"op\":\"rules\",\"rules\":";
  append_element(element, {commands::ActivateRules{"text", name}, {}, "f"});
  commands::MessageParser parser;
  const auto& read = parser.parse(element + "}", "zmq");
  ASSERT_EQ(read.commands.size(), 1u);
  const auto* activation = std::get_if<commands::ActivateRules>(&read.commands.front().body);
  ASSERT_NE(activation, nullptr) << element;
  EXPECT_TRUE(name.ends_with(activation->file));
  EXPECT_GT(activation->file.size(), 120u);
}

TEST(CommandJsonTest, RawJsonOfOurOwnIsSentOnceAndAsItCame) {
  commands::MessageParser parser;
  const std::string line = R"({ "transaction_id":"t","event_time":1,"customer_id":"c","merchant_id":"m","amount":1,)"
                           R"("currency":"EUR" })";
  Command command = parser.parse_line(line, "tx.jsonl:4").commands.front();
  std::string element, input;
  append_element(element, command, RawForm::element);
  append_input(input, command, RawForm::element);
  EXPECT_EQ(element, line);
  EXPECT_EQ(input, R"({"source":"tx.jsonl:4"})");
  const std::string row = "t,1,c";
  command.raw = row;
  element.clear();
  input.clear();
  append_element(element, command);
  append_input(input, command, RawForm::other);
  EXPECT_EQ(input, R"({"source":"tx.jsonl:4","raw":"t,1,c"})");
  EXPECT_TRUE(element.starts_with("{\"transaction_id\":\"t\",")) << element;
}

}  // namespace
}  // namespace vigil::tools
