#include "api/activations.h"

#include <optional>
#include <string>

namespace vigil::api {
namespace {

using eventlog::ErrorKind;
using eventlog::EventType;
using eventlog::Expected;
using eventlog::fail;
using eventlog::FeaturesActivated;
using eventlog::LogSource;
using eventlog::Position;
using eventlog::Record;
using eventlog::RulesActivated;
using eventlog::TransactionDecided;

bool is(const Record& record, EventType type) { return record.type == static_cast<std::uint16_t>(type); }

std::uint32_t version_of(const TransactionDecided& event, EventType activation) {
  return activation == EventType::features_activated ? event.features_version : event.rules_version;
}

// The version in the first decision at or after `from`; nothing when there is none.
Expected<std::optional<std::uint32_t>> version_after(const LogSource& log, Position from, EventType activation) {
  auto cursor = log.read_from(from);
  if (!cursor) return std::unexpected(cursor.error());
  for (;;) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return std::nullopt;
    if (!is(**record, EventType::transaction_decided)) continue;
    const auto event = eventlog::decode<TransactionDecided>(**record);
    if (!event) return std::unexpected(event.error());
    return version_of(*event, activation);
  }
}

// The first position behind all decisions of versions below `version`.
Expected<Position> behind_older(const LogSource& log, std::uint32_t version, EventType activation) {
  std::uint64_t low = 1, high = log.durable().value() + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto found = version_after(log, Position{middle}, activation);
    if (!found) return std::unexpected(found.error());
    if (*found && **found < version) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return Position{low};
}

template <class Event>
Expected<std::string> activated_text(const LogSource& log, std::uint32_t version, EventType activation) {
  const auto begin = behind_older(log, version, activation);
  if (!begin) return std::unexpected(begin.error());
  auto cursor = log.read_from(*begin);
  if (!cursor) return std::unexpected(cursor.error());
  for (;;) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record || is(**record, EventType::transaction_decided)) break;
    if (!is(**record, activation)) continue;
    const auto event = eventlog::decode<Event>(**record);
    if (!event) return std::unexpected(event.error());
    if (event->version == version) return std::string(event->text);
  }
  return fail(ErrorKind::not_found,
              "the log has no " + std::string(eventlog::name(activation)) + " of version " + std::to_string(version));
}

}  // namespace

Expected<const rules::Catalogue*> Activations::catalogue(std::uint32_t features_version) {
  if (const auto known = catalogues_.find(features_version); known != catalogues_.end()) return &known->second;
  const auto text = activated_text<FeaturesActivated>(log_, features_version, EventType::features_activated);
  if (!text) return std::unexpected(text.error());
  auto parsed = rules::Catalogue::parse(*text, "features version " + std::to_string(features_version));
  if (!parsed) return std::unexpected(parsed.error());
  return &catalogues_.emplace(features_version, std::move(*parsed)).first->second;
}

Expected<const rules::RuleSet*> Activations::rule_set(std::uint32_t features_version, std::uint32_t rules_version) {
  const auto key = std::pair(features_version, rules_version);
  if (const auto known = rule_sets_.find(key); known != rule_sets_.end()) return &known->second;
  const auto features = catalogue(features_version);
  if (!features) return std::unexpected(features.error());
  const auto text = activated_text<RulesActivated>(log_, rules_version, EventType::rules_activated);
  if (!text) return std::unexpected(text.error());
  auto parsed = rules::RuleSet::parse(*text, "rules version " + std::to_string(rules_version), **features);
  if (!parsed) return std::unexpected(parsed.error());
  return &rule_sets_.emplace(key, std::move(*parsed)).first->second;
}

Expected<Activations::Versions> Activations::in_force() const {
  Versions versions;
  std::uint64_t at = log_.durable().value();
  for (; at > 0 && (versions.features == 0 || versions.rules == 0); --at) {
    const auto record = log_.at(Position{at});
    if (!record) return std::unexpected(record.error());
    if (is(*record, EventType::transaction_decided)) {
      const auto event = eventlog::decode<TransactionDecided>(*record);
      if (!event) return std::unexpected(event.error());
      if (versions.features == 0) versions.features = event->features_version;
      if (versions.rules == 0) versions.rules = event->rules_version;
    } else if (is(*record, EventType::features_activated) && versions.features == 0) {
      const auto event = eventlog::decode<FeaturesActivated>(*record);
      if (!event) return std::unexpected(event.error());
      versions.features = event->version;
    } else if (is(*record, EventType::rules_activated) && versions.rules == 0) {
      const auto event = eventlog::decode<RulesActivated>(*record);
      if (!event) return std::unexpected(event.error());
      versions.rules = event->version;
    }
  }
  return versions;
}

}  // namespace vigil::api
