#include "rules/expression/transaction_fields.h"

#include <cstdlib>

#include "rules/expression/calendar.h"

namespace vigil::rules {
namespace {

constexpr std::size_t slot(TransactionField field) { return static_cast<std::size_t>(field); }

// An absent optional text is "", which rules see as null.
Value text_or_null(std::string_view text) { return text.empty() ? Value::null() : Value::of(text); }

// One correctly rounded division: the same double on every machine.
double degrees(std::int32_t e7) { return static_cast<double>(e7) / 1e7; }

}  // namespace

const Symbols& transaction_symbols() {
  using enum TransactionField;
  static const Symbols symbols{
      {"transaction_id", ValueType::text, slot(transaction_id)},
      {"customer_id", ValueType::text, slot(customer_id)},
      {"merchant_id", ValueType::text, slot(merchant_id)},
      {"device_id", ValueType::text, slot(device_id)},
      {"amount", ValueType::integer, slot(amount)},
      {"amount_base", ValueType::integer, slot(amount_base)},
      {"currency", ValueType::text, slot(currency)},
      {"country", ValueType::text, slot(country)},
      {"card_country", ValueType::text, slot(card_country)},
      {"category", ValueType::text, slot(category)},
      {"channel", ValueType::text, slot(channel)},
      {"status", ValueType::text, slot(status)},
      {"event_time", ValueType::integer, slot(event_time)},
      {"hour", ValueType::integer, slot(hour)},
      {"weekday", ValueType::integer, slot(weekday)},
      {"latitude", ValueType::floating, slot(latitude)},
      {"longitude", ValueType::floating, slot(longitude)},
  };
  return symbols;
}

void fill_transaction_fields(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                             std::span<Value> slots) {
  using enum TransactionField;
  if (slots.size() < kTransactionFields) std::abort();  // the caller's span is too short: a broken invariant
  const std::int64_t time_us = transaction.event_time.value();
  slots[slot(transaction_id)] = Value::of(transaction.id);
  slots[slot(customer_id)] = Value::of(transaction.customer_id);
  slots[slot(merchant_id)] = Value::of(transaction.merchant_id);
  slots[slot(device_id)] = text_or_null(transaction.device_id);
  slots[slot(amount)] = Value::of(transaction.amount.minor);
  slots[slot(amount_base)] = Value::of(amount_base_minor);
  slots[slot(currency)] = text_or_null(transaction.amount.currency.text());
  slots[slot(country)] = text_or_null(transaction.country.text());
  slots[slot(card_country)] = text_or_null(transaction.card_country.text());
  slots[slot(category)] = text_or_null(transaction.category);
  slots[slot(channel)] = text_or_null(transaction.channel);
  slots[slot(status)] = Value::of(name(transaction.status));
  slots[slot(event_time)] = Value::of(time_us);
  slots[slot(hour)] = Value::of(utc_hour(time_us));
  slots[slot(weekday)] = Value::of(utc_weekday(time_us));
  const auto& place = transaction.place;
  slots[slot(latitude)] = place ? Value::of(degrees(place->latitude_e7)) : Value::null();
  slots[slot(longitude)] = place ? Value::of(degrees(place->longitude_e7)) : Value::null();
}

}  // namespace vigil::rules
