#include "projections/merchant_risk.h"

namespace vigil::projections {

std::size_t MerchantEntry::store(char* out) const {
  ValueWriter writer(out);
  projections::store(writer, state);
  writer.put(fraud_amount_minor).put(country.packed());
  writer.put_text(display_name.view()).put_text(category.view());
  return writer.bytes();
}

bool MerchantEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  state = take_entity_state(in);
  fraud_amount_minor = in.take<std::int64_t>();
  country = eventlog::Code{in.take<std::uint16_t>()};
  display_name.assign(in.take_text());
  category.assign(in.take_text());
  return in.ok();
}

MerchantRiskModel::MerchantRiskModel(const eventlog::LogSource* log) : Projection(log), merchants_(&loader_, 0) {
  own(merchants_);
}

void MerchantRiskModel::apply(const Event& event) {
  if (event.id(EntityKind::merchant).empty()) return;
  MerchantEntry& merchant = merchants_.change(event.id(EntityKind::merchant), event.hash(EntityKind::merchant));
  fold(merchant.state, event);
  if (event.label != nullptr) {
    const bool was_fraud = event.label->corrects && is_fraud(event.label->corrected_kind);
    const std::int64_t amount = event.label->amount_base_minor;
    if (is_fraud(event.label->kind) && !was_fraud) merchant.fraud_amount_minor += amount;
    if (!is_fraud(event.label->kind) && was_fraud) merchant.fraud_amount_minor -= amount;
  }
  if (event.merchant_updated != nullptr) {
    merchant.display_name.assign(event.merchant_updated->display_name);
    merchant.category.assign(event.merchant_updated->category);
    merchant.country = event.merchant_updated->country;
  }
}

Expected<std::optional<MerchantRisk>> MerchantRiskModel::merchant(const ReadTransaction& view,
                                                                  std::string_view id) const {
  if (id.empty() || id.size() > eventlog::kIdBytesMax) return std::optional<MerchantRisk>{};
  auto found = merchants_.find(view, id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<MerchantRisk>{};
  const MerchantEntry& entry = **found;
  const rules::Lifetime& life = entry.state.lifetime;
  MerchantRisk risk;
  risk.id = id;
  risk.state = entry.state;
  risk.fraud_amount_minor = entry.fraud_amount_minor;
  risk.fraud_rate = rules::mean_of(static_cast<std::int64_t>(life.frauds), life.transactions);
  risk.display_name = entry.display_name.string();
  risk.category = entry.category.string();
  risk.country = entry.country.text();
  return risk;
}

Expected<Position> MerchantRiskModel::newest_of_merchant(const ReadTransaction& view, std::string_view id) const {
  auto found = merchants_.find(view, id);
  if (!found) return std::unexpected(found.error());
  return *found ? (*found)->state.newest : Position{};
}

}  // namespace vigil::projections
