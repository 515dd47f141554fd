// Model `aggregates`: what happened per minute, hour and day of event time, overall and by one dimension each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "projections/answers.h"
#include "projections/counter_map.h"
#include "projections/projection.h"

namespace vigil::projections {

// Distinct entities of one UTC day.
struct DayEntry {
  static constexpr std::size_t kStoredBytesMax = 24;
  std::uint64_t active_customers = 0, active_merchants = 0, compromised_customers = 0;
  std::size_t store(char* out) const {
    return ValueWriter(out).put(active_customers).put(active_merchants).put(compromised_customers).bytes();
  }
  bool load(std::string_view bytes);
};

// That a customer was active on a day, and how many of the day's payments were labelled fraud.
struct DayCustomer {
  static constexpr std::size_t kStoredBytesMax = 4;
  std::int32_t frauds = 0;
  std::size_t store(char* out) const { return ValueWriter(out).put(frauds).bytes(); }
  bool load(std::string_view bytes);
};

// That a merchant was active on a day.
struct DayMerchant {
  static constexpr std::size_t kStoredBytesMax = 1;
  std::size_t store(char*) const { return 0; }
  bool load(std::string_view bytes) { return bytes.empty(); }
};

// Where a category's name is held while its counters are pending.
struct CategoryNumber {
  static constexpr std::size_t kStoredBytesMax = 4;
  std::uint32_t number = 0;
  std::size_t store(char*) const { return 0; }
  bool load(std::string_view) { return true; }
};

// Events touch counters per minute in a small map; when it is settled they are added to the tables of minutes,
// hours and days. Event times before 1970 count for its first minute.
class AggregatesModel final : public Projection {
 public:
  explicit AggregatesModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "aggregates"; }
  std::vector<std::string> databases() const override {
    return {"minutes", "hours", "days", "day_entities", "day_customers", "day_merchants"};
  }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override { return types(EventType::transaction_decided, EventType::label_reported); }
  bool needs_labelled() const override { return true; }
  void prefetch(const Event& event) const override;
  void prefetch_entries(const Event& event) const override;
  void apply(const Event& event) override;
  void drop() override;

  Expected<std::vector<AggregateRow>> rows(const ReadTransaction& view, const AggregateQuery& query) const;

 protected:
  void settle_more() override;
  std::uint64_t more_bytes() const override { return pending_.bytes() + categories_.bytes(); }
  std::uint64_t more_changes() const override { return pending_.size(); }

 private:
  void add(std::uint32_t minute, const eventlog::TransactionDecided& decided, const Counters& counters);
  void apply_transaction(const Event& event);
  void apply_label(const Event& event);
  std::uint32_t category_number(std::string_view category);
  std::string_view value_text(Dimension dimension, std::uint32_t number) const;
  void add_to(Table<Counters>& table, const CounterMap& sums);
  Expected<void> add_day_entities(const ReadTransaction& view, std::vector<AggregateRow>& rows) const;

  Table<Counters> minutes_, hours_, days_;
  Table<DayEntry> day_entities_;
  Table<DayCustomer> day_customers_;
  Table<DayMerchant> day_merchants_;
  Table<CategoryNumber> categories_;  // in memory only
  std::vector<std::string_view> category_names_;
  CounterMap pending_;  // by minute, dimension and value
};

}  // namespace vigil::projections
