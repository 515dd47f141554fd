#include "tools/quarantine_line.h"

#include <gtest/gtest.h>

#include "commands/message_parser.h"

namespace vigil::tools {
namespace {

std::string line_of(std::string_view raw) {
  eventlog::TransactionQuarantined event;
  event.raw = std::as_bytes(std::span(raw));
  event.source = "zmq";
  event.reasons.push_back({"broken_json", "", "ends early at byte 3"});
  return resubmit_line(event);
}

TEST(QuarantineLine, JsonOverSeveralLinesBecomesOneAndLosesNothing) {
  EXPECT_EQ(line_of("{\n  \"transaction_id\" : \"a \\\" b\",\r\n\t\"amount\": 0.10,\n \"x\": 1e400, \"x\": [1, 2]\n}"),
            R"({"transaction_id":"a \" b","amount":0.10,"x":1e400,"x":[1,2]})");
  EXPECT_EQ(line_of(R"({"a": "\\", "b": 1})"), R"({"a": "\\", "b": 1})") << "one line stays as it came";
  EXPECT_EQ(line_of("{\"a\": \"\\\\\",\n \"b\": \" \\\\\\\" \"}"), R"({"a":"\\","b":" \\\" "})");
}

TEST(QuarantineLine, ALabelIsReadAsALabelAgain) {
  const std::string line = line_of("{\"transaction_id\":\"t1\",\n\"kind\":\"fraud\",\"reported_at\":5}");
  commands::MessageParser parser;
  const auto& message = parser.parse_line(line, "f:1");
  ASSERT_EQ(message.commands.size(), 1u);
  const auto* label = std::get_if<commands::ReportLabel>(&message.commands.front().body);
  ASSERT_NE(label, nullptr) << line;
  EXPECT_EQ(label->transaction_id, "t1");
}

TEST(QuarantineLine, MessagesAndTransactionsStayWhatTheyAre) {
  for (const char* raw :
       {R"({"op":"label","label":{"kind":"fraud"}})", R"({"transaction_id":"t","amount":1,"kind":"x"})",
        R"([{"transaction_id":"t"}])", "t1,1700000000,c1,m1,x", "t1,\"two\nlines\",c1", "{\"cut"}) {
    EXPECT_EQ(line_of(raw), raw);
  }
}

TEST(QuarantineLine, LinesThatAreNeitherArriveAsTheyAreToldOf) {
  const std::string raw = "{\"transaction_id\":\n\"t";
  const std::string line = line_of(raw);
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  commands::MessageParser parser;
  const auto& message = parser.parse_line(line, "f:1");
  ASSERT_EQ(message.commands.size(), 1u);
  EXPECT_EQ(message.commands.front().raw, raw);
  EXPECT_EQ(message.commands.front().source, "zmq");
  const auto* found = std::get_if<commands::Unacceptable>(&message.commands.front().body);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->reasons.front().code, "broken_json");
}

}  // namespace
}  // namespace vigil::tools
