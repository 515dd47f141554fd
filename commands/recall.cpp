// What the log already says about a transaction id.
#include <algorithm>
#include <vector>

#include "commands/recorder.h"

namespace vigil::commands {

using eventlog::Address;
using eventlog::Expected;
using eventlog::Record;

Expected<std::optional<Recorder::Known>> Recorder::recall(std::string_view id) const {
  std::optional<Known> known;
  std::optional<eventlog::Error> failure;
  state_->transactions().find(eventlog::transaction_key(id), [&](Address address) {
    auto record = log_.at_or_pending(address);
    auto event = record ? eventlog::decode<eventlog::TransactionDecided>(*record) : std::unexpected(record.error());
    if (!event) {
      failure = event.error();
      return true;
    }
    if (event->transaction.id != id) return false;
    known = Known{*record, *event};
    return true;
  });
  if (failure) return std::unexpected(*failure);
  return known;
}

Expected<std::optional<Recorder::Known>> Recorder::recall_from_history(std::string_view id) const {
  auto addresses = log_.find_key(eventlog::transaction_key(id));
  if (!addresses) return std::unexpected(addresses.error());
  for (const Address address : *addresses) {
    auto record = log_.at(address);
    if (!record) return std::unexpected(record.error());
    if (record->type != static_cast<std::uint16_t>(eventlog::EventType::transaction_decided)) continue;
    auto event = eventlog::decode<eventlog::TransactionDecided>(*record);
    if (!event) return std::unexpected(event.error());
    if (event->transaction.id == id) return Known{*record, *event};
  }
  return std::nullopt;
}

Expected<Recorder::KnownLabels> Recorder::known_labels(const ReportLabel& command) const {
  std::vector<Address> addresses;
  state_->labels().find(eventlog::transaction_key(command.transaction_id), [&](Address address) {
    addresses.push_back(address);
    return false;
  });
  std::ranges::sort(addresses, std::greater{});
  KnownLabels known;
  for (const Address address : addresses) {
    auto record = log_.at_or_pending(address);
    if (!record) return std::unexpected(record.error());
    auto event = eventlog::decode<eventlog::LabelReported>(*record);
    if (!event) return std::unexpected(event.error());
    if (event->transaction_id != command.transaction_id) continue;
    if (!known.newest) known.newest = KnownLabel{record->position, event->kind, event->reported_at};
    if (event->kind == command.kind && event->reported_at == command.reported_at && event->source == command.source) {
      known.repeat = record->position;
      break;
    }
  }
  return known;
}

}  // namespace vigil::commands
