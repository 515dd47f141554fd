// Who pays and who is paid: customers with homes, work places, habits and devices; merchants with places.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/simulation/random.h"
#include "tools/simulation/world.h"

namespace vigil::tools::simulation {

struct Customer {
  std::uint8_t persona = 0;
  std::uint8_t home_city = 0;
  eventlog::Place home;
  eventlog::Place work;  // equals home for those who have none
};

struct Merchant {
  std::uint8_t category = 0;
  std::uint8_t city = 0;
  bool colludes = false;
  eventlog::Place place;
};

// Fixed once made. Everything follows from (seed, counts).
class Population {
 public:
  Population(std::uint64_t seed, std::uint32_t customers, std::uint32_t merchants);

  const std::vector<Customer>& customers() const { return customers_; }
  const std::vector<Merchant>& merchants() const { return merchants_; }
  const std::vector<std::uint32_t>& colluding() const { return colluding_; }
  // A random customer, the active personas more often.
  std::uint32_t active_customer(Random& random) const;
  // Merchants of a trade in a city; never empty: falls back to the whole trade, then to all merchants.
  const std::vector<std::uint32_t>& merchants_of(Trade trade, std::size_t city) const;
  // Where the customer shops for a trade: one of a few shops chosen once, usually the nearest to `from`.
  std::uint32_t shop(std::uint32_t customer, Trade trade, std::size_t city, eventlog::Place from, Random& random) const;
  std::size_t cities_used() const { return cities_used_; }

  // Where a customer is on a day of the simulation (days count from 0): the city of a trip, or home. On the
  // first and last day of a trip they are on their way and pay online only.
  struct Whereabouts {
    std::size_t city = 0;
    bool on_the_way = false;
    bool away = false;
  };
  Whereabouts whereabouts(std::uint32_t customer, std::int64_t day) const;

  // The device a customer pays with online: mostly the first of two; both are replaced every few months.
  std::uint64_t device(std::uint32_t customer, std::int64_t day, Random& random) const;

 private:
  void settle_customers(std::uint32_t count);
  void open_merchants(std::uint32_t count);

  std::uint64_t seed_;
  std::size_t cities_used_;
  std::vector<Customer> customers_;
  std::vector<std::vector<std::uint32_t>> by_persona_;
  std::vector<std::uint16_t> persona_weights_;  // share of living members times activity
  std::vector<Merchant> merchants_;
  std::vector<std::uint32_t> colluding_;
  std::vector<std::vector<std::uint32_t>> by_trade_and_city_;  // trade * cities + city
  std::vector<std::vector<std::uint32_t>> by_trade_;
  std::vector<std::uint32_t> all_merchants_;
};

// A place within some kilometres of a centre, denser in the middle.
eventlog::Place near(eventlog::Place centre, std::int64_t reach_e7, Random& random);

// Ids as the stream writes them.
std::string customer_id(std::uint32_t customer);
std::string merchant_id(std::uint32_t merchant);
std::string device_id(std::uint64_t device);

}  // namespace vigil::tools::simulation
