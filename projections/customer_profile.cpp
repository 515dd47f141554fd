#include "projections/customer_profile.h"

namespace vigil::projections {

std::size_t CustomerEntry::store(char* out) const {
  ValueWriter writer(out);
  projections::store(writer, state);
  const eventlog::Place place = home.value_or(eventlog::Place{});
  writer.put(devices).put(place.latitude_e7).put(place.longitude_e7);
  writer.put(last_country.packed()).put(last_currency.packed()).put(home_country.packed());
  writer.put(static_cast<std::uint8_t>(home.has_value()));
  writer.put_text(last_merchant.view()).put_text(last_device.view()).put_text(segment.view());
  return writer.bytes();
}

bool CustomerEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  state = take_entity_state(in);
  devices = in.take<std::uint64_t>();
  const auto latitude = in.take<std::int32_t>();
  const auto longitude = in.take<std::int32_t>();
  last_country = eventlog::Code{in.take<std::uint16_t>()};
  last_currency = eventlog::Code{in.take<std::uint16_t>()};
  home_country = eventlog::Code{in.take<std::uint16_t>()};
  if (in.take<std::uint8_t>() != 0) home = eventlog::Place{latitude, longitude};
  last_merchant.assign(in.take_text());
  last_device.assign(in.take_text());
  segment.assign(in.take_text());
  return in.ok();
}

bool DeviceEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  transactions = in.take<std::uint64_t>();
  newest = Position{in.take<std::uint64_t>()};
  return in.ok();
}

CustomerProfileModel::CustomerProfileModel(const eventlog::LogSource* log)
    : Projection(log), customers_(&loader_, 0), customer_devices_(&loader_, 1), devices_(&loader_, 2) {
  own(customers_);
  own(customer_devices_);
  own(devices_);
}

void CustomerProfileModel::count_device(CustomerEntry& customer, const Event& event) {
  std::array<char, 2 * eventlog::kIdBytesMax + 1> buffer;
  const std::string_view id = event.id(EntityKind::customer), device = event.id(EntityKind::device);
  ValueWriter key(buffer.data());
  key.put_text(id);  // with its length, so that no two pairs spell the same key
  std::memcpy(buffer.data() + key.bytes(), device.data(), device.size());
  const std::uint64_t hash = combine(event.hash(EntityKind::customer), event.hash(EntityKind::device));
  auto& pair = customer_devices_.at({buffer.data(), key.bytes() + device.size()}, hash);
  if (pair.exists) return;
  customer_devices_.change(pair);
  ++customer.devices;
}

void CustomerProfileModel::apply_transaction(CustomerEntry& customer, const Event& event) {
  const eventlog::Transaction& t = event.decided->transaction;
  const rules::Lifetime& life = customer.state.lifetime;
  if (life.transactions == 0 || t.event_time >= life.last_seen) {
    customer.last_merchant.assign(t.merchant_id);
    customer.last_device.assign(t.device_id);
    customer.last_country = t.country;
    customer.last_currency = t.amount.currency;
  }
  if (!t.device_id.empty()) count_device(customer, event);
}

void CustomerProfileModel::prefetch(const Event& event) const {
  const std::uint64_t customer = event.hash(EntityKind::customer), device = event.hash(EntityKind::device);
  customers_.prefetch(customer);
  if (event.id(EntityKind::device).empty()) return;
  devices_.prefetch(device);
  customer_devices_.prefetch(combine(customer, device));
}

void CustomerProfileModel::prefetch_entries(const Event& event) const {
  const std::uint64_t customer = event.hash(EntityKind::customer), device = event.hash(EntityKind::device);
  customers_.prefetch_entry(customer);
  if (event.id(EntityKind::device).empty()) return;
  devices_.prefetch_entry(device);
  customer_devices_.prefetch_entry(combine(customer, device));
}

void CustomerProfileModel::apply_device(const Event& event) {
  DeviceEntry& device = devices_.change(event.id(EntityKind::device), event.hash(EntityKind::device));
  device.newest = event.position();
  if (event.decided != nullptr) ++device.transactions;
}

void CustomerProfileModel::apply(const Event& event) {
  if (!event.id(EntityKind::device).empty()) apply_device(event);
  if (event.id(EntityKind::customer).empty()) return;
  CustomerEntry& customer = customers_.change(event.id(EntityKind::customer), event.hash(EntityKind::customer));
  if (event.decided != nullptr) apply_transaction(customer, event);
  if (event.customer_updated != nullptr) {
    customer.home = event.customer_updated->home;
    customer.home_country = event.customer_updated->country;
    customer.segment.assign(event.customer_updated->segment);
  }
  fold(customer.state, event);
}

Expected<std::optional<CustomerProfile>> CustomerProfileModel::customer(const ReadTransaction& view,
                                                                        std::string_view id) const {
  if (id.empty() || id.size() > eventlog::kIdBytesMax) return std::optional<CustomerProfile>{};
  auto found = customers_.find(view, id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<CustomerProfile>{};
  const CustomerEntry& entry = **found;
  CustomerProfile profile;
  profile.id = id;
  profile.state = entry.state;
  profile.devices = entry.devices;
  profile.last_merchant = entry.last_merchant.string();
  profile.last_device = entry.last_device.string();
  profile.last_country = entry.last_country.text();
  profile.last_currency = entry.last_currency.text();
  profile.home = entry.home;
  profile.home_country = entry.home_country.text();
  profile.segment = entry.segment.string();
  return profile;
}

Expected<Position> CustomerProfileModel::newest_of_customer(const ReadTransaction& view, std::string_view id) const {
  auto found = customers_.find(view, id);
  if (!found) return std::unexpected(found.error());
  return *found ? (*found)->state.newest : Position{};
}

Expected<Position> CustomerProfileModel::newest_of_device(const ReadTransaction& view, std::string_view id) const {
  auto found = devices_.find(view, id);
  if (!found) return std::unexpected(found.error());
  return *found ? (*found)->newest : Position{};
}

}  // namespace vigil::projections
