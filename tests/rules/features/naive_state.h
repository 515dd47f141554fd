// The definitions of docs/features.md, evaluated by looking at everything that ever happened: slow and plain.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/schema/events.h"
#include "rules/features/catalogue.h"
#include "rules/features/geography.h"

namespace vigil::rules::testing {

// An owning copy of a transaction with what is known of it.
struct Payment {
  std::string id, customer, merchant, device, category, channel;
  std::string currency, country, card_country;
  std::int64_t time_us = 0;
  std::int64_t amount = 0;
  std::optional<eventlog::Place> place;
  bool declined = false;
  bool fraud = false;

  eventlog::Transaction view() const {
    eventlog::Transaction transaction;
    transaction.id = id;
    transaction.event_time = eventlog::EventTime{time_us};
    transaction.customer_id = customer;
    transaction.merchant_id = merchant;
    transaction.device_id = device;
    transaction.amount = {amount, eventlog::Code::parse(currency).value_or(eventlog::Code{})};
    transaction.country = eventlog::Code::parse(country).value_or(eventlog::Code{});
    transaction.card_country = eventlog::Code::parse(card_country).value_or(eventlog::Code{});
    transaction.category = category;
    transaction.channel = channel;
    transaction.place = place;
    return transaction;
  }
  const std::string& entity(eventlog::EntityKind kind) const {
    return kind == eventlog::EntityKind::customer   ? customer
           : kind == eventlog::EntityKind::merchant ? merchant
                                                    : device;
  }
  const std::string& text(std::string_view field) const {
    if (field == "merchant_id") return merchant;
    if (field == "device_id") return device;
    if (field == "customer_id") return customer;
    if (field == "country") return country;
    if (field == "card_country") return card_country;
    if (field == "category") return category;
    if (field == "channel") return channel;
    return currency;
  }
};

// The filters the tests use, by their text.
inline bool passes(const std::string& filter, const Payment& payment) {
  if (filter.empty()) return true;
  if (filter == "amount_base < 500") return payment.amount < 500;
  if (filter == "channel == \"online\"") return payment.channel == "online";
  return !payment.country.empty() && !payment.card_country.empty() && payment.country != payment.card_country;
}

class NaiveState {
 public:
  void decided(Payment payment) { payments_.push_back(std::move(payment)); }
  void labelled(const std::string& id, bool fraud) {
    for (Payment& payment : payments_) {
      if (payment.id == id) payment.fraud = fraud;
    }
  }
  void homed(const std::string& customer, std::optional<eventlog::Place> home) { homes_[customer] = home; }

  // A floating value is compared by the caller; texts point into this state or `current`.
  Value value(const Feature& feature, const Payment& current) const {
    if (current.entity(*feature.entity).empty()) return Value::null();
    const std::vector<const Payment*>& of_entity = history(*feature.entity, current);
    return feature.window_us > 0 ? window_value(feature, current, of_entity) : life_value(feature, current, of_entity);
  }

 private:
  using Payments = std::vector<const Payment*>;

  static Value of_count(std::size_t count) { return Value::of(static_cast<std::int64_t>(count)); }

  static double mean(const Payments& payments) {
    std::int64_t sum = 0;
    for (const Payment* payment : payments) sum += payment->amount;
    return static_cast<double>(sum) / static_cast<double>(payments.size());
  }
  static double deviation(const Payments& payments) {
    __int128 n = static_cast<__int128>(payments.size()), sum = 0, squares = 0;
    for (const Payment* payment : payments) {
      sum += payment->amount;
      squares += static_cast<__int128>(payment->amount) * payment->amount;
    }
    return std::sqrt(static_cast<double>(n * squares - sum * sum)) / static_cast<double>(n);
  }
  static Value zscore(const Payments& payments, const Payment& current) {
    if (payments.size() < 2 || deviation(payments) == 0) return Value::null();
    return Value::of((static_cast<double>(current.amount) - mean(payments)) / deviation(payments));
  }

  static Value window_value(const Feature& feature, const Payment& current, const Payments& of_entity) {
    const std::int64_t upper = current.time_us - feature.delay_us;
    const std::int64_t lower = upper - feature.window_us;
    Payments all, kept;
    for (const Payment* payment : of_entity) {
      if (payment->time_us > lower && payment->time_us <= upper) all.push_back(payment);
    }
    const bool never_current = feature.aggregate == Aggregate::zscore || feature.aggregate == Aggregate::seen_before;
    if (feature.delay_us == 0 && !feature.exclude_current && !never_current) all.push_back(&current);
    for (const Payment* payment : all) {
      if (passes(feature.filter, *payment)) kept.push_back(payment);
    }
    std::int64_t sum = 0;
    std::size_t frauds = 0, declines = 0;
    std::set<std::string_view> texts;
    for (const Payment* payment : kept) {
      sum += payment->amount;
      frauds += payment->fraud;
      declines += payment->declined;
    }
    if (feature.aggregate == Aggregate::distinct || feature.aggregate == Aggregate::seen_before) {
      for (const Payment* payment : kept) texts.insert(payment->text(feature.field));
      texts.erase("");
    }
    const auto smaller = [](const Payment* a, const Payment* b) { return a->amount < b->amount; };
    const auto divided = [&](std::int64_t amount) {
      return feature.type == ValueType::integer
                 ? Value::of(amount)
                 : Value::of(static_cast<double>(amount) / static_cast<double>(feature.divide_by));
    };
    const auto n = static_cast<double>(kept.size());
    switch (feature.aggregate) {
      case Aggregate::count: return of_count(kept.size());
      case Aggregate::sum: return divided(sum);
      case Aggregate::mean:
        return kept.empty()
                   ? Value::null()
                   : Value::of(static_cast<double>(sum) /
                               static_cast<double>(static_cast<std::int64_t>(kept.size()) * feature.divide_by));
      case Aggregate::stddev:
        return kept.empty() ? Value::null() : Value::of(deviation(kept) / static_cast<double>(feature.divide_by));
      case Aggregate::min:
        return kept.empty() ? Value::null() : divided((*std::min_element(kept.begin(), kept.end(), smaller))->amount);
      case Aggregate::max:
        return kept.empty() ? Value::null() : divided((*std::max_element(kept.begin(), kept.end(), smaller))->amount);
      case Aggregate::distinct: return of_count(texts.size());
      case Aggregate::ratio: return Value::of(all.empty() ? 0.0 : n / static_cast<double>(all.size()));
      case Aggregate::fraud_count: return of_count(frauds);
      case Aggregate::fraud_rate: return Value::of(kept.empty() ? 0.0 : static_cast<double>(frauds) / n);
      case Aggregate::decline_count: return of_count(declines);
      case Aggregate::zscore: return zscore(kept, current);
      case Aggregate::seen_before:
        return current.text(feature.field).empty() ? Value::null()
                                                   : Value::boolean(texts.contains(current.text(feature.field)));
      default: return Value::null();
    }
  }

  Value life_value(const Feature& feature, const Payment& current, const Payments& of_entity) const {
    const Payment *newest = nullptr, *oldest = nullptr, *placed = nullptr;
    for (const Payment* payment : of_entity) {
      if (!newest || payment->time_us >= newest->time_us) newest = payment;
      if (!oldest || payment->time_us < oldest->time_us) oldest = payment;
      if (payment->place && (!placed || payment->time_us >= placed->time_us)) placed = payment;
    }
    Payments with_current = of_entity;
    if (!feature.exclude_current) with_current.push_back(&current);
    const auto seconds = [&](const Payment* payment) {
      return static_cast<double>(current.time_us - payment->time_us) / 1e6;
    };
    switch (feature.aggregate) {
      case Aggregate::last:
        return newest && !newest->text(feature.field).empty() ? Value::of(std::string_view(newest->text(feature.field)))
                                                              : Value::null();
      case Aggregate::seconds_since_last: return newest ? Value::of(seconds(newest)) : Value::null();
      case Aggregate::seconds_since_first_seen: return oldest ? Value::of(seconds(oldest)) : Value::null();
      case Aggregate::distance_km_from_last:
        return placed && current.place ? Value::of(distance_km(*placed->place, *current.place)) : Value::null();
      case Aggregate::speed_kmh_from_last:
        if (!placed || !current.place || seconds(placed) == 0) return Value::null();
        return Value::of(distance_km(*placed->place, *current.place) * 3600.0 / std::abs(seconds(placed)));
      case Aggregate::distance_km_from_home: {
        const auto home = homes_.find(current.customer);
        if (home == homes_.end() || !home->second || !current.place) return Value::null();
        return Value::of(distance_km(*home->second, *current.place));
      }
      case Aggregate::lifetime_count: return of_count(with_current.size());
      case Aggregate::lifetime_mean: return with_current.empty() ? Value::null() : Value::of(mean(with_current));
      case Aggregate::lifetime_zscore: return zscore(of_entity, current);
      default: return Value::null();
    }
  }

  // The same for all features of one payment, so it is looked up once.
  const Payments& history(eventlog::EntityKind kind, const Payment& current) const {
    History& kept = histories_[static_cast<std::size_t>(kind)];
    const std::string& entity = current.entity(kind);
    if (kept.known == payments_.size() && kept.entity == entity) return kept.payments;
    kept = {payments_.size(), entity, {}};
    for (const Payment& payment : payments_) {
      if (payment.entity(kind) == entity) kept.payments.push_back(&payment);
    }
    return kept.payments;
  }

  struct History {
    std::size_t known = 0;  // payments looked at
    std::string entity;
    Payments payments;
  };

  mutable std::array<History, eventlog::kEntityKinds> histories_;
  std::deque<Payment> payments_;
  std::map<std::string, std::optional<eventlog::Place>> homes_;
};

}  // namespace vigil::rules::testing
