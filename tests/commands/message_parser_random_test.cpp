// Random transactions come back equal from their JSON; mutated messages never do harm.
#include <gtest/gtest.h>
#include <random>

#include "commands/message_parser.h"

namespace vigil::commands {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool chance(std::uint64_t in) { return below(in) == 0; }
  std::string word(std::size_t bytes_max) {
    static constexpr std::string_view kLetters[] = {"a", "Z", "7", "-", " ", "\"", "\\", "/", "ä", "€", "😀"};
    std::string out = "w";
    while (out.size() + 4 <= bytes_max && !chance(12)) out += kLetters[below(std::size(kLetters))];
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

// The JSON of a text, with escapes where they are needed and sometimes where they are not.
std::string quote(std::string_view text, Random& random) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= 'a' && c <= 'z' && random.chance(8)) {
      static constexpr char kHex[] = "0123456789aBcDeF";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A number with `scale` decimals, as digits and a point.
std::string decimal(std::int64_t value, int scale) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  while (static_cast<int>(digits.size()) <= scale) digits.insert(0, "0");
  if (scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(scale), ".");
  return (value < 0 ? "-" : "") + digits;
}

struct Sample {
  std::string id, customer, merchant, device, category, channel, extra;
  eventlog::Transaction transaction;
  std::string json;
};

void add(Sample& sample, const std::string& name, const std::string& value, Random& random) {
  if (sample.json.size() > 1) sample.json += random.chance(3) ? " ,\n" : ",";
  sample.json += "\"" + name + "\"" + (random.chance(3) ? " : " : ":") + value;
}

void add_amount(Sample& sample, Random& random) {
  eventlog::Money& amount = sample.transaction.amount;
  const char* const currency = (const char*[]){"EUR", "JPY", "KWD"}[random.below(3)];
  amount = {static_cast<std::int64_t>(random.below(1'000'000'000)), *eventlog::Code::parse(currency)};
  add(sample, "currency", "\"" + std::string(currency) + "\"", random);
  if (random.chance(2)) {
    add(sample, "amount_minor", std::to_string(amount.minor), random);
  } else {
    const std::string text = decimal(amount.minor, *eventlog::currency_exponent(amount.currency));
    add(sample, "amount", random.chance(2) ? text : "\"" + text + "\"", random);
  }
}

void add_options(Sample& sample, Random& random) {
  eventlog::Transaction& out = sample.transaction;
  const auto text = [&](const char* name, std::string& keep, std::string_view& view, std::size_t bytes_max) {
    if (random.chance(2)) return;
    keep = random.word(bytes_max);
    view = keep;
    add(sample, name, quote(keep, random), random);
  };
  text("device_id", sample.device, out.device_id, eventlog::kIdBytesMax);
  text("category", sample.category, out.category, eventlog::kWordBytesMax);
  text("channel", sample.channel, out.channel, eventlog::kWordBytesMax);
  if (random.chance(2)) {
    out.place = {static_cast<std::int32_t>(static_cast<std::int64_t>(random.below(1'800'000'001)) - 900'000'000),
                 static_cast<std::int32_t>(static_cast<std::int64_t>(random.below(3'600'000'001)) - 1'800'000'000)};
    add(sample, "latitude", decimal(out.place->latitude_e7, 7), random);
    add(sample, "longitude", decimal(out.place->longitude_e7, 7), random);
  }
  if (random.chance(2)) {
    out.status = static_cast<eventlog::Status>(random.below(4));
    add(sample, "status", "\"" + std::string(name(out.status)) + "\"", random);
  }
  if (random.chance(2)) {
    out.country = *eventlog::Code::parse("BR");
    add(sample, "country", "\"BR\"", random);
  }
  if (random.chance(2)) {
    out.version = static_cast<std::uint16_t>(1 + random.below(65'535));
    add(sample, "version", std::to_string(out.version), random);
  }
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    const std::string name = "x" + std::to_string(i), value = random.chance(2) ? "[1,{\"a\": null}]" : "-0.5e3";
    sample.extra += (sample.extra.empty() ? "{\"" : ",\"") + name + "\":" + value;
    add(sample, name, value, random);
  }
  if (!sample.extra.empty()) sample.extra += "}";
  out.extra = sample.extra;
}

Sample random_transaction(Random& random) {
  Sample sample;
  sample.json = "{";
  eventlog::Transaction& out = sample.transaction;
  sample.id = random.word(eventlog::kIdBytesMax);
  sample.customer = random.word(eventlog::kIdBytesMax);
  sample.merchant = random.word(eventlog::kIdBytesMax);
  out.event_time = eventlog::EventTime{static_cast<std::int64_t>(random.below(253'402'300'800'000'000))};
  if (random.chance(2)) add_amount(sample, random);
  add(sample, "transaction_id", quote(sample.id, random), random);
  add(sample, "event_time", std::to_string(out.event_time.value()), random);
  if (out.amount.currency.none()) add_amount(sample, random);
  add(sample, "customer_id", quote(sample.customer, random), random);
  add(sample, "merchant_id", quote(sample.merchant, random), random);
  add_options(sample, random);
  sample.json += "}";
  return sample;
}

// Views into a moved sample would dangle, so they are set where it stays.
void point_to_itself(Sample& sample) {
  sample.transaction.id = sample.id;
  sample.transaction.customer_id = sample.customer;
  sample.transaction.merchant_id = sample.merchant;
  sample.transaction.device_id = sample.device;
  sample.transaction.category = sample.category;
  sample.transaction.channel = sample.channel;
  sample.transaction.extra = sample.extra;
}

TEST(MessageParserRandomTest, TransactionsComeBackEqual) {
  Random random(20240501);
  MessageParser parser;
  for (int round = 0; round < 300; ++round) {
    std::vector<Sample> samples;
    std::string text = "[";
    for (std::uint64_t i = random.below(20); i > 0; --i) {
      samples.push_back(random_transaction(random));
      text += (text.size() > 1 ? "," : "") + samples.back().json;
    }
    const Message& message = parser.parse(text += "]", "test");
    ASSERT_EQ(message.commands.size(), samples.size()) << text;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      point_to_itself(samples[i]);
      const auto* submit = std::get_if<SubmitTransaction>(&message.commands[i].body);
      ASSERT_NE(submit, nullptr) << samples[i].json;
      EXPECT_EQ(submit->transaction, samples[i].transaction) << samples[i].json;
      EXPECT_EQ(message.commands[i].raw, samples[i].json);
    }
  }
}

std::string mutate(std::string text, Random& random) {
  static constexpr std::string_view kPieces[] = {"{",  "}",    "[",     "]",    "\"", ",",   ":",
                                                 "\\", "null", "1e999", "\xff", "\n", "\\u", "-"};
  for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
    const std::size_t at = random.below(text.size() + 1);
    switch (random.below(4)) {
      case 0: text.insert(at, kPieces[random.below(std::size(kPieces))]); break;
      case 1: text.erase(at, random.below(8)); break;
      case 2: text.insert(at, text.substr(random.below(text.size() + 1), random.below(60))); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
    }
  }
  return text;
}

TEST(MessageParserRandomTest, MutatedMessagesAreAnsweredAndEverythingStaysInTheMessage) {
  Random random(7);
  MessageParser parser;
  std::size_t accepted = 0, refused = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = "{\"op\":\"submit\",\"id\":1,\"transactions\":[" + random_transaction(random).json + "," +
                       random_transaction(random).json + "]}";
    text = mutate(std::move(text), random);
    const Message& message = random.chance(2) ? parser.parse(text, "test") : parser.parse_line(text, "test");
    for (const Command& command : message.commands) {
      EXPECT_NE(text.find(command.raw), text.npos);
      const auto* bad = std::get_if<Unacceptable>(&command.body);
      EXPECT_TRUE(bad == nullptr || !bad->reasons.empty());
      ++(bad == nullptr ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 1000u);
  EXPECT_GT(refused, 1000u);
}

TEST(MessageParserRandomTest, GarbageIsRefused) {
  Random random(11);
  MessageParser parser;
  for (int round = 0; round < 5'000; ++round) {
    std::string text(random.below(300), '\0');
    for (char& c : text)
      c = random.chance(2) ? "{}[]\",:\\ntf0-"[random.below(13)] : static_cast<char>(random.below(256));
    parser.parse(text, "test");
    parser.parse_line(text, "test");
  }
  EXPECT_TRUE(parser.parse("[]", "test").commands.empty()) << "and the parser works as before";
}

}  // namespace
}  // namespace vigil::commands
