#include "api/explanation.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "api/event_json.h"
#include "api/query_json.h"
#include "rules/expression/transaction_fields.h"

namespace vigil::api {
namespace {

using namespace eventlog;

Expected<Json> event_json(const Record& record, Activations& activations) {
  std::string text;
  if (auto written = append_event_json(text, record, &activations); !written) return std::unexpected(written.error());
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    return fail(ErrorKind::damaged, "position " + std::to_string(record.position.value()) + " holds no JSON");
  }
  return json;
}

// What the condition looked at, by name, with the values it saw.
Json values_seen(const rules::Expression& condition, const rules::Catalogue& catalogue, std::span<const Value> slots) {
  Json seen = Json::object();
  for (const std::size_t slot : condition.slots_used()) {
    for (const rules::Symbol& symbol : catalogue.symbols()) {
      if (symbol.slot == slot) seen[symbol.name] = to_json(slots[slot]);
    }
  }
  return seen;
}

Json matched_json(const TransactionDecided& event, const rules::RuleSet& rule_set, const rules::Catalogue& catalogue,
                  std::span<const Value> slots) {
  Json matched = Json::array();
  for (const std::uint16_t index : event.matched) {
    if (index >= rule_set.rules().size()) continue;
    const rules::Rule& rule = rule_set.rules()[index];
    matched.push_back({{"rule", rule.id},
                       {"description", rule.description},
                       {"condition", rule.condition.text()},
                       {"outcome", name(rule.outcome)},
                       {"score", rule.score},
                       {"severity", name(rule.severity)},
                       {"values", values_seen(rule.condition, catalogue, slots)}});
  }
  return matched;
}

Expected<Json> decision_json(const Record& record, const TransactionDecided& event, Activations& activations) {
  auto json = event_json(record, activations);
  if (!json) return json;
  const auto catalogue = activations.catalogue(event.features_version);
  if (!catalogue) return std::unexpected(catalogue.error());
  const auto rule_set = activations.rule_set(event.features_version, event.rules_version);
  if (!rule_set) return std::unexpected(rule_set.error());
  std::vector<Value> slots(rules::kTransactionFields + (*catalogue)->size());
  rules::fill_transaction_fields(event.transaction, event.amount_base_minor, slots);
  const auto features = std::span(slots).subspan(rules::kTransactionFields);
  if (!decode_values(event.features, features)) {
    return fail(ErrorKind::damaged, "position " + std::to_string(record.position.value()) +
                                        ": its feature values do not fit features version " +
                                        std::to_string(event.features_version));
  }
  Json named = Json::object();
  for (std::size_t i = 0; i < features.size(); ++i) {
    named[(*catalogue)->features()[i].name] = to_json(features[i]);
  }
  (*json)["features"] = std::move(named);
  (*json)["matched"] = matched_json(event, **rule_set, **catalogue, slots);
  return json;
}

}  // namespace

Expected<std::optional<nlohmann::ordered_json>> explain(const LogSource& log, Activations& activations,
                                                        std::string_view transaction_id) {
  const auto addresses = log.find_key(transaction_key(transaction_id));
  if (!addresses) return std::unexpected(addresses.error());
  Json decisions = Json::array(), labels = Json::array();
  for (const Address address : *addresses) {
    const auto record = log.at(address);
    if (!record) return std::unexpected(record.error());
    // Another id may have the same key.
    if (record->type == static_cast<std::uint16_t>(EventType::transaction_decided)) {
      const auto event = decode<TransactionDecided>(*record);
      if (!event) return std::unexpected(event.error());
      if (event->transaction.id != transaction_id) continue;
      auto json = decision_json(*record, *event, activations);
      if (!json) return std::unexpected(json.error());
      decisions.push_back(std::move(*json));
    } else if (record->type == static_cast<std::uint16_t>(EventType::label_reported)) {
      const auto event = decode<LabelReported>(*record);
      if (!event) return std::unexpected(event.error());
      if (event->transaction_id != transaction_id) continue;
      auto json = event_json(*record, activations);
      if (!json) return std::unexpected(json.error());
      labels.push_back(std::move(*json));
    }
  }
  if (decisions.empty()) return std::nullopt;
  return Json{{"transaction_id", std::string(transaction_id)},
              {"decisions", std::move(decisions)},
              {"labels", std::move(labels)}};
}

}  // namespace vigil::api
