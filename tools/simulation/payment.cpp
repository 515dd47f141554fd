#include "tools/simulation/payment.h"

#include <algorithm>

namespace vigil::tools::simulation {
namespace {

constexpr std::int64_t kAmountCentsMin = 50;
constexpr std::int64_t kAmountCentsMax = 400'000;
constexpr std::uint32_t kFailedPermille = 15;

// 1970-01-01 was a Thursday.
bool weekend(std::int64_t time_us) { return (time_us / kDayUs + 3) % 7 >= 5; }

std::int64_t moment(const Persona& persona, std::int64_t day_start_us, Random& random) {
  const auto hour = static_cast<std::int64_t>(random.weighted(persona.hours));
  return day_start_us + hour * kHourUs + random.between(0, kHourUs / 1000 - 1) * 1000;
}

bool at_work(const Persona& persona, std::int64_t time_us) {
  const std::int64_t hour = time_us % kDayUs / kHourUs;
  return persona.works && !weekend(time_us) && hour >= 9 && hour < 17;
}

std::int64_t amount_cents(const Category& category, const Persona& persona, Random& random) {
  const std::int64_t typical = category.median_cents * persona.spending_q16 / 65536;
  std::int64_t cents = typical * random.factor_q16(category.spread_q16) / 65536;
  if (category.channel == Channel::atm) cents = (cents + 999) / 1000 * 1000;  // notes of ten
  return std::clamp(cents, kAmountCentsMin, kAmountCentsMax);
}

}  // namespace

std::string_view name(Scenario scenario) {
  switch (scenario) {
    case Scenario::none: return "genuine";
    case Scenario::stolen_card: return "stolen_card";
    case Scenario::card_testing: return "card_testing";
    case Scenario::takeover: return "takeover";
    case Scenario::impossible_travel: return "impossible_travel";
    case Scenario::colluding_merchant: return "colluding_merchant";
    case Scenario::structuring: return "structuring";
  }
  return "";
}

Payment genuine_payment(const Population& population, std::int64_t day, std::int64_t day_start_us,
                        std::optional<std::uint32_t> customer, Random& random) {
  Payment payment;
  payment.customer = customer ? *customer : population.active_customer(random);
  const Customer& who = population.customers()[payment.customer];
  const Persona& persona = personas()[who.persona];
  const Population::Whereabouts where = population.whereabouts(payment.customer, day);
  payment.time_us = moment(persona, day_start_us, random);

  auto trade = static_cast<Trade>(random.weighted(persona.tastes));
  bool online = categories()[static_cast<std::size_t>(trade)].channel == Channel::online;
  if (where.on_the_way && !online) {
    trade = Trade::digital_goods;
    online = true;
  }
  eventlog::Place from = at_work(persona, payment.time_us) ? who.work : who.home;
  if (where.away) from = cities()[where.city].centre;
  // Online they order at home, wherever they are.
  payment.merchant = population.shop(payment.customer, trade, online ? who.home_city : where.city, from, random);

  const Category& category = categories()[population.merchants()[payment.merchant].category];
  payment.channel = category.channel;
  payment.amount_cents = amount_cents(category, persona, random);
  if (category.channel == Channel::online) payment.device = population.device(payment.customer, day, random);
  payment.failed = random.chance_permille(kFailedPermille);
  return payment;
}

}  // namespace vigil::tools::simulation
