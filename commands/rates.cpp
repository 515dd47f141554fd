#include "commands/rates.h"

#include <limits>

namespace vigil::commands {

namespace {

constexpr __int128 power_of_ten(int exponent) {
  __int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

void Rates::apply(const eventlog::RateUpdated& event) { rates_[{event.currency, event.base}] = event.rate_e9; }

void Rates::save(eventlog::Piece& piece) const {
  for (const auto& [pair, rate_e9] : rates_) piece.put(pair.first.packed()).put(pair.second.packed()).put(rate_e9);
}

bool Rates::restore(eventlog::ValueReader& piece) {
  while (!piece.is_short() && !piece.ok()) {
    const eventlog::Code currency{piece.take<std::uint16_t>()}, base{piece.take<std::uint16_t>()};
    const auto rate_e9 = piece.take<std::int64_t>();
    if (!piece.is_short()) apply({currency, base, rate_e9});
  }
  return piece.ok();
}

std::optional<std::int64_t> Rates::rate_e9(eventlog::Code currency, eventlog::Code base) const {
  const auto found = rates_.find({currency, base});
  if (found == rates_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::int64_t> Rates::to_base(const eventlog::Money& amount, eventlog::Code base) const {
  if (amount.currency == base) return amount.minor;
  const auto rate = rate_e9(amount.currency, base);
  const auto from = eventlog::currency_exponent(amount.currency);
  const auto to = eventlog::currency_exponent(base);
  if (!rate || !from || !to) return std::nullopt;
  // minor / 10^from · rate / 10^9 · 10^to; both factors are below 2^63 and 10^4, so 128 bits hold the product
  // as long as the amount is within the policy's limits. A larger one is refused rather than wrapped.
  const __int128 product = static_cast<__int128>(amount.minor) * *rate;
  if (product > std::numeric_limits<__int128>::max() / power_of_ten(*to) / 2) return std::nullopt;
  const __int128 numerator = product * power_of_ten(*to);
  const __int128 denominator = power_of_ten(*from + 9);
  const __int128 half = denominator / 2;
  const __int128 rounded = (numerator >= 0 ? numerator + half : numerator - half) / denominator;
  if (rounded > std::numeric_limits<std::int64_t>::max() || rounded < std::numeric_limits<std::int64_t>::min()) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(rounded);
}

}  // namespace vigil::commands
