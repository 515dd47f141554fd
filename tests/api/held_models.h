// Read models whose freshness the test sets; they know one customer.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>

#include "projections/read_models.h"

namespace vigil::api {

class HeldModels : public projections::ReadModels {
 public:
  using Position = eventlog::Position;
  template <class T>
  using Answer = eventlog::Expected<T>;

  void apply_up_to(std::uint64_t position) { applied_ = position; }

  Answer<void> close() override { return {}; }
  Answer<void> flush() override { return {}; }
  std::vector<projections::ModelStatus> status() const override { return {}; }
  Position applied() const override { return Position{applied_.load()}; }
  bool wait_for(Position position, std::chrono::milliseconds) const override { return position <= applied(); }
  Answer<std::optional<projections::CustomerProfile>> customer(std::string_view id) const override {
    if (id == "unreadable") return eventlog::fail(eventlog::ErrorKind::damaged, "customer_profile: bad page");
    if (id != "c1") return std::nullopt;
    projections::CustomerProfile profile;
    profile.id = id;
    profile.state.lifetime.transactions = 3;
    return profile;
  }
  Answer<std::optional<projections::MerchantRisk>> merchant(std::string_view) const override { return std::nullopt; }
  Answer<std::vector<projections::AggregateRow>> aggregates(const projections::AggregateQuery&) const override {
    return std::vector<projections::AggregateRow>();
  }
  Answer<std::vector<projections::Alert>> alerts(const projections::AlertQuery&) const override {
    return std::vector<projections::Alert>();
  }
  Answer<std::vector<projections::RuleStatistics>> rule_statistics() const override {
    if (on_rules) on_rules();
    return std::vector<projections::RuleStatistics>();
  }
  // As many as quarantined_rows, at positions 1, 2 …, each of quarantined_bytes.
  Answer<std::vector<projections::Quarantined>> quarantine(const projections::QuarantineQuery& query) const override {
    std::vector<projections::Quarantined> rows;
    for (std::uint64_t at = std::max<std::uint64_t>(1, query.since.value()); at <= quarantined_rows; ++at) {
      if (rows.size() == query.limit) break;
      projections::Quarantined& row = rows.emplace_back();
      row.position = Position{at};
      row.source.assign(quarantined_bytes, 's');
    }
    return rows;
  }
  Answer<std::vector<projections::QualityCount>> data_quality() const override {
    return std::vector<projections::QualityCount>();
  }
  Answer<std::optional<projections::StateAsOf>> state_as_of(projections::EntityKind, std::string_view,
                                                            Position) const override {
    return std::nullopt;
  }

  // Set before the models are asked.
  std::function<void()> on_rules;  // called while the statistics of rules are being read
  std::size_t quarantined_rows = 0, quarantined_bytes = 0;

 private:
  std::atomic<std::uint64_t> applied_ = 0;
};

}  // namespace vigil::api
