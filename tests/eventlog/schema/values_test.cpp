#include "eventlog/schema/value.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "eventlog/schema/transaction.h"

namespace vigil::eventlog {
namespace {

std::vector<std::byte> encoded(const std::vector<Value>& values) {
  std::vector<std::byte> bytes(values_bytes_max(values));
  bytes.resize(encode_values(values, bytes));
  return bytes;
}

void expect_round_trip(const std::vector<Value>& values) {
  const auto bytes = encoded(values);
  std::vector<Value> back(values.size());
  ASSERT_TRUE(decode_values(bytes, back));
  EXPECT_EQ(back, values);
}

TEST(Values, EdgesOfEveryTypeSurvive) {
  using Limits = std::numeric_limits<std::int64_t>;
  const std::string long_text(5000, 'x');
  std::vector<Value> values = {Value::null(), Value::boolean(true), Value::boolean(false),
                               Value::of(""), Value::of("a"),       Value::of(std::string_view(long_text))};
  for (std::int64_t i :
       {std::int64_t{0}, std::int64_t{239}, std::int64_t{240}, std::int64_t{-1}, Limits::max(), Limits::min()}) {
    values.push_back(Value::of(i));
  }
  for (double d :
       {0.0, -0.0, 1.0, -2.5, 1.0 / 3, std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min(),
        std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    values.push_back(Value::of(d));
  }
  expect_round_trip(values);
}

TEST(Values, RandomListsSurvive) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Value> values(random() % 40);
    for (Value& value : values) {
      const std::uint64_t bits = random() >> (random() % 64);
      switch (random() % 4) {
        case 0: value = Value::of(static_cast<std::int64_t>(bits)); break;
        case 1: value = Value::of(std::bit_cast<double>(random())); break;
        case 2: value = Value::of(static_cast<double>(bits)); break;
        default: value = Value::null();
      }
    }
    expect_round_trip(values);
  }
}

TEST(Values, TruncatedOrLongerBytesAreRefused) {
  const std::vector<Value> values = {Value::of("text"), Value::of(std::int64_t{100000}), Value::of(1.0 / 3)};
  const auto bytes = encoded(values);
  std::vector<Value> back(values.size());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_values(std::span(bytes).first(size), back)) << size;
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_values(longer, back));
  EXPECT_FALSE(decode_values(std::vector{std::byte{7}}, std::span(back).first(1)));
}

TEST(Values, SmallNumbersTakeOneByte) {
  EXPECT_EQ(encoded({Value::of(std::int64_t{0}), Value::of(std::int64_t{239}), Value::null(), Value::of(0.0)}).size(),
            4u);
  EXPECT_EQ(encoded({Value::of(1.0)}).size(), 3u);
}

TEST(Codes, EveryCodePacksAndUnpacks) {
  for (const char* text : {"EUR", "USD", "AAA", "ZZZ", "FR", "AA", "ZZ"}) {
    const auto code = Code::parse(text);
    ASSERT_TRUE(code) << text;
    EXPECT_EQ(code->text(), text);
  }
  for (const char* text : {"", "E", "eur", "EURO", "E1R", "E R"}) EXPECT_FALSE(Code::parse(text)) << text;
  EXPECT_NE(*Code::parse("FR"), *Code::parse("FRA"));
  EXPECT_EQ(Code{}.text(), "");
}

TEST(Codes, CurrenciesHaveTheirIsoExponents) {
  EXPECT_EQ(currency_exponent(*Code::parse("EUR")), 2);
  EXPECT_EQ(currency_exponent(*Code::parse("JPY")), 0);
  EXPECT_EQ(currency_exponent(*Code::parse("KWD")), 3);
  EXPECT_EQ(currency_exponent(*Code::parse("UYW")), 4);
  EXPECT_FALSE(currency_exponent(*Code::parse("ZZZ")));
  EXPECT_FALSE(currency_exponent(*Code::parse("FR")));
  EXPECT_TRUE(known_country(*Code::parse("FR")));
  EXPECT_FALSE(known_country(*Code::parse("ZZ")));
  EXPECT_FALSE(known_country(*Code::parse("EUR")));
}

}  // namespace
}  // namespace vigil::eventlog
