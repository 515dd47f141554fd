// Model `customer_profile`: one entry per customer, their devices, and where each device's history begins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/entity_state.h"
#include "projections/projection.h"

namespace vigil::projections {

struct CustomerEntry {
  static constexpr std::size_t kStoredBytesMax = kEntityStateBytes + 512;
  EntityState state;
  std::uint64_t devices = 0;
  eventlog::Code last_country, last_currency, home_country;
  std::optional<eventlog::Place> home;
  Text<eventlog::kIdBytesMax> last_merchant, last_device, segment;

  std::size_t store(char* out) const;
  bool load(std::string_view bytes);
};

// That a customer has used a device.
struct CustomerDevice {
  static constexpr std::size_t kStoredBytesMax = 1;
  std::size_t store(char*) const { return 0; }
  bool load(std::string_view bytes) { return bytes.empty(); }
};

struct DeviceEntry {
  static constexpr std::size_t kStoredBytesMax = 16;
  std::uint64_t transactions = 0;
  Position newest;  // the newest event about the device

  std::size_t store(char* out) const { return ValueWriter(out).put(transactions).put(newest.value()).bytes(); }
  bool load(std::string_view bytes);
};

class CustomerProfileModel final : public Projection {
 public:
  explicit CustomerProfileModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "customer_profile"; }
  std::vector<std::string> databases() const override { return {"customers", "customer_devices", "devices"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override {
    return types(EventType::transaction_decided, EventType::label_reported, EventType::alert_raised,
                 EventType::customer_updated);
  }
  void apply(const Event& event) override;
  void prefetch(const Event& event) const override;
  void prefetch_entries(const Event& event) const override;

  Expected<std::optional<CustomerProfile>> customer(const ReadTransaction& view, std::string_view id) const;
  // The newest event about a customer or device; 0 when there is none.
  Expected<Position> newest_of_customer(const ReadTransaction& view, std::string_view id) const;
  Expected<Position> newest_of_device(const ReadTransaction& view, std::string_view id) const;

 private:
  void apply_transaction(CustomerEntry& customer, const Event& event);
  void apply_device(const Event& event);
  void count_device(CustomerEntry& customer, const Event& event);

  Table<CustomerEntry> customers_;
  Table<CustomerDevice> customer_devices_;
  Table<DeviceEntry> devices_;
};

}  // namespace vigil::projections
