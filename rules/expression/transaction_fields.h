// The transaction's own fields as symbols: what filters and conditions may say about a payment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "eventlog/schema/transaction.h"
#include "rules/expression/expression.h"

namespace vigil::rules {

// In slot order. Absent optional facts are null. `amount` is in minor units of the transaction's currency,
// `amount_base` in minor units of the base currency, `event_time` in microseconds, `hour` 0–23 and
// `weekday` 1 (Monday) – 7 (Sunday) are UTC, `latitude` and `longitude` are degrees.
enum class TransactionField : std::size_t {
  transaction_id,
  customer_id,
  merchant_id,
  device_id,
  amount,
  amount_base,
  currency,
  country,
  card_country,
  category,
  channel,
  status,
  event_time,
  hour,
  weekday,
  latitude,
  longitude,
  count_,  // how many there are
};
inline constexpr std::size_t kTransactionFields = static_cast<std::size_t>(TransactionField::count_);

// The symbols, slots 0 … kTransactionFields - 1.
const Symbols& transaction_symbols();

// Fills the first kTransactionFields of `slots`. Texts point into `transaction` or static storage.
void fill_transaction_fields(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                             std::span<Value> slots);

}  // namespace vigil::rules
