#include "tools/simulation/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "commands/message_parser.h"
#include "tools/simulation/writer.h"

namespace vigil::tools::simulation {
namespace {

StreamOptions small(std::uint64_t seed = 1) {
  StreamOptions options;
  options.transactions = 20'000;
  options.days = 10;
  options.fraud_per_million = 10'000;
  options.seed = seed;
  options.start_us = 1'767'225'600ll * kSecondUs;  // 2026-01-01
  return options;
}

std::vector<Item> items_of(const StreamOptions& options) {
  Stream stream(options);
  std::vector<Item> items;
  while (auto item = stream.next()) items.push_back(*item);
  return items;
}

std::vector<NumberedPayment> payments_of(const std::vector<Item>& items) {
  std::vector<NumberedPayment> payments;
  for (const Item& item : items) {
    if (const auto* payment = std::get_if<NumberedPayment>(&item)) payments.push_back(*payment);
  }
  return payments;
}

std::vector<std::string> lines_of(const StreamOptions& options, Format format) {
  Stream stream(options);
  const Writer writer(format, stream);
  std::vector<std::string> lines;
  writer.write_preamble([&](std::string_view line) { lines.emplace_back(line); });
  while (const auto item = stream.next()) {
    std::string line;
    if (writer.write(line, *item)) lines.push_back(std::move(line));
  }
  return lines;
}

TEST(StreamTest, GivesExactlyAsManyPaymentsAsAskedInOrderOfTime) {
  const auto payments = payments_of(items_of(small()));
  ASSERT_EQ(payments.size(), 20'000u);
  for (std::size_t n = 1; n < payments.size(); ++n) {
    ASSERT_LE(payments[n - 1].payment.time_us, payments[n].payment.time_us);
    ASSERT_EQ(payments[n].number, n + 1);
  }
  EXPECT_GE(payments.front().payment.time_us, small().start_us);
  EXPECT_LT(payments.back().payment.time_us, small().start_us + 10 * kDayUs);
}

TEST(StreamTest, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const auto lines = lines_of(small(), Format::json_lines);
  EXPECT_EQ(lines, lines_of(small(), Format::json_lines));
  EXPECT_NE(lines, lines_of(small(2), Format::json_lines));
}

TEST(StreamTest, AboutTheAskedShareIsFraudOfEveryKind) {
  std::map<Scenario, int> counts;
  for (const NumberedPayment& item : payments_of(items_of(small()))) ++counts[item.payment.scenario];
  const int fraud = 20'000 - counts[Scenario::none];
  EXPECT_NEAR(fraud, 200, 30);
  StreamOptions longer = small();
  longer.fraud_per_million = 50'000;
  counts.clear();
  for (const NumberedPayment& item : payments_of(items_of(longer))) ++counts[item.payment.scenario];
  EXPECT_EQ(counts.size(), kScenarios);
}

TEST(StreamTest, WithoutFraudNothingIsLabelledFraud) {
  StreamOptions options = small();
  options.fraud_per_million = 0;
  for (const Item& item : items_of(options)) {
    const auto* label = std::get_if<Label>(&item);
    EXPECT_TRUE(label == nullptr || label->scenario == Scenario::none);
  }
}

TEST(StreamTest, EveryFraudIsLabelledOnceWhenItBecomesKnownAndNeverBefore) {
  std::map<std::uint64_t, Payment> seen;
  std::set<std::uint64_t> labelled;
  std::int64_t now = 0;
  for (const Item& item : items_of(small())) {
    if (const auto* payment = std::get_if<NumberedPayment>(&item)) {
      now = payment->payment.time_us;
      seen[payment->number] = payment->payment;
      continue;
    }
    const Label& label = std::get<Label>(item);
    ASSERT_TRUE(seen.contains(label.number));
    EXPECT_GT(label.known_at_us, seen[label.number].time_us);
    EXPECT_EQ(label.scenario, seen[label.number].scenario);
    EXPECT_TRUE(labelled.insert(label.number).second);
    // It stands right before the first payment at or after the moment it is known.
    EXPECT_GE(label.known_at_us, now);
  }
  for (const auto& [number, payment] : seen) {
    EXPECT_TRUE(payment.scenario == Scenario::none || labelled.contains(number)) << number;
  }
}

TEST(StreamTest, ATakeoverUsesADeviceNobodyUsedBefore) {
  std::set<std::uint64_t> genuine;
  std::vector<std::uint64_t> stolen;
  for (const NumberedPayment& item : payments_of(items_of(small()))) {
    const Payment& payment = item.payment;
    if (payment.scenario == Scenario::none && payment.device != 0) genuine.insert(payment.device);
    if (payment.scenario == Scenario::takeover) stolen.push_back(payment.device);
  }
  ASSERT_FALSE(stolen.empty());
  for (const std::uint64_t device : stolen) EXPECT_FALSE(genuine.contains(device));
}

TEST(StreamTest, AWorldOfOneCustomerAndOneMerchantWorks) {
  StreamOptions options = small();
  options.transactions = 500;
  options.customers = 1;
  options.merchants = 1;
  EXPECT_EQ(payments_of(items_of(options)).size(), 500u);
}

TEST(StreamTest, EveryJsonLineIsAccepted) {
  commands::MessageParser parser;
  std::size_t commands = 0;
  for (const std::string& line : lines_of(small(), Format::json_lines)) {
    const commands::Message& message = parser.parse_line(line, "simulated");
    ASSERT_EQ(message.commands.size(), 1u) << line;
    const auto* bad = std::get_if<commands::Unacceptable>(&message.commands.front().body);
    ASSERT_EQ(bad, nullptr) << line << "\n" << bad->reasons.front().text;
    ++commands;
  }
  EXPECT_GT(commands, 20'000u);
}

TEST(StreamTest, EveryCsvLineHasAsManyFieldsAsTheHeader) {
  const auto lines = lines_of(small(), Format::csv);
  ASSERT_EQ(lines.size(), 20'001u);
  const auto commas = std::ranges::count(lines.front(), ',');
  for (const std::string& line : lines) ASSERT_EQ(std::ranges::count(line, ','), commas) << line;
}

}  // namespace
}  // namespace vigil::tools::simulation
