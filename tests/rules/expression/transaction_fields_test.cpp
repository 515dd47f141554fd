#include "rules/expression/transaction_fields.h"

#include <gtest/gtest.h>

#include <array>

#include "rules/expression/calendar.h"

namespace vigil::rules::transaction_fields_test {
namespace {

using eventlog::Code;
using eventlog::EventTime;

constexpr std::int64_t kTime = 1'767'225'599'000'000;  // 2025-12-31 23:59:59 UTC, a Wednesday

eventlog::Transaction full() {
  eventlog::Transaction t;
  t.id = "t1";
  t.customer_id = "c1";
  t.merchant_id = "m1";
  t.device_id = "d1";
  t.event_time = EventTime{kTime};
  t.amount = {1234, *Code::parse("USD")};
  t.country = *Code::parse("FR");
  t.card_country = *Code::parse("DE");
  t.category = "food";
  t.channel = "pos";
  t.status = eventlog::Status::failed;
  t.place = eventlog::Place{488566000, -23522000};
  return t;
}

Value field(const eventlog::Transaction& transaction, std::string_view name) {
  std::array<Value, kTransactionFields> slots;
  fill_transaction_fields(transaction, 1100, slots);
  for (const Symbol& symbol : transaction_symbols()) {
    if (symbol.name == name) return slots[symbol.slot];
  }
  ADD_FAILURE() << "no field " << name;
  return {};
}

std::string_view text(const Value& value) { return value.type == ValueType::text ? value.text_view() : "(not a text)"; }

TEST(TransactionFields, SymbolsStandInSlotOrderWithTheTypesOfTheirValues) {
  ASSERT_EQ(transaction_symbols().size(), kTransactionFields);
  std::array<Value, kTransactionFields> slots;
  fill_transaction_fields(full(), 1, slots);
  for (std::size_t i = 0; i < kTransactionFields; ++i) {
    EXPECT_EQ(transaction_symbols()[i].slot, i);
    EXPECT_EQ(transaction_symbols()[i].type, slots[i].type) << transaction_symbols()[i].name;
  }
}

TEST(TransactionFields, EveryFieldIsFilled) {
  const auto t = full();
  EXPECT_EQ(text(field(t, "transaction_id")), "t1");
  EXPECT_EQ(text(field(t, "customer_id")), "c1");
  EXPECT_EQ(text(field(t, "merchant_id")), "m1");
  EXPECT_EQ(text(field(t, "device_id")), "d1");
  EXPECT_EQ(field(t, "amount"), Value::of(std::int64_t{1234}));
  EXPECT_EQ(field(t, "amount_base"), Value::of(std::int64_t{1100}));
  EXPECT_EQ(text(field(t, "currency")), "USD");
  EXPECT_EQ(text(field(t, "country")), "FR");
  EXPECT_EQ(text(field(t, "card_country")), "DE");
  EXPECT_EQ(text(field(t, "category")), "food");
  EXPECT_EQ(text(field(t, "channel")), "pos");
  EXPECT_EQ(text(field(t, "status")), "FAILED");
  EXPECT_EQ(field(t, "event_time"), Value::of(kTime));
  EXPECT_EQ(field(t, "hour"), Value::of(std::int64_t{23}));
  EXPECT_EQ(field(t, "weekday"), Value::of(std::int64_t{3}));
  EXPECT_EQ(field(t, "latitude"), Value::of(48.8566));
  EXPECT_EQ(field(t, "longitude"), Value::of(-2.3522));
}

TEST(TransactionFields, AbsentFactsAreNull) {
  auto t = full();
  t.device_id = t.category = t.channel = "";
  t.country = t.card_country = Code{};
  t.place.reset();
  for (const char* name : {"device_id", "category", "channel", "country", "card_country", "latitude", "longitude"}) {
    EXPECT_TRUE(field(t, name).is_null()) << name;
  }
}

TEST(Calendar, HoursAndWeekdaysRoundTowardsThePast) {
  EXPECT_EQ(utc_hour(0), 0);
  EXPECT_EQ(utc_hour(-1), 23);
  EXPECT_EQ(utc_hour(kDayUs - 1), 23);
  EXPECT_EQ(utc_day(-1), -1);
  EXPECT_EQ(utc_day(-kDayUs), -1);
  for (int day = -20; day <= 20; ++day) {
    EXPECT_EQ(utc_weekday(day * kDayUs), (((day + 3) % 7) + 7) % 7 + 1) << day;
  }
  EXPECT_EQ(utc_weekday(INT64_MIN), utc_weekday(INT64_MIN + kHourUs));
}

}  // namespace
}  // namespace vigil::rules::transaction_fields_test
