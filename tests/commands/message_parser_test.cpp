#include "commands/message_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/commands/message_text.h"

namespace vigil::commands {
namespace {

using eventlog::Code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::submit;
using testing::TransactionText;

class MessageParserTest : public ::testing::Test {
 protected:
  const Message& parse(const std::string& text) {
    text_ = text;
    return parser_.parse(text_, "test");
  }
  // "code field" for each reason of the only command.
  std::vector<std::string> reasons(const Message& message) {
    EXPECT_EQ(message.commands.size(), 1u);
    const auto* bad = std::get_if<Unacceptable>(&message.commands.front().body);
    EXPECT_NE(bad, nullptr);
    std::vector<std::string> out;
    if (bad == nullptr) return out;
    for (const Reason& reason : bad->reasons) {
      EXPECT_FALSE(reason.text.empty());
      out.push_back(std::string(reason.code) + " " + std::string(reason.field));
    }
    return out;
  }
  std::vector<std::string> reasons(const std::string& text) { return reasons(parse(text)); }
  std::vector<std::string> reasons(TransactionText& text) { return reasons(submit(text.json())); }
  std::string why(const std::string& text) {
    const Message& message = parse(text);
    return std::get<Unacceptable>(message.commands.front().body).reasons.front().text;
  }
  const eventlog::Transaction& accepted(const std::string& text) {
    const Message& message = parse(text);
    EXPECT_EQ(message.commands.size(), 1u);
    return std::get<SubmitTransaction>(message.commands.front().body).transaction;
  }
  const eventlog::Transaction& accepted(TransactionText& text) { return accepted(submit(text.json())); }

  MessageParser parser_;
  std::string text_;
};

TransactionText good() { return {}; }

TEST_F(MessageParserTest, AllFieldsOfATransactionAreRead) {
  TransactionText text = good();
  text.with("version", "3").with("device_id", "\"d-1\"").with("country", "\"DE\"").with("card_country", "\"FR\"");
  text.with("category", "\"grocery\"").with("channel", "\"pos\"").with("status", "\"PENDING\"");
  text.with("latitude", "48.1371").with("longitude", "-11.5754").with("terminal", "{ \"a\": [1, null] }");
  const eventlog::Transaction& transaction = accepted(text);
  EXPECT_EQ(transaction.id, "t-1");
  EXPECT_EQ(transaction.version, 3);
  EXPECT_EQ(transaction.event_time.value(), 1'714'566'896'000'000);
  EXPECT_EQ(transaction.customer_id, "c-1");
  EXPECT_EQ(transaction.merchant_id, "m-1");
  EXPECT_EQ(transaction.device_id, "d-1");
  EXPECT_EQ(transaction.amount, (eventlog::Money{1234, *Code::parse("EUR")}));
  EXPECT_EQ(transaction.country, *Code::parse("DE"));
  EXPECT_EQ(transaction.card_country, *Code::parse("FR"));
  EXPECT_EQ(transaction.category, "grocery");
  EXPECT_EQ(transaction.channel, "pos");
  EXPECT_EQ(transaction.status, eventlog::Status::pending);
  EXPECT_EQ(transaction.place, (eventlog::Place{481'371'000, -115'754'000}));
  EXPECT_EQ(transaction.extra, "{\"terminal\":{ \"a\": [1, null] }}");
}

TEST_F(MessageParserTest, OptionalFieldsMayBeAbsentNullOrEmpty) {
  TransactionText text = good();
  for (const char* field : {"device_id", "country", "card_country", "category", "channel"}) text.with(field, "\"\"");
  for (const char* field : {"version", "status", "latitude", "longitude"}) text.with(field, "null");
  const eventlog::Transaction with_empty = accepted(text);
  TransactionText plain = good();
  EXPECT_EQ(with_empty.device_id, "");
  EXPECT_EQ(with_empty.version, 1);
  EXPECT_EQ(with_empty.status, eventlog::Status::completed);
  EXPECT_FALSE(with_empty.place);
  EXPECT_EQ(accepted(plain).country, Code{});
}

TEST_F(MessageParserTest, AmountsAreExact) {
  const auto minor = [this](const std::string& json, const std::string& currency) {
    TransactionText text = good();
    text.with("amount", json).with("currency", "\"" + currency + "\"");
    return accepted(text).amount.minor;
  };
  EXPECT_EQ(minor("\"12.34\"", "EUR"), 1234);
  EXPECT_EQ(minor("12.3", "EUR"), 1230);
  EXPECT_EQ(minor("12", "EUR"), 1200);
  EXPECT_EQ(minor("12.3400", "EUR"), 1234);
  EXPECT_EQ(minor("1.2e1", "EUR"), 1200);
  EXPECT_EQ(minor("1234E-2", "EUR"), 1234);
  EXPECT_EQ(minor("1234", "JPY"), 1234);
  EXPECT_EQ(minor("1.234", "KWD"), 1234);
  EXPECT_EQ(minor("-0.01", "EUR"), -1) << "its sign is for the policy to judge";
  EXPECT_EQ(minor("92233720368547758.07", "EUR"), INT64_MAX);
  TransactionText text = good();
  text.without("amount").with("amount_minor", "1234");
  EXPECT_EQ(accepted(text).amount.minor, 1234);
}

TEST_F(MessageParserTest, EventTimesWithZonesAndFractions) {
  const auto time = [this](const std::string& json) {
    TransactionText text = good();
    return accepted(text.with("event_time", json)).event_time.value();
  };
  EXPECT_EQ(time("\"2024-05-01T14:34:56.5+02:00\""), 1'714'566'896'500'000);
  EXPECT_EQ(time("\"2024-05-01 07:04:56.000001-05:30\""), 1'714'566'896'000'001);
  EXPECT_EQ(time("\"2024-02-29t00:00:00z\""), 1'709'164'800'000'000);
  EXPECT_EQ(time("1714566896000001"), 1'714'566'896'000'001);
  EXPECT_EQ(time("\"1970-01-01T00:00:00Z\""), 0);
  EXPECT_EQ(time("\"9999-12-31T23:59:59.999999Z\""), 253'402'300'799'999'999);
}

TEST_F(MessageParserTest, BadEventTimesAreRefused) {
  for (const char* json :
       {"\"2024-05-01T12:34:56\"", "\"2024-02-30T12:34:56Z\"", "\"2023-02-29T12:34:56Z\"", "\"2024-13-01T12:34:56Z\"",
        "\"2024-05-01T24:00:00Z\"", "\"2024-05-01T12:34:60Z\"", "\"2024-05-01T12:34:56.1234567Z\"",
        "\"2024-05-01T12:34:56.Z\"", "\"\"", "\"now\"", "\"2024-05-01T12:34:56Z \"", "\"2024-05-01T12:34:56+0200\"",
        "\"1969-12-31T23:59:59Z\"", "-1", "1.5", "253402300800000000", "99999999999999999999"}) {
    TransactionText text = good();
    EXPECT_THAT(reasons(text.with("event_time", json)), ElementsAre("bad_time event_time")) << json;
  }
}

TEST_F(MessageParserTest, BadAmountsAreRefused) {
  for (const char* json : {"12.345", "\"twelve\"", "\"12,34\"", "\"1 2\"", "1e300", "1e99999999999", "\".\"", "\"-\"",
                           "\"0x10\"", "92233720368547758.08", "\"1e\"", "\"1e+-2\"", "\"--1\""}) {
    TransactionText text = good();
    EXPECT_THAT(reasons(text.with("amount", json)), ElementsAre("bad_amount amount")) << json;
  }
  TransactionText minor = good();
  EXPECT_THAT(reasons(minor.without("amount").with("amount_minor", "12.5")), ElementsAre("bad_amount amount_minor"));
  TransactionText both = good();
  EXPECT_THAT(reasons(both.with("amount_minor", "1234")), ElementsAre("bad_amount amount"));
}

TEST_F(MessageParserTest, PlacesAreRoundedToTheirSevenDecimalsHalvesAwayFromZero) {
  const auto latitude = [this](const std::string& json) {
    TransactionText text = good();
    return accepted(text.with("latitude", json).with("longitude", "0")).place->latitude_e7;
  };
  EXPECT_EQ(latitude("48.13714285714286"), 481'371'429);
  EXPECT_EQ(latitude("0.00000005"), 1);
  EXPECT_EQ(latitude("-0.00000005"), -1);
  EXPECT_EQ(latitude("0.00000004999"), 0);
  EXPECT_EQ(latitude("1e-05"), 100);
  EXPECT_EQ(latitude("\"-90\""), -900'000'000);
}

TEST_F(MessageParserTest, BadPlacesAreRefused) {
  TransactionText half = good();
  EXPECT_THAT(reasons(half.with("latitude", "1")), ElementsAre("bad_place longitude"));
  TransactionText beyond = good();
  EXPECT_THAT(reasons(beyond.with("latitude", "90.0000001").with("longitude", "-180.1")),
              ElementsAre("bad_place latitude", "bad_place longitude"));
  TransactionText wraps = good();  // 2^64 − 1 and a half at seven decimals
  EXPECT_THAT(reasons(wraps.with("latitude", "1844674407370.95516155").with("longitude", "0")),
              ElementsAre("bad_place latitude"));
  TransactionText word = good();
  EXPECT_THAT(reasons(word.with("latitude", "\"north\"").with("longitude", "1")), ElementsAre("bad_place latitude"));
}

TEST_F(MessageParserTest, EachRequiredFieldIsMissedByName) {
  for (const char* field : {"transaction_id", "event_time", "customer_id", "merchant_id", "amount", "currency"}) {
    TransactionText absent = good(), null = good();
    EXPECT_THAT(reasons(absent.without(field)), ElementsAre("missing_field " + std::string(field)));
    EXPECT_THAT(reasons(null.with(field, "null")), ElementsAre("missing_field " + std::string(field)));
  }
}

TEST_F(MessageParserTest, EachFieldOfAWrongTypeIsNamedOnce) {
  for (const char* field : {"transaction_id", "customer_id", "merchant_id", "device_id", "currency", "country",
                            "card_country", "category", "channel", "status"}) {
    TransactionText text = good();
    EXPECT_THAT(reasons(text.with(field, "17")), ElementsAre("wrong_type " + std::string(field)));
  }
  for (const char* field : {"event_time", "version", "amount", "latitude"}) {
    TransactionText text = good();
    if (std::string(field) == "latitude") text.with("longitude", "1");
    EXPECT_THAT(reasons(text.with(field, "[1,{}]")), ElementsAre("wrong_type " + std::string(field)));
  }
  TransactionText minor = good();
  EXPECT_THAT(reasons(minor.without("amount").with("amount_minor", "\"1234\"")),
              ElementsAre("wrong_type amount_minor"));
  EXPECT_THAT(reasons(submit("17")), ElementsAre("wrong_type "));
}

TEST_F(MessageParserTest, EmptyRequiredFieldsAreRefused) {
  for (const char* field : {"transaction_id", "customer_id", "merchant_id", "amount"}) {
    TransactionText text = good();
    EXPECT_THAT(reasons(text.with(field, "\"\"")), ElementsAre("empty_field " + std::string(field)));
  }
}

TEST_F(MessageParserTest, TextsOfTheLimitAreTakenAndLongerOnesRefused) {
  const auto of_bytes = [](std::size_t bytes) { return "\"" + std::string(bytes, 'x') + "\""; };
  for (const auto& [field, limit] :
       {std::pair("transaction_id", eventlog::kIdBytesMax), std::pair("customer_id", eventlog::kIdBytesMax),
        std::pair("merchant_id", eventlog::kIdBytesMax), std::pair("device_id", eventlog::kIdBytesMax),
        std::pair("category", eventlog::kWordBytesMax), std::pair("channel", eventlog::kWordBytesMax)}) {
    TransactionText fits = good(), longer = good();
    accepted(fits.with(field, of_bytes(limit)));
    EXPECT_THAT(reasons(longer.with(field, of_bytes(limit + 1))), ElementsAre("too_long " + std::string(field)));
  }
}

TEST_F(MessageParserTest, ControlCharactersInTextsAreRefused) {
  for (const char* json : {"\"a\\u0000b\"", "\"a\\nb\"", "\"a\x7f\""}) {
    TransactionText text = good();
    EXPECT_THAT(reasons(text.with("customer_id", json)), ElementsAre("bad_characters customer_id")) << json;
  }
}

TEST_F(MessageParserTest, UnknownCodesAreRefused) {
  TransactionText text = good();
  text.with("currency", "\"eur\"").with("country", "\"Germany\"").with("card_country", "\"ZZ\"");
  text.with("status", "\"done\"").with("version", "0");
  EXPECT_THAT(reasons(text),
              ElementsAre("unknown_currency currency", "unknown_country country", "unknown_country card_country",
                          "unknown_status status", "bad_version version"));
  TransactionText version = good();
  EXPECT_THAT(reasons(version.with("version", "65536")), ElementsAre("bad_version version"));
}

TEST_F(MessageParserTest, AllReasonsAreCollectedAndTheIdIsKept) {
  EXPECT_THAT(reasons(submit("{\"transaction_id\":\"t-9\",\"amount\":\"x\",\"currency\":\"ABC\",\"country\":1}")),
              ElementsAre("unknown_currency currency", "wrong_type country", "missing_field event_time",
                          "missing_field customer_id", "missing_field merchant_id", "bad_amount amount"));
  const Message& message = parse(submit("{\"transaction_id\":\"t-9\"}"));
  EXPECT_EQ(std::get<Unacceptable>(message.commands.front().body).transaction_id, "t-9");
}

TEST_F(MessageParserTest, RepeatedFieldsAreRefusedAlsoWhenEscapedOrUnknown) {
  TransactionText known = good(), escaped = good(), unknown = good(), null = good();
  EXPECT_THAT(reasons(known.again("currency", "\"EUR\"")), ElementsAre("duplicate_field currency"));
  EXPECT_THAT(reasons(escaped.again("curr\\u0065ncy", "\"EUR\"")), ElementsAre("duplicate_field currency"));
  EXPECT_THAT(reasons(unknown.again("x", "1").again("x", "1")), ElementsAre("duplicate_field "));
  EXPECT_THAT(reasons(null.again("currency", "null")), ElementsAre("duplicate_field currency"));
}

TEST_F(MessageParserTest, UnknownFieldsAreKeptAsSentAndInOrder) {
  TransactionText text = good();
  text.again("z", "1.50").again("na\\u006de", "\"a\\/b\"").again("n", "null").again("o", "{\"k\": [ ]}");
  EXPECT_EQ(accepted(text).extra, "{\"z\":1.50,\"na\\u006de\":\"a\\/b\",\"n\":null,\"o\":{\"k\": [ ]}}");
}

TEST_F(MessageParserTest, TooMuchExtraIsRefusedOnce) {
  const std::size_t most = eventlog::kExtraBytesMax - std::string_view("{\"x\":\"\"}").size();
  TransactionText fits = good(), larger = good(), many = good();
  EXPECT_EQ(accepted(fits.with("x", "\"" + std::string(most, 'x') + "\"")).extra.size(), eventlog::kExtraBytesMax);
  larger.with("x", "\"" + std::string(most + 1, 'x') + "\"").with("y", "\"" + std::string(most, 'x') + "\"");
  EXPECT_THAT(reasons(larger), ElementsAre("extra_too_large "));
  for (int i = 0; i < 200; ++i) many.again("f" + std::to_string(i), "1");
  EXPECT_THAT(reasons(many), ElementsAre("extra_too_large "));
}

TEST_F(MessageParserTest, EscapesAreUnderstood) {
  TransactionText text = good();
  text.with("customer_id", "\"\\u00e4\\ud83d\\ude00\\\"\\\\\\/x\"");
  EXPECT_EQ(accepted(text).customer_id, "ä😀\"\\/x");
}

TEST_F(MessageParserTest, OneBadElementDoesNotSpoilTheOthers) {
  TransactionText first = good(), last = good();
  last.with("transaction_id", "\"t-3\"");
  const Message& message = parse("{\"op\":\"submit\",\"id\":\"r\",\"transactions\":[" + first.json() +
                                 ", {\"transaction_id\":\"t-2\"} ,7," + last.json() + "]}");
  ASSERT_EQ(message.commands.size(), 4u);
  EXPECT_EQ(message.request_id, "\"r\"");
  EXPECT_EQ(message.commands[0].raw, first.json());
  EXPECT_EQ(message.commands[0].source, "test");
  EXPECT_EQ(message.commands[1].raw, "{\"transaction_id\":\"t-2\"}");
  EXPECT_TRUE(std::holds_alternative<Unacceptable>(message.commands[1].body));
  EXPECT_EQ(message.commands[2].raw, "7");
  EXPECT_EQ(std::get<SubmitTransaction>(message.commands[3].body).transaction.id, "t-3");
}

TEST_F(MessageParserTest, ABareArrayIsASubmitOfTransactions) {
  TransactionText text = good();
  const Message& message = parse(" [" + text.json() + "] ");
  EXPECT_EQ(message.operation, "submit");
  EXPECT_EQ(message.commands.size(), 1u);
  EXPECT_TRUE(parse("[]").commands.empty());
}

TEST_F(MessageParserTest, TheOperationMayComeLast) {
  TransactionText text = good();
  const Message& message = parse("{\"transaction\":" + text.json() + ",\"id\":-1.5,\"op\":\"submit\"}");
  EXPECT_EQ(message.operation, "submit");
  EXPECT_EQ(message.request_id, "-1.5");
  EXPECT_TRUE(std::holds_alternative<SubmitTransaction>(message.commands.front().body));
}

TEST_F(MessageParserTest, ALineIsABareTransactionOrAMessage) {
  TransactionText text = good();
  text_ = text.json();
  EXPECT_TRUE(std::holds_alternative<SubmitTransaction>(parser_.parse_line(text_, "f:1").commands.front().body));
  text_ = "{\"label\":{\"transaction_id\":\"t\",\"kind\":\"fraud\",\"reported_at\":1},\"op\":\"label\"}";
  const Message& message = parser_.parse_line(text_, "f:2");
  EXPECT_EQ(message.operation, "label");
  EXPECT_TRUE(std::holds_alternative<ReportLabel>(message.commands.front().body));
}

TEST_F(MessageParserTest, LabelsAreRead) {
  const Message& message = parse(R"({"op":"label","labels":[{"transaction_id":"t","version":2,"kind":"chargeback",)"
                                 R"("reported_at":"1970-01-01T00:00:01Z","source":"bank"}]})");
  const auto& label = std::get<ReportLabel>(message.commands.front().body);
  EXPECT_EQ(label.transaction_id, "t");
  EXPECT_EQ(label.transaction_version, 2);
  EXPECT_EQ(label.kind, eventlog::LabelKind::chargeback);
  EXPECT_EQ(label.reported_at.value(), 1'000'000);
  EXPECT_EQ(label.source, "bank");
  EXPECT_THAT(
      reasons("{\"op\":\"label\",\"label\":{\"kind\":\"maybe\",\"kinds\":1}}"),
      ElementsAre("unknown_label kind", "unknown_field ", "missing_field transaction_id", "missing_field reported_at"));
}

TEST_F(MessageParserTest, ReferenceDataIsRead) {
  const Message& customers = parse(R"({"op":"customer","customer":{"customer_id":"c","country":"DE",)"
                                   R"("home":{"latitude":"1.5","longitude":2},"segment":"vip"}})");
  const auto customer = std::get<UpdateCustomer>(customers.commands.front().body).update;
  EXPECT_EQ(customer.customer_id, "c");
  EXPECT_EQ(customer.home, (eventlog::Place{15'000'000, 20'000'000}));
  EXPECT_EQ(customer.country, *Code::parse("DE"));
  EXPECT_EQ(customer.segment, "vip");

  const Message& merchants = parse(R"({"op":"merchant","merchants":[{"merchant_id":"m","display_name":"Shop",)"
                                   R"("category":"5411","country":"FR","place":null}]})");
  const auto merchant = std::get<UpdateMerchant>(merchants.commands.front().body).update;
  EXPECT_EQ(merchant.display_name, "Shop");
  EXPECT_EQ(merchant.category, "5411");
  EXPECT_EQ(merchant.country, *Code::parse("FR"));
  EXPECT_FALSE(merchant.place);

  const Message& lists = parse(R"({"op":"list","list":{"list":"blocked","add":["a","b"],"remove":[]}})");
  const auto& list = std::get<UpdateList>(lists.commands.front().body).update;
  EXPECT_EQ(list.list, "blocked");
  EXPECT_THAT(list.added, ElementsAre("a", "b"));
  EXPECT_TRUE(list.removed.empty());
}

TEST_F(MessageParserTest, RatesAreExactToNineDecimals) {
  const auto rate = [this](const std::string& json) {
    const Message& message =
        parse("{\"op\":\"rate\",\"rate\":{\"currency\":\"USD\",\"base\":\"EUR\",\"rate\":" + json + "}}");
    return std::get<UpdateRate>(message.commands.front().body).update.rate_e9;
  };
  EXPECT_EQ(rate("\"1.0834\""), 1'083'400'000);
  EXPECT_EQ(rate("0.123456789"), 123'456'789);
  for (const char* json : {"0.1234567891", "0", "-1", "\"much\"", "99999999999"}) {
    EXPECT_THAT(reasons("{\"op\":\"rate\",\"rate\":{\"currency\":\"USD\",\"base\":\"EUR\",\"rate\":" +
                        std::string(json) + "}}"),
                ElementsAre("bad_rate rate"));
  }
}

TEST_F(MessageParserTest, BadReferenceDataIsRefusedWithItsReasons) {
  EXPECT_THAT(reasons("{\"op\":\"customer\",\"customer\":{\"home\":{}}}"),
              ElementsAre("bad_place latitude", "missing_field customer_id"));
  EXPECT_THAT(reasons("{\"op\":\"customer\",\"customer\":{\"customer_id\":\"c\",\"home\":5}}"),
              ElementsAre("wrong_type "));
  EXPECT_THAT(reasons("{\"op\":\"merchant\",\"merchant\":{\"merchant_id\":\"\",\"place\":{\"latitude\":true}}}"),
              ElementsAre("empty_field merchant_id", "wrong_type latitude"));
  EXPECT_THAT(reasons("{\"op\":\"list\",\"list\":{\"list\":\"l\"}}"), ElementsAre("missing_field add"));
  EXPECT_THAT(reasons("{\"op\":\"list\",\"list\":{\"list\":\"l\",\"add\":\"x\",\"remove\":[1]}}"),
              ElementsAre("wrong_type add", "wrong_type remove"));
  EXPECT_THAT(reasons("{\"op\":\"rules\",\"rules\":{\"file\":\"x\"}}"), ElementsAre("missing_field text"));
}

TEST_F(MessageParserTest, TextsToActivateAreRead) {
  const Message& policy = parse("{\"op\":\"policy\",\"policy\":{\"text\":\"a = 1\\nb = 2\",\"file\":\"p.toml\"}}");
  EXPECT_EQ(std::get<UpdatePolicy>(policy.commands.front().body).text, "a = 1\nb = 2");
  EXPECT_EQ(std::get<UpdatePolicy>(policy.commands.front().body).file, "p.toml");
  const Message& features = parse("{\"op\":\"features\",\"features\":{\"text\":\"x\"}}");
  EXPECT_EQ(std::get<ActivateFeatures>(features.commands.front().body).file, "message");
  const Message& rules = parse("{\"op\":\"rules\",\"rules\":{\"text\":\"x\"}}");
  EXPECT_EQ(std::get<ActivateRules>(rules.commands.front().body).text, "x");
}

TEST_F(MessageParserTest, AQueryIsPassedOnWhole) {
  const Message& message = parse("{\"op\":\"query\",\"id\":true,\"customer\":{\"any\":[1]}}");
  EXPECT_EQ(message.query, text_);
  EXPECT_EQ(message.request_id, "true");
  EXPECT_TRUE(message.commands.empty());
  EXPECT_THAT(reasons("{\"op\":\"query\",\"customer\":{\"any\":[1}}"), ElementsAre("broken_json "));
}

TEST_F(MessageParserTest, MessagesThatSayNothingUsefulAreRefusedWhole) {
  EXPECT_THAT(reasons("{}"), ElementsAre("missing_field op"));
  EXPECT_THAT(reasons("{\"op\":1}"), ElementsAre("wrong_type op"));
  EXPECT_THAT(reasons("{\"op\":\"submit\"}"), ElementsAre("missing_field transaction"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"transactions\":{}}"), ElementsAre("wrong_type transactions"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"op\":\"submit\",\"transactions\":[]}"), ElementsAre("duplicate_field op"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"transactions\":[],\"transactions\":[]}"),
              ElementsAre("duplicate_field transaction"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"transactions\":[],\"extra\":1}"), ElementsAre("unknown_field "));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"id\":[],\"transactions\":[]}"), ElementsAre("wrong_type id"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"id\":1,\"id\":1,\"transactions\":[]}"), ElementsAre("duplicate_field id"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"id\":\"" + std::string(200, 'x') + "\",\"transactions\":[]}"),
              ElementsAre("too_long id"));
  EXPECT_THAT(reasons("\"hello\""), ElementsAre("wrong_type "));
  EXPECT_THAT(why("{\"op\":\"submit\",\"transaktions\":[]}"), HasSubstr("did you mean 'transactions'"));
}

TEST_F(MessageParserTest, AnUnknownOperationIsAnsweredWithTheKnownOnes) {
  EXPECT_THAT(reasons("{\"op\":\"sumbit\",\"id\":7,\"transactions\":[]}"), ElementsAre("unknown_operation op"));
  EXPECT_EQ(parse("{\"op\":\"sumbit\",\"id\":7}").request_id, "7");
  const std::string text = why("{\"op\":\"sumbit\"}");
  EXPECT_THAT(text, HasSubstr("did you mean 'submit'"));
  EXPECT_THAT(text, HasSubstr("label, customer, merchant, list, rate, policy, features, rules, quarantine, query"));
}

TEST_F(MessageParserTest, BrokenJsonIsOneReasonWithItsPlace) {
  TransactionText text = good();
  const Message& message = parse("[" + text.json() + ",{\"a\":tru}," + text.json() + "]");
  ASSERT_THAT(reasons(message), ElementsAre("broken_json "));
  EXPECT_THAT(std::get<Unacceptable>(message.commands[0].body).reasons[0].text,
              HasSubstr("at byte " + std::to_string(text.json().size() + 7)));
  EXPECT_EQ(message.commands[0].raw, text_);
  for (const char* broken : {"",
                             " ",
                             "{",
                             "}",
                             "[",
                             "{\"op\"",
                             "{\"op\":",
                             "{\"op\":}",
                             "{\"op\":\"submit\",}",
                             "{\"op\":\"submit\"",
                             "{\"op\":\"submit\"]",
                             "[1 2]",
                             "[1,]",
                             "[,1]",
                             "{op:1}",
                             "{\"a\" 1}",
                             "{\"a\":1 \"b\":2}",
                             "[01]",
                             "[1.]",
                             "[.5]",
                             "[+1]",
                             "[1e]",
                             "[-]",
                             "[nul]",
                             "[nullx]",
                             "[True]",
                             "[\"a\\x\"]",
                             "[\"\\u12g4\"]",
                             "[\"\\ud800\"]",
                             "[\"\\udc00\"]",
                             "[\"\\ud800\\u0041\"]",
                             "[\"a",
                             "[\"a\nb\"]",
                             "[1]x",
                             "[1][2]",
                             "{\"a\":1}}",
                             "[\"a\"b]",
                             "[a\"b\"]",
                             "[1\"b\"]",
                             "\xEF\xBB\xBF[]",
                             "[{]}",
                             "[}",
                             "{]",
                             "[NaN]",
                             "['a']",
                             "[1]/**/",
                             "//"}) {
    EXPECT_THAT(reasons(broken), ElementsAre("broken_json ")) << broken;
  }
}

TEST_F(MessageParserTest, EveryTruncationOfAMessageIsBroken) {
  TransactionText text = good();
  text.with("x", "[1,{\"a\":\"\\u00e4\"},null,true]");
  const std::string whole = "{\"op\":\"submit\",\"id\":12,\"transactions\":[" + text.json() + "]}";
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_THAT(reasons(whole.substr(0, bytes)), ElementsAre("broken_json ")) << whole.substr(0, bytes);
  }
}

TEST_F(MessageParserTest, InvalidUtf8IsRefusedWithItsPlace) {
  for (const char* bad : {"\xff", "\xc0\xaf", "\xe4\xb8", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\x80"}) {
    const std::string text = "{\"op\":\"" + std::string(bad) + "\"}";
    EXPECT_THAT(reasons(text), ElementsAre("invalid_utf8 "));
    EXPECT_THAT(why(text), HasSubstr("at byte 7"));
  }
}

TEST_F(MessageParserTest, NulBytesAreBroken) {
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s, "[1,\0]"s, "[\"a\0b\"]"s, "[]\0"s, "{\"op\":\"submit\"\0}"s}) {
    EXPECT_THAT(reasons(text), ElementsAre("broken_json "));
  }
}

TEST_F(MessageParserTest, DeepNestingIsRefused) {
  TransactionText deep = good(), fits = good();
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(accepted(fits.with("x", nested(64))).extra.size(), 2 * 64 + 6u);
  EXPECT_THAT(reasons(deep.with("x", nested(65))), ElementsAre("too_deep "));
  EXPECT_THAT(reasons(std::string(1'000'000, '[')), ElementsAre("too_deep "));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_THAT(reasons(objects), ElementsAre("too_deep "));
}

TEST_F(MessageParserTest, AMessageOfTenMegabytesIsRefusedAndItsBeginningKept) {
  const std::string text = "[" + std::string(10'000'000, ' ') + "]";
  const Message& message = parse(text);
  EXPECT_THAT(reasons(message), ElementsAre("message_too_large "));
  EXPECT_EQ(message.commands.front().raw.size(), kQuarantineRawBytesMax);
  EXPECT_EQ(message.commands.front().raw, std::string_view(text).substr(0, kQuarantineRawBytesMax));
  EXPECT_TRUE(parse("[" + std::string(kMessageBytesMax - 2, ' ') + "]").commands.empty()) << "the limit itself fits";
}

TEST_F(MessageParserTest, RawTextIsCutToWhatTheQuarantineKeeps) {
  const Message& message = parse(submit("{\"x\":\"" + std::string(kQuarantineRawBytesMax, 'x') + "\"}"));
  EXPECT_EQ(message.commands.front().raw.size(), kQuarantineRawBytesMax);
}

TEST_F(MessageParserTest, TooManyCommandsAreRefusedWhole) {
  std::string text = "[";
  for (std::size_t i = 0; i < kCommandsPerMessageMax; ++i) text += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(parse(text + "]").commands.size(), kCommandsPerMessageMax);
  EXPECT_THAT(reasons(text + ",{}]"), ElementsAre("too_many_commands transactions"));
}

TEST_F(MessageParserTest, ReasonsOfOneElementAreBounded) {
  std::string text = "{\"op\":\"customer\",\"customer\":{";
  for (int i = 0; i < 1000; ++i) text += "\"f" + std::to_string(i) + "\":1,";
  EXPECT_EQ(reasons(text + "\"customer_id\":\"c\"}}").size(), 32u);
}

TEST_F(MessageParserTest, OrderIsAskedForWithAnIdOnly) {
  const std::string element = ",\"transaction\":" + good().json() + "}";
  EXPECT_TRUE(parse("{\"op\":\"submit\",\"id\":1,\"in_order\":true" + element).in_order);
  EXPECT_FALSE(parse("{\"op\":\"submit\",\"id\":1,\"in_order\":false" + element).in_order);
  EXPECT_FALSE(parse(submit(good().json())).in_order);
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"in_order\":true" + element), ElementsAre("missing_field id"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"id\":1,\"in_order\":1" + element), ElementsAre("wrong_type in_order"));
  EXPECT_THAT(reasons("{\"op\":\"submit\",\"id\":1,\"in_order\":true,\"in_order\":true" + element),
              ElementsAre("duplicate_field in_order"));
}

}  // namespace
}  // namespace vigil::commands
