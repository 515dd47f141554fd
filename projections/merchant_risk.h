// Model `merchant_risk`: one entry per merchant, with the share of its payments that turned out fraud.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/entity_state.h"
#include "projections/projection.h"

namespace vigil::projections {

struct MerchantEntry {
  static constexpr std::size_t kStoredBytesMax = kEntityStateBytes + 512;
  EntityState state;
  std::int64_t fraud_amount_minor = 0;
  eventlog::Code country;
  Text<eventlog::kNameBytesMax> display_name;
  Text<eventlog::kIdBytesMax> category;

  std::size_t store(char* out) const;
  bool load(std::string_view bytes);
};

class MerchantRiskModel final : public Projection {
 public:
  explicit MerchantRiskModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "merchant_risk"; }
  std::vector<std::string> databases() const override { return {"merchants"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override {
    return types(EventType::transaction_decided, EventType::label_reported, EventType::alert_raised,
                 EventType::merchant_updated);
  }
  void apply(const Event& event) override;
  void prefetch(const Event& event) const override { merchants_.prefetch(event.hash(EntityKind::merchant)); }
  void prefetch_entries(const Event& event) const override {
    merchants_.prefetch_entry(event.hash(EntityKind::merchant));
  }

  Expected<std::optional<MerchantRisk>> merchant(const ReadTransaction& view, std::string_view id) const;
  // The newest event about a merchant; 0 when there is none.
  Expected<Position> newest_of_merchant(const ReadTransaction& view, std::string_view id) const;

 private:
  Table<MerchantEntry> merchants_;
};

}  // namespace vigil::projections
