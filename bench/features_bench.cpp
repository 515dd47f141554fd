// What a decision pays for its features: observe and apply with the default catalogue, on a warm state.
//
// Each customer has some payments in the longest window; merchants follow a steep popularity, so that one of
// them holds a large part of all entries; one payment in a hundred is late by up to an hour. The next 16
// payments are announced with prefetch(), as the deciding thread does.
#include <benchmark/benchmark.h>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "rules/expression/transaction_fields.h"
#include "rules/features/decision_state.h"

namespace vigil::rules {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kStartUs = 1'700'000'000 * kSecondUs;
constexpr std::int64_t kMonthUs = 30 * 24 * 3600 * kSecondUs;
constexpr std::int64_t kLatenessUs = 7 * 24 * 3600 * kSecondUs;
constexpr std::size_t kAhead = 16;

// An endless stream of payments in which `per_customer` payments of each customer fall into 30 days.
class Payments {
 public:
  Payments(std::size_t customers, std::size_t per_customer)
      : step_us_(kMonthUs / static_cast<std::int64_t>(customers * per_customer)) {
    for (std::size_t i = 0; i < customers; ++i) {
      customers_.push_back("customer-" + std::to_string(i));
      devices_.push_back("device-" + std::to_string(i));
    }
    for (std::size_t i = 0; i < kMerchants; ++i) merchants_.push_back("merchant-" + std::to_string(i));
  }

  eventlog::Transaction next() {
    eventlog::Transaction transaction;
    const std::size_t customer = random_() % customers_.size();
    std::string& id = ids_[count_ % ids_.size()];
    id.assign("t").append(std::to_string(count_++));
    transaction.id = id;
    now_us_ += step_us_;
    const bool late = random_() % 100 == 0;
    transaction.event_time =
        eventlog::EventTime{now_us_ - (late ? static_cast<std::int64_t>(random_() % 3600) * kSecondUs : 0)};
    transaction.customer_id = customers_[customer];
    // Half of a customer's payments go to its own few merchants, the others anywhere, mostly to popular ones.
    const double uniform = static_cast<double>(random_() % 1'000'000) / 1e6;
    const auto popular = static_cast<std::size_t>(std::pow(uniform, 4) * kMerchants);
    const std::size_t own = (customer * 7919 + random_() % 4 * 104729) % kMerchants;
    transaction.merchant_id = merchants_[random_() % 2 == 0 ? own : popular];
    transaction.device_id = random_() % 20 == 0 ? devices_[random_() % devices_.size()] : devices_[customer];
    transaction.amount = {100 + static_cast<std::int64_t>(random_() % 20'000), eur_};
    transaction.country = transaction.card_country = country_;
    transaction.category = "groceries";
    transaction.channel = "online";
    transaction.place = eventlog::Place{static_cast<std::int32_t>(480'000'000 + random_() % 10'000'000),
                                        static_cast<std::int32_t>(110'000'000 + random_() % 10'000'000)};
    return transaction;
  }

 private:
  static constexpr std::size_t kMerchants = 5'000;

  std::int64_t step_us_;
  std::int64_t now_us_ = kStartUs;
  std::uint64_t count_ = 0;
  std::mt19937_64 random_{7};
  std::vector<std::string> customers_, merchants_, devices_;
  std::array<std::string, 2 * kAhead> ids_;  // longer than a payment is held
  eventlog::Code eur_ = *eventlog::Code::parse("EUR");
  eventlog::Code country_ = *eventlog::Code::parse("DE");
};

class Decider {
 public:
  Decider(const Catalogue& catalogue, Payments& payments, bool prefetching)
      : state_(catalogue, kLatenessUs),
        payments_(payments),
        prefetching_(prefetching),
        slots_(kTransactionFields),
        values_(catalogue.size()) {
    for (auto& transaction : ahead_) transaction = payments_.next();
  }

  void decide_next() {
    eventlog::Transaction& place = ahead_[turn_++ % kAhead];
    eventlog::TransactionDecided event;
    event.transaction = place;
    event.amount_base_minor = event.transaction.amount.minor;
    place = payments_.next();
    if (prefetching_) state_.prefetch(place);
    fill_transaction_fields(event.transaction, event.amount_base_minor, slots_);
    state_.observe(event.transaction, event.amount_base_minor, slots_, values_);
    benchmark::DoNotOptimize(values_.data());
    state_.apply(event, eventlog::Address{address_ += 512});
  }
  DecisionStateMemory memory() const { return state_.memory(); }

 private:
  DecisionState state_;
  Payments& payments_;
  bool prefetching_;
  std::vector<Value> slots_, values_;
  std::array<eventlog::Transaction, kAhead> ahead_;
  std::size_t turn_ = 0;
  std::uint64_t address_ = 0;
};

void generate_only(benchmark::State& bench) {
  Payments payments(static_cast<std::size_t>(bench.range(0)), 100);
  for (auto _ : bench) benchmark::DoNotOptimize(payments.next());
}

// Arguments: customers, payments per customer in the window, whether to prefetch.
void observe_and_apply(benchmark::State& bench) {
  const auto customers = static_cast<std::size_t>(bench.range(0));
  const auto per_customer = static_cast<std::size_t>(bench.range(1));
  const auto catalogue = Catalogue::parse(default_features_toml(), "default_features.toml");
  if (!catalogue) return bench.SkipWithError(catalogue.error().text.c_str());
  Payments payments(customers, per_customer);
  Decider decider(*catalogue, payments, bench.range(2) != 0);
  for (std::size_t i = 0; i < customers * per_customer; ++i) decider.decide_next();
  for (auto _ : bench) decider.decide_next();
  const DecisionStateMemory memory = decider.memory();
  bench.counters["bytes/entry"] = static_cast<double>(memory.window_bytes) / static_cast<double>(memory.window_entries);
  bench.counters["entries"] = static_cast<double>(memory.window_entries);
  bench.counters["entity bytes/customer"] =
      static_cast<double>(memory.entity_bytes) / static_cast<double>(memory.customers);
}

BENCHMARK(generate_only)->Arg(20'000);
BENCHMARK(observe_and_apply)
    ->ArgNames({"customers", "per_customer", "prefetch"})
    ->Args({20'000, 100, 1})
    ->Args({20'000, 100, 0})
    ->Args({1'000'000, 10, 1})
    ->Iterations(1'000'000);

}  // namespace
}  // namespace vigil::rules
