#include "commands/quarantine_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands/base64.h"
#include "commands/message_parser.h"
#include "tests/commands/message_text.h"

namespace vigil::commands {
namespace {

using ::testing::ElementsAre;
using testing::TransactionText;

constexpr std::string_view kReasonJson = R"({"code":"bad_time","field":"event_time","text":"'never' is no time"})";

std::string item(const std::string& raw, const std::string& rest = R"("source":"tx.csv:3")",
                 const std::string& reasons = "[" + std::string(kReasonJson) + "]") {
  return "{" + raw + (raw.empty() ? "" : ",") + rest + (rest.empty() ? "" : ",") + "\"reasons\":" + reasons + "}";
}
std::string quarantine(const std::string& item) { return "{\"op\":\"quarantine\",\"item\":" + item + "}"; }

class QuarantineJsonTest : public ::testing::Test {
 protected:
  const Command& only(const std::string& message) {
    text_ = message;
    const Message& parsed = parser_.parse(text_, "zmq");
    EXPECT_EQ(parsed.commands.size(), 1u) << message;
    return parsed.commands.front();
  }
  // "code field" of each reason of the only command.
  std::vector<std::string> reasons(const Command& command) {
    std::vector<std::string> out;
    const auto* bad = std::get_if<Unacceptable>(&command.body);
    if (bad == nullptr) return out;
    for (const Reason& reason : bad->reasons) out.push_back(std::string(reason.code) + " " + std::string(reason.field));
    return out;
  }
  // The same for an item that is refused: kept as it was sent, from where it was sent.
  std::vector<std::string> refusal(const std::string& bad_item) {
    const Command& command = only(quarantine(bad_item));
    EXPECT_EQ(command.raw, bad_item.substr(0, kQuarantineRawBytesMax));
    EXPECT_EQ(command.source, "zmq");
    return reasons(command);
  }

  MessageParser parser_;
  std::string text_;
};

TEST_F(QuarantineJsonTest, AnItemIsWhatItsSenderFound) {
  const Command& command =
      only(quarantine(item(R"("raw":"t2,\"n\u00e4ver\",\u0000c2")", R"("source":"tx.csv:3","transaction_id":"t2")")));
  const auto& found = std::get<Unacceptable>(command.body);
  EXPECT_EQ(command.raw, std::string_view("t2,\"n\xC3\xA4ver\",\0c2", 15));
  EXPECT_EQ(command.source, "tx.csv:3");
  EXPECT_EQ(found.transaction_id, "t2");
  ASSERT_EQ(found.reasons.size(), 1u);
  EXPECT_EQ(found.reasons[0].code, "bad_time");
  EXPECT_EQ(found.reasons[0].field, "event_time");
  EXPECT_EQ(found.reasons[0].text, "'never' is no time");
}

TEST_F(QuarantineJsonTest, RawBytesThatAreNoTextComeAsBase64) {
  const Command& command = only(quarantine(item(R"("raw_base64":"/wBhCg==")")));
  EXPECT_EQ(command.raw, std::string_view("\xFF\0a\n", 4));
}

TEST_F(QuarantineJsonTest, ManyItemsAreReadEachForItself) {
  text_ = "{\"items\":[" + item(R"("raw":"a")") + "," + item("") + "," + item(R"("raw":"b")", "") +
          "],\"op\":\"quarantine\"}";
  const Message& message = parser_.parse(text_, "zmq");
  ASSERT_EQ(message.commands.size(), 3u);
  EXPECT_EQ(message.commands[0].raw, "a");
  EXPECT_THAT(reasons(message.commands[1]), ElementsAre("missing_field raw"));
  EXPECT_EQ(message.commands[2].raw, "b");
  EXPECT_EQ(message.commands[2].source, "zmq") << "where nothing is said";
}

TEST_F(QuarantineJsonTest, EveryMistakeOfAnItemHasItsReason) {
  const std::string raw = R"("raw":"x")", source = R"("source":"f:1")";
  EXPECT_THAT(refusal("7"), ElementsAre("wrong_type "));
  EXPECT_THAT(refusal("{}"), ElementsAre("missing_field reasons", "missing_field raw"));
  EXPECT_THAT(refusal(item("", source)), ElementsAre("missing_field raw"));
  EXPECT_THAT(refusal(item(R"("raw":7)")), ElementsAre("wrong_type raw"));
  EXPECT_THAT(refusal(item(R"("raw":"")")), ElementsAre("empty_field raw"));
  EXPECT_THAT(refusal(item(R"("raw":"a","raw_base64":"YQ==")")), ElementsAre("duplicate_field raw"));
  EXPECT_THAT(refusal(item(R"("raw_base64":"YQ=")")), ElementsAre("bad_characters raw_base64"));
  EXPECT_THAT(refusal(item(R"("raw_base64":"Y Q=")")), ElementsAre("bad_characters raw_base64"));
  EXPECT_THAT(refusal(item(R"("raw_base64":"YR==")")), ElementsAre("bad_characters raw_base64")) << "bits left over";
  EXPECT_THAT(refusal(item("\"raw\":\"" + std::string(kQuarantineRawBytesMax + 1, 'x') + "\"")),
              ElementsAre("too_long raw"));
  EXPECT_THAT(refusal(item(raw, "\"source\":\"" + std::string(kSourceBytesMax + 1, 'f') + "\"")),
              ElementsAre("too_long source"));
  EXPECT_THAT(refusal(item(raw, R"("source":"a\nb")")), ElementsAre("bad_characters source"));
  EXPECT_THAT(refusal(item(raw, R"("source":5)")), ElementsAre("wrong_type source"));
  EXPECT_THAT(refusal(item(raw, "\"transaction_id\":\"" + std::string(65, 't') + "\"")),
              ElementsAre("too_long transaction_id"));
  EXPECT_THAT(refusal(item(raw, R"("origin":"x")")), ElementsAre("unknown_field "));
}

TEST_F(QuarantineJsonTest, EveryMistakeOfAReasonHasItsReason) {
  const auto with = [this](const std::string& reasons) { return refusal(item(R"("raw":"x")", "", reasons)); };
  EXPECT_THAT(with("{}"), ElementsAre("wrong_type reasons"));
  EXPECT_THAT(with("[]"), ElementsAre("empty_field reasons"));
  EXPECT_THAT(with("[1]"), ElementsAre("wrong_type "));
  EXPECT_THAT(with("[{}]"), ElementsAre("missing_field code", "missing_field text"));
  EXPECT_THAT(with(R"([{"code":"my_own","text":"x"}])"), ElementsAre("unknown_reason code"));
  EXPECT_THAT(with(R"([{"code":"bad_row","text":""}])"), ElementsAre("empty_field text"));
  EXPECT_THAT(with(R"([{"code":"bad_row","text":"a\u0007"}])"), ElementsAre("bad_characters text"));
  EXPECT_THAT(with(R"([{"code":"bad_row","text":")" + std::string(kReasonTextBytesMax + 1, 'x') + R"("}])"),
              ElementsAre("too_long text"));
  EXPECT_THAT(with(R"([{"code":"bad_row","text":"x","field":")" + std::string(33, 'f') + R"("}])"),
              ElementsAre("too_long field"));
  EXPECT_THAT(with(R"([{"code":"bad_row","text":"x","row":3}])"), ElementsAre("unknown_field "));
  std::string many = "[" + std::string(kReasonJson);
  for (std::size_t i = 0; i < kReasonsMax; ++i) many += "," + std::string(kReasonJson);
  EXPECT_THAT(with(many + "]"), ElementsAre("too_long reasons", "too_long reasons"));
  EXPECT_THAT(refusal(item("\"raw\":\"" + std::string(1000, 'x') + "\"", "", many + "]")),
              ElementsAre("too_long reasons"))
      << "the number alone";
}

TEST_F(QuarantineJsonTest, ReasonsKeepInProportionToTheirInput) {
  const std::string long_reason = R"({"code":"bad_row","text":")" + std::string(kReasonTextBytesMax, 'x') + R"("})";
  const std::string three = "[" + long_reason + "," + long_reason + "," + long_reason + "]";
  EXPECT_THAT(refusal(item(R"("raw":"x")", "", three)), ElementsAre("too_long reasons"));
  EXPECT_EQ(only(quarantine(item(R"("raw":"12345678901234567890123456789012345")", "", three))).raw.size(), 35u);
}

TEST_F(QuarantineJsonTest, ABrokenItemBreaksItsMessage) {
  EXPECT_THAT(reasons(only(quarantine(R"({"raw":"x","reasons":[{"code":)"))), ElementsAre("broken_json "));
}

class ElementInputTest : public QuarantineJsonTest {
 protected:
  std::string submit(const std::string& transactions, const std::string& inputs) {
    return "{\"op\":\"submit\",\"inputs\":" + inputs + ",\"transactions\":[" + transactions + "]}";
  }
  const std::string good_ = TransactionText().json(), bad_ = TransactionText().with("amount", "\"x\"").json();
};

TEST_F(ElementInputTest, AnElementIsKnownByWhatItWasReadFrom) {
  text_ = submit(good_ + "," + good_ + "," + good_,
                 R"([{"source":"tx.csv:2","raw":"a,b"},{"raw_base64":"/w=="},{"source":"tx.csv:4"}])");
  const Message& message = parser_.parse(text_, "zmq");
  ASSERT_EQ(message.commands.size(), 3u);
  EXPECT_EQ(message.commands[0].raw, "a,b");
  EXPECT_EQ(message.commands[0].source, "tx.csv:2");
  EXPECT_EQ(message.commands[1].raw, "\xFF");
  EXPECT_EQ(message.commands[1].source, "zmq");
  EXPECT_EQ(message.commands[2].raw, good_) << "its JSON is its input";
  EXPECT_EQ(message.commands[2].source, "tx.csv:4");
}

TEST_F(ElementInputTest, WhatCannotBeAcceptedIsKeptAsItWasSent) {
  const Command& command = only(submit(bad_, R"([{"source":"tx.csv:2","raw":"a"}])"));
  EXPECT_THAT(reasons(command), ElementsAre("bad_amount amount"));
  EXPECT_EQ(command.raw, bad_);
  EXPECT_EQ(command.source, "tx.csv:2");
}

TEST_F(ElementInputTest, ALabelMayComeFromNoInputOfItsOwn) {
  const Command& command = only(R"({"op":"label","label":{"transaction_id":"t","kind":"fraud","reported_at":1},)"
                                R"("inputs":[{"source":"tx.csv:9","raw":""}]})");
  EXPECT_TRUE(std::holds_alternative<ReportLabel>(command.body));
  EXPECT_EQ(command.raw, "");
  EXPECT_EQ(command.source, "tx.csv:9");
}

TEST_F(ElementInputTest, MistakesRefuseTheMessage) {
  const auto refused = [this](const std::string& inputs) { return reasons(only(submit(good_, inputs))); };
  EXPECT_THAT(refused("{}"), ElementsAre("wrong_type inputs"));
  EXPECT_THAT(refused("[]"), ElementsAre("bad_inputs inputs"));
  EXPECT_THAT(refused("[{},{}]"), ElementsAre("bad_inputs inputs"));
  EXPECT_THAT(refused("[7]"), ElementsAre("wrong_type "));
  EXPECT_THAT(refused(R"([{"row":1}])"), ElementsAre("unknown_field "));
  EXPECT_THAT(refused(R"([{"raw":"a","raw_base64":""}])"), ElementsAre("duplicate_field raw"));
  EXPECT_THAT(refused(R"([{"raw_base64":"?"}])"), ElementsAre("bad_characters raw_base64"));
  EXPECT_THAT(refused("[{\"source\":\"" + std::string(kSourceBytesMax + 1, 's') + "\"}]"),
              ElementsAre("too_long source"));
  EXPECT_THAT(refused("[{}],\"inputs\":[{}]"), ElementsAre("duplicate_field inputs"));
  EXPECT_THAT(reasons(only(R"({"op":"rate","inputs":[{}],"rate":{"currency":"USD","base":"EUR","rate":1}})")),
              ElementsAre("unknown_field "))
      << "of which nothing is ever quarantined later";
}

TEST(Base64Test, EveryLengthComesBack) {
  std::string bytes;
  for (int length = 0; length < 260; ++length) {
    std::string text;
    append_base64(text, bytes);
    EXPECT_EQ(text.size(), base64_bytes(bytes.size()));
    ByteArena arena;
    EXPECT_EQ(read_base64(text, arena), bytes);
    bytes += static_cast<char>(length);
  }
}

}  // namespace
}  // namespace vigil::commands
