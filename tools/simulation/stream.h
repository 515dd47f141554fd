// The whole simulated stream in time order: payments, and labels at the moment they become known.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <variant>
#include <vector>

#include "tools/simulation/payment.h"

namespace vigil::tools::simulation {

struct StreamOptions {
  std::uint64_t transactions = 200'000;
  std::uint32_t customers = 0;  // 0: one for every 40 transactions
  std::uint32_t merchants = 0;  // 0: one for every 4 customers
  std::uint32_t days = 30;
  std::uint32_t fraud_per_million = 5'000;  // share of transactions that are fraud
  std::uint64_t seed = 1;
  std::int64_t start_us = 0;  // midnight of the first day, event time
};

struct NumberedPayment {
  std::uint64_t number = 0;  // 1, 2, 3 … in stream order
  Payment payment;
};
struct Label {
  std::int64_t known_at_us = 0;
  std::uint64_t number = 0;  // of the payment
  Scenario scenario = Scenario::none;
  bool chargeback = false;  // else reported by the customer or an analyst
};
using Item = std::variant<NumberedPayment, Label>;

// A generator: next() until it gives nothing. Memory: one day of payments and the labels not yet known.
// The same options give the same items on every machine.
class Stream {
 public:
  explicit Stream(const StreamOptions& options);

  // Payments in time order; before each, the labels known by then. After the last payment the remaining
  // labels follow in the order they become known.
  std::optional<Item> next();
  const Population& population() const { return population_; }
  const StreamOptions& options() const { return options_; }

 private:
  struct KnownLater {
    bool operator()(const Label& a, const Label& b) const {
      return a.known_at_us != b.known_at_us ? a.known_at_us > b.known_at_us : a.number > b.number;
    }
  };

  void plan_day();
  void remember_label(const NumberedPayment& item);

  StreamOptions options_;
  Population population_;
  Random random_;
  std::int64_t day_ = 0;
  std::uint64_t fraud_made_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t emitted_ = 0;
  std::vector<Payment> later_;  // made, but on a day not yet planned
  std::deque<Payment> today_;
  std::priority_queue<Label, std::vector<Label>, KnownLater> labels_;
};

}  // namespace vigil::tools::simulation
