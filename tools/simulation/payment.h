// One simulated payment, and the genuine ones: what people buy when nobody cheats.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/simulation/population.h"

namespace vigil::tools::simulation {

// Why a payment is fraud; `none` is genuine.
enum class Scenario : std::uint8_t {
  none,
  stolen_card,         // a burst of high amounts within half an hour
  card_testing,        // many tiny online payments, then a large one
  takeover,            // a new device drains an account online
  impossible_travel,   // far away, minutes after the true owner paid at home
  colluding_merchant,  // one shop charges many stolen cards within hours
  structuring,         // amounts kept just below the reporting limit
};
inline constexpr std::size_t kScenarios = 7;
std::string_view name(Scenario scenario);

struct Payment {
  std::int64_t time_us = 0;    // event time
  std::uint64_t sequence = 0;  // order of making, decides among equal times
  std::uint32_t customer = 0;
  std::uint32_t merchant = 0;
  std::uint64_t device = 0;       // 0: none
  std::int64_t amount_cents = 0;  // in euros; written in the currency of the merchant's city
  Channel channel = Channel::pos;
  bool failed = false;
  Scenario scenario = Scenario::none;
};

inline constexpr std::int64_t kSecondUs = 1'000'000;
inline constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
inline constexpr std::int64_t kHourUs = 60 * kMinuteUs;
inline constexpr std::int64_t kDayUs = 24 * kHourUs;

// A genuine payment of some customer (of `customer`, when given) on a day that begins at `day_start_us`.
Payment genuine_payment(const Population& population, std::int64_t day, std::int64_t day_start_us,
                        std::optional<std::uint32_t> customer, Random& random);

}  // namespace vigil::tools::simulation
