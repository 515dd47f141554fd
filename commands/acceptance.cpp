#include "commands/acceptance.h"

#include <string>

namespace vigil::commands {

namespace {

std::string minor(std::int64_t amount, eventlog::Code currency) {
  return std::to_string(amount) + " minor units of " + std::string(currency.text());
}

void check_amount(const eventlog::Transaction& transaction, const Policy& policy, std::vector<Reason>& reasons) {
  const std::int64_t amount = transaction.amount.minor;
  if (amount < policy.amount_minor_min) {
    reasons.push_back({"amount_below_minimum", "amount",
                       minor(amount, transaction.amount.currency) + " is below the policy's minimum of " +
                           std::to_string(policy.amount_minor_min)});
  }
  if (amount > policy.amount_minor_max) {
    reasons.push_back({"amount_above_maximum", "amount",
                       minor(amount, transaction.amount.currency) + " is above the policy's maximum of " +
                           std::to_string(policy.amount_minor_max)});
  }
}

void check_time(const eventlog::Transaction& transaction, const Policy& policy, const Moment& moment,
                std::vector<Reason>& reasons) {
  if (too_old(transaction, policy, moment)) {
    reasons.push_back({"event_time_too_old", "event_time",
                       "older than the acceptance horizon of " + std::to_string(policy.horizon_us / 1'000'000) +
                           " s; a repeat would have been found"});
  }
  if (transaction.event_time.value() > moment.ingest_time.value() + policy.future_skew_us) {
    reasons.push_back({"event_time_in_future", "event_time",
                       "more than the allowed skew of " + std::to_string(policy.future_skew_us / 1'000'000) +
                           " s ahead of the clock here"});
  }
}

std::int64_t base_amount(const eventlog::Transaction& transaction, const Policy& policy, const Rates& rates,
                         std::vector<Reason>& reasons) {
  const auto base = rates.to_base(transaction.amount, policy.base_currency);
  if (!base && !rates.rate_e9(transaction.amount.currency, policy.base_currency)) {
    reasons.push_back({"no_rate", "currency",
                       "no rate from " + std::string(transaction.amount.currency.text()) + " to " +
                           std::string(policy.base_currency.text()) + " is known; send an update of rates first"});
    return 0;
  }
  if (!base || *base > eventlog::kAmountBaseMinorMax) {
    reasons.push_back(
        {"amount_base_too_large", "amount", "exceeds " + minor(eventlog::kAmountBaseMinorMax, policy.base_currency)});
    return 0;
  }
  return *base;
}

}  // namespace

eventlog::EventTime reference_time(const Policy& policy, const Moment& moment) {
  return policy.clock == ReferenceClock::wall ? eventlog::EventTime{moment.ingest_time.value()} : moment.stream_time;
}

bool too_old(const eventlog::Transaction& transaction, const Policy& policy, const Moment& moment) {
  const std::int64_t reference = reference_time(policy, moment).value();
  // Before the first transaction stream time is the smallest number there is; nothing is older than that.
  return reference > INT64_MIN + policy.horizon_us && transaction.event_time.value() < reference - policy.horizon_us;
}

std::int64_t check(const eventlog::Transaction& transaction, const Policy& policy, const Rates& rates,
                   const Moment& moment, std::vector<Reason>& reasons) {
  check_amount(transaction, policy, reasons);
  check_time(transaction, policy, moment, reasons);
  return base_amount(transaction, policy, rates, reasons);
}

}  // namespace vigil::commands
