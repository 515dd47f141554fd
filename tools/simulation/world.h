// The places, currencies and kinds of merchants and people the simulation knows: tables, no behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "eventlog/schema/transaction.h"

namespace vigil::tools::simulation {

struct City {
  std::string_view name;
  std::string_view country;   // ISO 3166-1 alpha-2
  std::string_view currency;  // ISO 4217
  eventlog::Place centre;
  std::uint16_t weight;  // how many live there, relative
};
std::span<const City> cities();

// What one major unit is worth in euros, times 10^9 (RateUpdated), and its minor units.
struct Currency {
  std::string_view code;
  std::int64_t rate_e9;
  int exponent;
};
std::span<const Currency> currencies();
// From euro cents to minor units of `currency`; at least 1.
std::int64_t from_euro_cents(std::int64_t cents, std::string_view currency);

enum class Channel : std::uint8_t { pos, online, atm };
std::string_view name(Channel channel);

struct Category {
  std::string_view name;
  Channel channel;
  std::int64_t median_cents;
  std::int64_t spread_q16;  // see Random::factor_q16
  std::uint16_t merchants;  // share of merchants, relative
};
// Indexes into categories().
enum class Trade : std::size_t {
  grocery,
  restaurant,
  fuel,
  transport,
  pharmacy,
  fashion,
  electronics,
  health,
  entertainment,
  cash,
  online_retail,
  digital_goods,
  travel,
  utilities,
  gambling,
  count_,
};
inline constexpr std::size_t kCategories = static_cast<std::size_t>(Trade::count_);
std::span<const Category> categories();

struct Persona {
  std::string_view name;
  std::uint16_t share;                            // of the customers, relative
  std::uint16_t activity;                         // payments a day, relative
  std::int64_t spending_q16;                      // factor on every amount
  std::uint16_t trips_permille;                   // chance of a trip in each ten days
  bool works;                                     // spends weekday working hours at a work place
  std::array<std::uint16_t, 24> hours;            // when they pay, relative
  std::array<std::uint16_t, kCategories> tastes;  // what for, relative, in the order of categories()
};
std::span<const Persona> personas();

}  // namespace vigil::tools::simulation
