// The facts of one transaction, filled in field by field from text, then checked as a whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/field_checks.h"
#include "eventlog/schema/transaction.h"

namespace vigil::commands {

enum class TransactionField : std::uint8_t {
  transaction_id,
  version,
  event_time,
  customer_id,
  merchant_id,
  device_id,
  amount,
  amount_minor,
  currency,
  country,
  card_country,
  category,
  channel,
  status,
  latitude,
  longitude,
};
inline constexpr std::array<std::string_view, 16> kTransactionFields = {
    "transaction_id", "version", "event_time",   "customer_id", "merchant_id", "device_id", "amount",   "amount_minor",
    "currency",       "country", "card_country", "category",    "channel",     "status",    "latitude", "longitude"};
constexpr std::string_view name(TransactionField field) { return kTransactionFields[static_cast<std::size_t>(field)]; }

// Not thread-safe. Views given to it must outlive the transaction it makes. Allocates only when something is
// wrong.
class TransactionForm {
 public:
  void clear();
  // A value as text: ids, words, codes, the status, decimals of amount, amount_minor, version and place.
  // Empty optional texts are the same as absent. `event_time` takes RFC 3339 here and microseconds in
  // set_time().
  void set(TransactionField field, std::string_view value);
  void set_time(eventlog::EventTime time);
  void set_extra(std::string_view json_object) { transaction_.extra = json_object; }
  // The field was there but unusable: a reason is known, so that it is not reported as missing as well.
  void spoil(TransactionField field) { seen_ |= bit(field); }
  Objections& objections() { return objections_; }

  // Checks what needs several fields (required ones, amount with currency, place). The transaction when there
  // is no objection.
  const eventlog::Transaction* finish();
  // The id when it could be read, else "".
  std::string_view transaction_id() const { return transaction_.id; }

 private:
  static constexpr std::uint32_t bit(TransactionField field) {
    return std::uint32_t{1} << static_cast<unsigned>(field);
  }
  bool has(TransactionField field) const { return (seen_ & bit(field)) != 0; }
  void require(TransactionField field);
  void set_amount();
  void set_id(TransactionField field, std::string_view value, std::string_view& out);
  void set_word(TransactionField field, std::string_view value, std::string_view& out);
  void set_country(TransactionField field, std::string_view value, eventlog::Code& out);

  eventlog::Transaction transaction_;
  std::string_view amount_, amount_minor_, latitude_, longitude_;
  std::uint32_t seen_ = 0;
  Objections objections_;
};

}  // namespace vigil::commands
