#include "rules/features/lifetime.h"

#include <bit>
#include <cmath>

namespace vigil::rules {
namespace {

constexpr std::uint64_t kExactDoubleMax = std::uint64_t{1} << 53;

// The quotient with 64 significant bits and a sticky last bit, so that the conversion to double rounds once.
double rounded_quotient(std::uint64_t numerator, std::uint64_t denominator) {
  if (numerator == 0) return 0.0;
  const int shift = 64 + std::countl_zero(numerator);
  const unsigned __int128 wide = static_cast<unsigned __int128>(numerator) << shift;
  unsigned __int128 quotient = wide / denominator;  // at least 2^127 / 2^64: 63 bits or more
  const bool inexact = wide % denominator != 0;
  int exponent = -shift;
  bool sticky = inexact;
  while (quotient >> 62 != 0) {
    sticky = sticky || (quotient & 1) != 0;
    quotient >>= 1;
    ++exponent;
  }
  return std::ldexp(static_cast<double>(static_cast<std::uint64_t>(quotient << 1 | (sticky ? 1 : 0))), exponent - 1);
}

}  // namespace

double mean_of(std::int64_t sum, std::uint64_t count) {
  if (count == 0) return 0.0;
  const std::uint64_t magnitude = sum < 0 ? 0 - static_cast<std::uint64_t>(sum) : static_cast<std::uint64_t>(sum);
  const double quotient = magnitude <= kExactDoubleMax && count <= kExactDoubleMax
                              ? static_cast<double>(magnitude) / static_cast<double>(count)
                              : rounded_quotient(magnitude, count);
  return sum < 0 ? -quotient : quotient;
}

double standard_deviation_of(std::int64_t sum, unsigned __int128 square_sum, std::uint64_t count) {
  if (count == 0) return 0.0;
  const unsigned __int128 magnitude = sum < 0 ? 0 - static_cast<std::uint64_t>(sum) : static_cast<std::uint64_t>(sum);
  unsigned __int128 scaled = 0;
  const double n = static_cast<double>(count);
  if (!__builtin_mul_overflow(square_sum, static_cast<unsigned __int128>(count), &scaled)) {
    return std::sqrt(static_cast<double>(scaled - magnitude * magnitude)) / n;
  }
  // Beyond 128 bits (more than 2^24 amounts near the largest one): squares around the whole part of the mean,
  // which are small enough again for one division each.
  const unsigned __int128 whole = magnitude / count;
  const unsigned __int128 rest = magnitude % count;
  const unsigned __int128 centred = square_sum - 2 * whole * magnitude + whole * whole * count;
  const double fraction = static_cast<double>(rest) / n;
  const double variance = static_cast<double>(centred) / n - fraction * fraction;
  return variance > 0 ? std::sqrt(variance) : 0.0;
}

void Lifetime::apply(const eventlog::TransactionDecided& event) {
  const eventlog::Transaction& transaction = event.transaction;
  const eventlog::EventTime time = transaction.event_time;
  if (transactions == 0 || time < first_seen) first_seen = time;
  if (transactions == 0 || time >= last_seen) last_seen = time;
  if (transaction.place && (!last_place || time >= last_place_time)) {
    last_place = transaction.place;
    last_place_time = time;
  }
  ++transactions;
  if (event.outcome == eventlog::Outcome::decline) ++declined;
  amount_sum_minor += event.amount_base_minor;
  const auto amount = static_cast<unsigned __int128>(event.amount_base_minor);
  amount_square_sum += amount * amount;
}

void Lifetime::apply(const eventlog::LabelReported& event) {
  const bool was_fraud = event.corrects && is_fraud(event.corrected_kind);
  if (is_fraud(event.kind) && !was_fraud) ++frauds;
  if (!is_fraud(event.kind) && was_fraud && frauds > 0) --frauds;
}

double Lifetime::mean() const { return mean_of(amount_sum_minor, transactions); }

double Lifetime::standard_deviation() const {
  return standard_deviation_of(amount_sum_minor, amount_square_sum, transactions);
}

}  // namespace vigil::rules
