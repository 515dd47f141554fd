#include "tools/simulation/population.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace vigil::tools::simulation {
namespace {

constexpr std::int64_t kCityReachE7 = 900'000;  // 0.09 degrees, about 10 km
constexpr std::uint64_t kFavouriteShops = 4;
constexpr std::uint32_t kOrdersAbroadPermille = 30;
constexpr std::int64_t kTripSlotDays = 10;
constexpr std::uint32_t kMerchantsPerColluding = 400;
constexpr std::uint64_t kDeviceLifeDays = 150;

// With few merchants the world shrinks, so that people still find shops where they live.
std::size_t cities_for(std::uint32_t merchants) {
  return std::clamp<std::size_t>(merchants / (2 * kCategories), 1, cities().size());
}

template <class Row>
std::vector<std::uint16_t> weights_of(std::span<const Row> rows, std::uint16_t Row::* weight, std::size_t count) {
  std::vector<std::uint16_t> weights;
  for (const Row& row : rows.first(count)) weights.push_back(row.*weight);
  return weights;
}

std::string numbered(const char* format, std::uint64_t number) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, format, static_cast<unsigned long long>(number));
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace

eventlog::Place near(eventlog::Place centre, std::int64_t reach_e7, Random& random) {
  const auto offset = [&] {
    return static_cast<std::int32_t>((random.between(-reach_e7, reach_e7) + random.between(-reach_e7, reach_e7)) / 2);
  };
  centre.latitude_e7 += offset();
  centre.longitude_e7 += offset();
  return centre;
}

Population::Population(std::uint64_t seed, std::uint32_t customers, std::uint32_t merchants)
    : seed_(seed), cities_used_(cities_for(merchants)) {
  settle_customers(customers);
  open_merchants(merchants);
}

void Population::settle_customers(std::uint32_t count) {
  Random random(mixed(seed_, 1));
  const auto city_weights = weights_of(cities(), &City::weight, cities_used_);
  const auto shares = weights_of(personas(), &Persona::share, personas().size());
  by_persona_.resize(personas().size());
  for (std::uint32_t number = 0; number < count; ++number) {
    Customer customer;
    customer.persona = static_cast<std::uint8_t>(random.weighted(shares));
    customer.home_city = static_cast<std::uint8_t>(random.weighted(city_weights));
    customer.home = near(cities()[customer.home_city].centre, kCityReachE7, random);
    customer.work = customer.home;
    if (personas()[customer.persona].works) {
      customer.work = near(cities()[customer.home_city].centre, kCityReachE7, random);
    }
    by_persona_[customer.persona].push_back(number);
    customers_.push_back(customer);
  }
  std::vector<std::uint64_t> activity;
  std::uint64_t largest = 1;
  for (std::size_t p = 0; p < personas().size(); ++p) {
    activity.push_back(by_persona_[p].size() * personas()[p].activity);
    largest = std::max(largest, activity.back());
  }
  for (const std::uint64_t weight : activity) {
    // Scaled to 16 bits; a persona with members keeps at least weight 1.
    persona_weights_.push_back(static_cast<std::uint16_t>((weight * 60'000 + largest - 1) / largest));
  }
}

void Population::open_merchants(std::uint32_t count) {
  Random random(mixed(seed_, 2));
  const auto city_weights = weights_of(cities(), &City::weight, cities_used_);
  const auto trade_weights = weights_of(categories(), &Category::merchants, kCategories);
  by_trade_and_city_.resize(kCategories * cities_used_);
  by_trade_.resize(kCategories);
  for (std::uint32_t number = 0; number < count; ++number) {
    Merchant merchant;
    // The first round opens one shop of every trade in every city.
    const bool first_round = number < kCategories * cities_used_;
    merchant.category = static_cast<std::uint8_t>(first_round ? number % kCategories : random.weighted(trade_weights));
    merchant.city = static_cast<std::uint8_t>(first_round ? number / kCategories : random.weighted(city_weights));
    merchant.place = near(cities()[merchant.city].centre, kCityReachE7, random);
    merchant.colludes = categories()[merchant.category].channel == Channel::pos &&
                        mixed(seed_, 3, number) % kMerchantsPerColluding == 0;
    if (merchant.colludes) colluding_.push_back(number);
    by_trade_and_city_[merchant.category * cities_used_ + merchant.city].push_back(number);
    by_trade_[merchant.category].push_back(number);
    all_merchants_.push_back(number);
    merchants_.push_back(merchant);
  }
  if (colluding_.empty()) colluding_.push_back(static_cast<std::uint32_t>(mixed(seed_, 4) % count));
}

std::uint32_t Population::active_customer(Random& random) const {
  const auto& members = by_persona_[random.weighted(persona_weights_)];
  return members[random.below(members.size())];
}

const std::vector<std::uint32_t>& Population::merchants_of(Trade trade, std::size_t city) const {
  const auto index = static_cast<std::size_t>(trade);
  const auto& local = by_trade_and_city_[index * cities_used_ + city];
  if (!local.empty()) return local;
  return by_trade_[index].empty() ? all_merchants_ : by_trade_[index];
}

std::uint32_t Population::shop(std::uint32_t customer, Trade trade, std::size_t city, eventlog::Place from,
                               Random& random) const {
  const bool online = categories()[static_cast<std::size_t>(trade)].channel == Channel::online;
  if (online && random.chance_permille(kOrdersAbroadPermille)) city = random.below(cities_used_);
  const std::vector<std::uint32_t>& choice = merchants_of(trade, city);
  if (random.chance_permille(120)) return choice[random.below(choice.size())];  // somewhere new
  std::uint32_t nearest = 0;
  std::int64_t nearest_square = INT64_MAX;
  for (std::uint64_t k = 0; k < kFavouriteShops; ++k) {
    const std::uint64_t pick = mixed(seed_ ^ 8, customer * 64ull + static_cast<std::uint64_t>(trade), k * 64 + city);
    const std::uint32_t candidate = choice[pick % choice.size()];
    const eventlog::Place at = merchants_[candidate].place;
    // Units of 10^-4 degrees keep the squares small; the curvature of a city does not matter here.
    const std::int64_t north = (at.latitude_e7 - from.latitude_e7) / 1000;
    const std::int64_t east = (at.longitude_e7 - from.longitude_e7) / 1000;
    const std::int64_t square = north * north + east * east;
    if (square >= nearest_square) continue;
    nearest_square = square;
    nearest = candidate;
  }
  return nearest;
}

Population::Whereabouts Population::whereabouts(std::uint32_t customer, std::int64_t day) const {
  const Customer& who = customers_[customer];
  const std::int64_t slot = day / kTripSlotDays, day_of_slot = day % kTripSlotDays;
  const std::uint64_t plan = mixed(seed_ ^ 5, customer, static_cast<std::uint64_t>(slot));
  const std::int64_t first = 2, last = first + 2 + static_cast<std::int64_t>((plan >> 20) % 4);
  const bool travels = plan % 1000 < personas()[who.persona].trips_permille;
  const std::size_t city = (plan >> 32) % cities_used_;
  if (!travels || city == who.home_city || day_of_slot < first || day_of_slot > last) {
    return {who.home_city, false, false};
  }
  return {city, day_of_slot == first || day_of_slot == last, true};
}

std::uint64_t Population::device(std::uint32_t customer, std::int64_t day, Random& random) const {
  const std::uint64_t which = random.chance_permille(150) ? 1 : 0;
  const std::uint64_t phase = mixed(seed_ ^ 6, customer, which) % kDeviceLifeDays;
  const std::uint64_t generation = (static_cast<std::uint64_t>(day) + phase) / kDeviceLifeDays;
  return mixed(seed_ ^ 7, customer * 2ull + which, generation) >> 24;
}

std::string customer_id(std::uint32_t customer) { return numbered("C%06llu", customer); }
std::string merchant_id(std::uint32_t merchant) { return numbered("M%05llu", merchant); }
std::string device_id(std::uint64_t device) { return numbered("D%010llx", device); }

}  // namespace vigil::tools::simulation
