// Model `alerts`: every alert with what became of its transaction, and how each rule fares.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "projections/answers.h"
#include "projections/projection.h"
#include "projections/stored_value.h"

namespace vigil::projections {

struct AlertEntry {
  static constexpr std::size_t kStoredBytesMax = 1024;
  std::uint64_t decided_at = 0;
  std::int64_t event_time_us = 0;
  std::int64_t amount_base_minor = 0;
  std::uint64_t previous = 0;  // position of the same transaction's alert before this one; 0 for none
  std::int32_t score = 0;
  std::uint8_t severity = 0, outcome = 0, truth = 0;
  Text<eventlog::kNameBytesMax> rule_id;
  Text<eventlog::kIdBytesMax> transaction_id, customer_id, merchant_id, device_id;

  std::size_t store(char* out) const;
  bool load(std::string_view bytes);
};

// The newest alert of a transaction.
struct TransactionAlerts {
  static constexpr std::size_t kStoredBytesMax = 8;
  std::uint64_t newest = 0;
  std::size_t store(char* out) const { return ValueWriter(out).put(newest).bytes(); }
  bool load(std::string_view bytes);
};

struct RuleCounts {
  static constexpr std::size_t kStoredBytesMax = 24;
  std::uint64_t raised = 0, fraud = 0, genuine = 0;
  std::size_t store(char* out) const { return ValueWriter(out).put(raised).put(fraud).put(genuine).bytes(); }
  bool load(std::string_view bytes);
};

class AlertsModel final : public Projection {
 public:
  explicit AlertsModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "alerts"; }
  std::vector<std::string> databases() const override { return {"alerts", "transactions", "rules"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override { return types(EventType::alert_raised, EventType::label_reported); }
  void apply(const Event& event) override;

  Expected<std::vector<Alert>> alerts(const ReadTransaction& view, const AlertQuery& query) const;
  Expected<std::vector<RuleStatistics>> rule_statistics(const ReadTransaction& view) const;

 private:
  void apply_alert(const Event& event);
  void apply_label(const Event& event);

  Table<AlertEntry> alerts_;
  Table<TransactionAlerts> transactions_;
  Table<RuleCounts> rules_;
};

}  // namespace vigil::projections
