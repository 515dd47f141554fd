#include "tools/simulation/fraud.h"

#include <array>

namespace vigil::tools::simulation {
namespace {

// What an episode is made with.
struct Stage {
  const Population& population;
  std::int64_t day;
  std::int64_t day_start_us;
  Scenario scenario;
  Random& random;
  std::vector<Payment>& payments;

  std::uint32_t merchant(Trade trade, std::size_t city) const {
    const auto& choice = population.merchants_of(trade, city);
    return choice[random.below(choice.size())];
  }
  std::int64_t time_between_hours(std::int64_t first, std::int64_t last) const {
    return day_start_us + random.between(first * 3600, last * 3600 - 1) * kSecondUs;
  }
  std::size_t city_of(std::uint32_t customer) const { return population.whereabouts(customer, day).city; }

  void pay(std::int64_t time_us, std::uint32_t customer, std::uint32_t merchant, std::int64_t amount_cents,
           std::uint64_t device = 0) const {
    Payment payment;
    payment.time_us = time_us;
    payment.customer = customer;
    payment.merchant = merchant;
    payment.amount_cents = amount_cents;
    payment.channel = categories()[population.merchants()[merchant].category].channel;
    payment.device = payment.channel == Channel::online ? device : 0;
    payment.scenario = scenario;
    payments.push_back(payment);
  }
};

// A device nobody has used before: real ones are 40 bits, so that the two never meet.
std::uint64_t stolen_device(Random& random) { return (random.next() >> 26) | (1ull << 39); }

std::size_t stolen_card(const Stage& stage) {
  constexpr std::array kTrades = {Trade::electronics, Trade::fashion, Trade::electronics, Trade::fuel};
  const std::uint32_t victim = stage.population.active_customer(stage.random);
  std::int64_t time = stage.time_between_hours(10, 21);
  const auto count = static_cast<std::size_t>(stage.random.between(5, 10));
  for (std::size_t n = 0; n < count; ++n) {
    const Trade trade = kTrades[stage.random.below(kTrades.size())];
    stage.pay(time, victim, stage.merchant(trade, stage.city_of(victim)), stage.random.between(18'000, 90'000));
    time += stage.random.between(60, 240) * kSecondUs;
  }
  return count;
}

std::size_t card_testing(const Stage& stage) {
  const std::uint32_t victim = stage.population.active_customer(stage.random);
  const std::uint64_t device = stolen_device(stage.random);
  const std::size_t city = stage.city_of(victim);
  std::int64_t time = stage.time_between_hours(0, 23);
  const auto tests = static_cast<std::size_t>(stage.random.between(6, 14));
  for (std::size_t n = 0; n < tests; ++n) {
    stage.pay(time, victim, stage.merchant(Trade::digital_goods, city), stage.random.between(50, 200), device);
    time += stage.random.between(8, 40) * kSecondUs;
  }
  time += stage.random.between(2, 20) * kMinuteUs;
  stage.pay(time, victim, stage.merchant(Trade::online_retail, city), stage.random.between(40'000, 120'000), device);
  return tests + 1;
}

std::size_t takeover(const Stage& stage) {
  const std::uint32_t victim = stage.population.active_customer(stage.random);
  const std::uint64_t device = stolen_device(stage.random);
  const std::size_t city = stage.city_of(victim);
  std::int64_t time = stage.time_between_hours(0, 6);
  const auto count = static_cast<std::size_t>(stage.random.between(2, 4));
  for (std::size_t n = 0; n < count; ++n) {
    const Trade trade = n % 2 == 0 ? Trade::online_retail : Trade::travel;
    stage.pay(time, victim, stage.merchant(trade, city), stage.random.between(60'000, 250'000), device);
    time += stage.random.between(5, 40) * kMinuteUs;
  }
  return count;
}

std::size_t impossible_travel(const Stage& stage) {
  const std::uint32_t victim = stage.population.active_customer(stage.random);
  const std::size_t home = stage.city_of(victim);
  const std::size_t cities_used = stage.population.cities_used();
  // The true owner buys groceries; minutes later the cloned card is used in another city.
  Payment owner = genuine_payment(stage.population, stage.day, stage.day_start_us, victim, stage.random);
  owner.merchant = stage.merchant(Trade::grocery, home);
  owner.channel = Channel::pos;
  owner.device = 0;
  owner.failed = false;
  stage.payments.push_back(owner);
  const std::size_t away = cities_used == 1 ? home : (home + 1 + stage.random.below(cities_used - 1)) % cities_used;
  std::int64_t time = owner.time_us + stage.random.between(12, 45) * kMinuteUs;
  const auto count = static_cast<std::size_t>(stage.random.between(1, 3));
  for (std::size_t n = 0; n < count; ++n) {
    const Trade trade = n == 0 ? Trade::cash : Trade::electronics;
    stage.pay(time, victim, stage.merchant(trade, away), stage.random.between(20'000, 80'000));
    time += stage.random.between(3, 15) * kMinuteUs;
  }
  return count;
}

std::size_t colluding_merchant(const Stage& stage) {
  const auto& colluding = stage.population.colluding();
  const std::uint32_t shop = colluding[stage.random.below(colluding.size())];
  std::int64_t time = stage.time_between_hours(1, 20);
  const auto count = static_cast<std::size_t>(stage.random.between(12, 30));
  for (std::size_t n = 0; n < count; ++n) {
    const std::uint32_t victim = stage.population.active_customer(stage.random);
    stage.pay(time, victim, shop, stage.random.between(90, 400) * 100);
    time += stage.random.between(20, 300) * kSecondUs;
  }
  return count;
}

std::size_t structuring(const Stage& stage) {
  const std::uint32_t launderer = stage.population.active_customer(stage.random);
  const std::size_t city = stage.city_of(launderer);
  const std::uint64_t device = stage.population.device(launderer, stage.day, stage.random);
  std::int64_t time = stage.time_between_hours(8, 14);
  const auto count = static_cast<std::size_t>(stage.random.between(4, 7));
  for (std::size_t n = 0; n < count; ++n) {
    stage.pay(time, launderer, stage.merchant(Trade::travel, city), stage.random.between(900'000, 999'900), device);
    time += stage.random.between(20, 90) * kMinuteUs;
  }
  return count;
}

}  // namespace

std::size_t add_fraud_episode(const Population& population, Scenario scenario, std::int64_t day,
                              std::int64_t day_start_us, Random& random, std::vector<Payment>& payments) {
  const Stage stage{population, day, day_start_us, scenario, random, payments};
  switch (scenario) {
    case Scenario::none: break;
    case Scenario::stolen_card: return stolen_card(stage);
    case Scenario::card_testing: return card_testing(stage);
    case Scenario::takeover: return takeover(stage);
    case Scenario::impossible_travel: return impossible_travel(stage);
    case Scenario::colluding_merchant: return colluding_merchant(stage);
    case Scenario::structuring: return structuring(stage);
  }
  return stolen_card(stage);
}

Scenario any_scenario(Random& random) {
  // In the order of Scenario; bursts with many payments are rarer, so that each kind gets its share.
  constexpr std::array<std::uint16_t, kScenarios> kWeights = {0, 24, 18, 30, 40, 4, 8};
  return static_cast<Scenario>(random.weighted(kWeights));
}

}  // namespace vigil::tools::simulation
