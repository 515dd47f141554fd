#include "projections/event.h"

#include <string>

#include "projections/table.h"

namespace vigil::projections {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

Expected<void> check_length(std::string_view text, std::size_t bytes_max, const eventlog::Record& record) {
  if (text.size() <= bytes_max) return {};
  return fail(ErrorKind::damaged, "event " + std::to_string(record.position.value()) + ": an id of " +
                                      std::to_string(text.size()) + " bytes, more than the " +
                                      std::to_string(bytes_max) + " the log may hold");
}

}  // namespace

template <class T>
Expected<const T*> EventReader::decode_as(const eventlog::Record& record) {
  auto decoded = eventlog::decode<T>(record);
  if (!decoded) return std::unexpected(decoded.error());
  return &body_.emplace<T>(std::move(*decoded));
}

void EventReader::concerns(std::string_view customer, std::string_view merchant, std::string_view device) {
  event_.entity = {customer, merchant, device};
}

Expected<void> EventReader::decode_body(const eventlog::Record& record) {
  const auto into = [](auto& pointer, auto decoded) -> Expected<void> {
    if (!decoded) return std::unexpected(decoded.error());
    pointer = *decoded;
    return {};
  };
  switch (event_.type) {
    case EventType::transaction_decided: {
      auto done = into(event_.decided, decode_as<eventlog::TransactionDecided>(record));
      if (!done) return done;
      const eventlog::Transaction& t = event_.decided->transaction;
      concerns(t.customer_id, t.merchant_id, t.device_id);
      return check_length(t.id, eventlog::kIdBytesMax, record);
    }
    case EventType::label_reported: {
      auto done = into(event_.label, decode_as<eventlog::LabelReported>(record));
      if (!done) return done;
      concerns(event_.label->customer_id, event_.label->merchant_id, event_.label->device_id);
      return check_length(event_.label->transaction_id, eventlog::kIdBytesMax, record);
    }
    case EventType::alert_raised: {
      auto done = into(event_.alert, decode_as<eventlog::AlertRaised>(record));
      if (!done) return done;
      concerns(event_.alert->customer_id, event_.alert->merchant_id, event_.alert->device_id);
      if (auto fits = check_length(event_.alert->transaction_id, eventlog::kIdBytesMax, record); !fits) return fits;
      return check_length(event_.alert->rule_id, eventlog::kNameBytesMax, record);
    }
    case EventType::customer_updated: {
      auto done = into(event_.customer_updated, decode_as<eventlog::CustomerUpdated>(record));
      if (done) concerns(event_.customer_updated->customer_id, {}, {});
      return done;
    }
    case EventType::merchant_updated: {
      auto done = into(event_.merchant_updated, decode_as<eventlog::MerchantUpdated>(record));
      if (done) concerns({}, event_.merchant_updated->merchant_id, {});
      return done;
    }
    case EventType::transaction_quarantined:
      return into(event_.quarantined, decode_as<eventlog::TransactionQuarantined>(record));
    default: return {};
  }
}

// The newest event with the label's transaction id and version that stands before the label.
Expected<void> EventReader::find_labelled(const eventlog::LabelReported& label, eventlog::Address before) {
  auto found = log_.find_key(eventlog::transaction_key(label.transaction_id));
  if (!found) return std::unexpected(found.error());
  for (eventlog::Address address : *found) {
    if (address >= before) continue;
    auto record = log_.at(address);
    if (!record) return std::unexpected(record.error());
    auto type = eventlog::type_of(*record);
    if (!type || *type != EventType::transaction_decided) continue;
    auto decided = eventlog::decode<eventlog::TransactionDecided>(*record);
    if (!decided) return std::unexpected(decided.error());
    if (decided->transaction.id != label.transaction_id) continue;
    if (decided->transaction.version != label.transaction_version) continue;
    labelled_ = *decided;
    event_.labelled = &*labelled_;
    return {};
  }
  return {};
}

Expected<const Event*> EventReader::read(const eventlog::Record& record) {
  auto event = read_alone(record);
  if (!event || event_.label == nullptr) return event;
  if (auto found = find_labelled(*event_.label, record.address); !found) return std::unexpected(found.error());
  return event;
}

Expected<const Event*> EventReader::read_alone(const eventlog::Record& record) {
  record_ = record;
  event_ = Event{};
  event_.record = &record_;
  auto type = eventlog::type_of(record);
  if (!type) return std::unexpected(type.error());
  event_.type = *type;
  if (auto decoded = decode_body(record_); !decoded) return std::unexpected(decoded.error());
  for (std::size_t i = 0; i < event_.entity.size(); ++i) {
    if (event_.entity[i].empty()) continue;
    if (auto fits = check_length(event_.entity[i], eventlog::kIdBytesMax, record); !fits) {
      return std::unexpected(fits.error());
    }
    event_.entity_hash[i] = hash_of(event_.entity[i]);
  }
  return &event_;
}

}  // namespace vigil::projections
