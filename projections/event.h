// One event of the log, decoded once for all models that fold it on the same thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "eventlog/schema/events.h"
#include "eventlog/storage/log.h"

namespace vigil::projections {

using eventlog::EntityKind;
using eventlog::EventType;

// A set of event types: bit n stands for type n.
using EventTypes = std::uint32_t;
constexpr EventTypes bit(EventType type) { return EventTypes{1} << static_cast<unsigned>(type); }
template <class... Types>
constexpr EventTypes types(Types... all) {
  return (bit(all) | ...);
}
// Types this Vigil knows; any other is an event of a newer one, or damage.
inline constexpr EventTypes kKnownTypes = (bit(EventType::rules_activated) << 1) - bit(EventType::transaction_decided);

// A view, valid until the reader reads the next event. At most one of the pointers is set; none for events no
// model folds. Ids are at most kIdBytesMax long, rule ids kNameBytesMax.
struct Event {
  const eventlog::Record* record = nullptr;
  EventType type{};
  const eventlog::TransactionDecided* decided = nullptr;
  const eventlog::LabelReported* label = nullptr;
  const eventlog::AlertRaised* alert = nullptr;
  const eventlog::CustomerUpdated* customer_updated = nullptr;
  const eventlog::MerchantUpdated* merchant_updated = nullptr;
  const eventlog::TransactionQuarantined* quarantined = nullptr;
  // Of a label: the transaction it speaks of, as the log holds it; null when there is none.
  const eventlog::TransactionDecided* labelled = nullptr;

  // The entities the event concerns, by EntityKind; "" when it does not. Hashes are hash_of(id).
  std::array<std::string_view, eventlog::kEntityKinds> entity;
  std::array<std::uint64_t, eventlog::kEntityKinds> entity_hash{};

  std::string_view id(EntityKind kind) const { return entity[static_cast<std::size_t>(kind)]; }
  std::uint64_t hash(EntityKind kind) const { return entity_hash[static_cast<std::size_t>(kind)]; }
  eventlog::Position position() const { return record->position; }
};

// Decodes records into events. Not thread-safe. `log` is asked for labelled transactions and must outlive it.
class EventReader {
 public:
  explicit EventReader(const eventlog::LogSource& log) : log_(log) {}

  // Errors: damaged, unsupported_version, io; they name the position.
  eventlog::Expected<const Event*> read(const eventlog::Record& record);
  // The same without looking for what a label speaks of: `labelled` stays null.
  eventlog::Expected<const Event*> read_alone(const eventlog::Record& record);

 private:
  eventlog::Expected<void> decode_body(const eventlog::Record& record);
  template <class T>
  eventlog::Expected<const T*> decode_as(const eventlog::Record& record);
  eventlog::Expected<void> find_labelled(const eventlog::LabelReported& label, eventlog::Address before);
  void concerns(std::string_view customer, std::string_view merchant, std::string_view device);

  const eventlog::LogSource& log_;
  eventlog::Record record_;
  std::variant<std::monostate, eventlog::TransactionDecided, eventlog::LabelReported, eventlog::AlertRaised,
               eventlog::CustomerUpdated, eventlog::MerchantUpdated, eventlog::TransactionQuarantined>
      body_;
  std::optional<eventlog::TransactionDecided> labelled_;
  Event event_;
};

}  // namespace vigil::projections
