#include "commands/transaction_form.h"

#include "commands/decimal.h"

namespace vigil::commands {

using Field = TransactionField;

void TransactionForm::clear() {
  transaction_ = {};
  amount_ = amount_minor_ = latitude_ = longitude_ = {};
  seen_ = 0;
  objections_.clear();
}

void TransactionForm::set_id(Field field, std::string_view value, std::string_view& out) {
  if (check_text(value, eventlog::kIdBytesMax, name(field), objections_)) out = value;
}

void TransactionForm::set_word(Field field, std::string_view value, std::string_view& out) {
  if (check_text(value, eventlog::kWordBytesMax, name(field), objections_)) out = value;
}

void TransactionForm::set_country(Field field, std::string_view value, eventlog::Code& out) {
  if (const auto code = check_country(value, name(field), objections_)) out = *code;
}

void TransactionForm::set(Field field, std::string_view value) {
  constexpr std::uint32_t kRequired = bit(Field::transaction_id) | bit(Field::event_time) | bit(Field::customer_id) |
                                      bit(Field::merchant_id) | bit(Field::amount) | bit(Field::amount_minor) |
                                      bit(Field::currency);
  if (value.empty() && (bit(field) & kRequired) == 0) return;
  seen_ |= bit(field);
  switch (field) {
    case Field::transaction_id: return set_id(field, value, transaction_.id);
    case Field::customer_id: return set_id(field, value, transaction_.customer_id);
    case Field::merchant_id: return set_id(field, value, transaction_.merchant_id);
    case Field::device_id: return set_id(field, value, transaction_.device_id);
    case Field::category: return set_word(field, value, transaction_.category);
    case Field::channel: return set_word(field, value, transaction_.channel);
    case Field::country: return set_country(field, value, transaction_.country);
    case Field::card_country: return set_country(field, value, transaction_.card_country);
    case Field::amount: amount_ = value; return;
    case Field::amount_minor: amount_minor_ = value; return;
    case Field::latitude: latitude_ = value; return;
    case Field::longitude: longitude_ = value; return;
    case Field::version:
      if (const auto version = check_version(value, objections_)) transaction_.version = *version;
      return;
    case Field::event_time:
      if (const auto time = check_time_text(value, name(field), objections_)) transaction_.event_time = *time;
      return;
    case Field::currency:
      if (const auto code = check_currency(value, name(field), objections_)) transaction_.amount.currency = *code;
      return;
    case Field::status:
      if (const auto status = eventlog::parse_status(value)) {
        transaction_.status = *status;
      } else {
        objections_.add(reason::kUnknownStatus, name(field),
                        in_quotes(value) + " is not PENDING, COMPLETED, FAILED or REFUNDED");
      }
      return;
  }
}

void TransactionForm::set_time(eventlog::EventTime time) {
  seen_ |= bit(Field::event_time);
  transaction_.event_time = time;
}

void TransactionForm::require(Field field) {
  if (!has(field)) objections_.add(reason::kMissingField, name(field), "is required");
}

void TransactionForm::set_amount() {
  if (!has(Field::amount) && !has(Field::amount_minor)) {
    objections_.add(reason::kMissingField, name(Field::amount), "amount or amount_minor is required");
    return;
  }
  if (has(Field::amount) && has(Field::amount_minor)) {
    objections_.add(reason::kBadAmount, name(Field::amount), "give amount or amount_minor, not both");
    return;
  }
  const bool minor = has(Field::amount_minor);
  const Field field = minor ? Field::amount_minor : Field::amount;
  const std::string_view value = minor ? amount_minor_ : amount_;
  if (value.data() == nullptr) return;  // spoiled
  if (value.empty()) {
    objections_.add(reason::kEmptyField, name(field), "must not be empty");
    return;
  }
  // Without a known currency the decimals cannot be judged, but the form of the number can.
  const auto exponent = eventlog::currency_exponent(transaction_.amount.currency);
  const int scale = minor ? 0 : exponent.value_or(0);
  const Decimal amount = exponent || minor ? parse_decimal_exact(value, scale) : parse_decimal_rounded(value, scale);
  if (amount.fault == DecimalFault::none) {
    transaction_.amount.minor = amount.value;
    return;
  }
  std::string why = in_quotes(value) + " " + std::string(text(amount.fault));
  if (amount.fault == DecimalFault::too_many_decimals) {
    why += minor ? "; minor units are whole"
                 : "; " + std::string(transaction_.amount.currency.text()) + " has " + std::to_string(scale);
  }
  objections_.add(reason::kBadAmount, name(field), std::move(why));
}

const eventlog::Transaction* TransactionForm::finish() {
  constexpr std::uint32_t kAlways = bit(Field::transaction_id) | bit(Field::event_time) | bit(Field::customer_id) |
                                    bit(Field::merchant_id) | bit(Field::currency);
  if ((seen_ & kAlways) != kAlways) {
    for (Field field :
         {Field::transaction_id, Field::event_time, Field::customer_id, Field::merchant_id, Field::currency}) {
      require(field);
    }
  }
  set_amount();
  const bool place_spoiled =
      (has(Field::latitude) && latitude_.empty()) || (has(Field::longitude) && longitude_.empty());
  if (!place_spoiled) transaction_.place = check_place(latitude_, longitude_, objections_);
  return objections_.none() ? &transaction_ : nullptr;
}

}  // namespace vigil::commands
