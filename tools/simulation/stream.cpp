#include "tools/simulation/stream.h"

#include <algorithm>

#include "tools/simulation/fraud.h"

namespace vigil::tools::simulation {
namespace {

// Counts left at 0 follow from the length of the stream.
StreamOptions completed(StreamOptions options) {
  if (options.customers == 0) {
    options.customers = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(options.transactions / 40, 20, 4'000'000));
  }
  if (options.merchants == 0) options.merchants = std::max(kCategories + 5, std::size_t{options.customers} / 4);
  return options;
}

bool earlier(const Payment& a, const Payment& b) {
  return a.time_us != b.time_us ? a.time_us < b.time_us : a.sequence < b.sequence;
}

}  // namespace

Stream::Stream(const StreamOptions& options)
    : options_(completed(options)),
      population_(options_.seed, options_.customers, options_.merchants),
      random_(mixed(options_.seed, 9)) {}

void Stream::plan_day() {
  const std::int64_t day_start = options_.start_us + day_ * kDayUs, day_end = day_start + kDayUs;
  const auto due_by = [&](std::uint64_t total, std::int64_t days) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(total) * static_cast<std::uint64_t>(days) /
                                      options_.days);
  };
  const std::uint64_t quota = due_by(options_.transactions, day_ + 1) - emitted_;
  const std::uint64_t fraud_total = options_.transactions * options_.fraud_per_million / 1'000'000;

  std::vector<Payment> made;
  made.swap(later_);
  while (fraud_made_ < due_by(fraud_total, day_ + 1)) {
    fraud_made_ += add_fraud_episode(population_, any_scenario(random_), day_, day_start, random_, made);
  }
  const auto today = static_cast<std::uint64_t>(
      std::ranges::count_if(made, [&](const Payment& payment) { return payment.time_us < day_end; }));
  for (std::uint64_t n = today; n < quota; ++n) {
    made.push_back(genuine_payment(population_, day_, day_start, std::nullopt, random_));
  }
  for (Payment& payment : made) {
    if (payment.sequence == 0) payment.sequence = ++sequence_;
  }
  std::ranges::sort(made, earlier);
  for (const Payment& payment : made) {
    // What a full day cannot hold goes to the next one only if it happens there.
    if (payment.time_us >= day_end) {
      later_.push_back(payment);
    } else if (today_.size() < quota) {
      today_.push_back(payment);
    }
  }
  ++day_;
}

void Stream::remember_label(const NumberedPayment& item) {
  const Payment& payment = item.payment;
  Label label{.number = item.number, .scenario = payment.scenario};
  if (payment.scenario == Scenario::none) {
    // Analysts clear a few genuine payments too.
    if (!random_.chance_permille(2)) return;
    label.known_at_us = payment.time_us + random_.between(6, 48) * kHourUs;
  } else {
    // Part of the victims call within a day; the rest is noticed on the statement.
    label.chargeback = random_.chance_permille(600);
    const std::int64_t hours = label.chargeback ? random_.between(48, 240) : random_.between(2, 24);
    label.known_at_us = payment.time_us + hours * kHourUs;
  }
  labels_.push(label);
}

std::optional<Item> Stream::next() {
  while (today_.empty() && day_ < options_.days) plan_day();
  const bool label_due = !labels_.empty() && (today_.empty() || labels_.top().known_at_us <= today_.front().time_us);
  if (label_due) {
    const Label label = labels_.top();
    labels_.pop();
    return label;
  }
  if (today_.empty()) return std::nullopt;
  const NumberedPayment item{++emitted_, today_.front()};
  today_.pop_front();
  remember_label(item);
  return item;
}

}  // namespace vigil::tools::simulation
