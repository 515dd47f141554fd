#include "api/explanation.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "api/event_json.h"
#include "api/json_text.h"
#include "api/query_json.h"
#include "rules/expression/transaction_fields.h"

namespace vigil::api {
namespace {

using namespace eventlog;

// As text all the way: a fact is shown as it was accepted, whatever a JSON library would make of its numbers.
Expected<std::string> event_text(const Record& record, Activations& activations) {
  std::string text;
  if (auto written = append_event_json(text, record, &activations); !written) return std::unexpected(written.error());
  return text;
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

Expected<std::string> decision_text(const Record& record, const TransactionDecided& event, Activations& activations) {
  auto text = event_text(record, activations);
  if (!text) return text;
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
  text->pop_back();  // the brace; the event's own fields stay as they are
  *text += ",\"features\":" + text_of(named);
  *text += ",\"matched\":" + text_of(matched_json(event, **rule_set, **catalogue, slots)) + "}";
  return text;
}

}  // namespace

Expected<std::optional<std::string>> explain(const LogSource& log, Activations& activations,
                                             std::string_view transaction_id, std::size_t bytes_max) {
  const auto addresses = log.find_key(transaction_key(transaction_id));
  if (!addresses) return std::unexpected(addresses.error());
  std::string decisions, labels;
  const auto add = [](std::string& list, const std::string& event) { (list += list.empty() ? "" : ",") += event; };
  for (const Address address : *addresses) {
    const auto record = log.at(address);
    if (!record) return std::unexpected(record.error());
    // Another id may have the same key.
    if (record->type == static_cast<std::uint16_t>(EventType::transaction_decided)) {
      const auto event = decode<TransactionDecided>(*record);
      if (!event) return std::unexpected(event.error());
      if (event->transaction.id != transaction_id) continue;
      const auto text = decision_text(*record, *event, activations);
      if (!text) return std::unexpected(text.error());
      add(decisions, *text);
    } else if (record->type == static_cast<std::uint16_t>(EventType::label_reported)) {
      const auto event = decode<LabelReported>(*record);
      if (!event) return std::unexpected(event.error());
      if (event->transaction_id != transaction_id) continue;
      const auto text = event_text(*record, activations);
      if (!text) return std::unexpected(text.error());
      add(labels, *text);
    }
    if (decisions.size() + labels.size() > bytes_max) {
      return fail(ErrorKind::invalid, "the answer is larger than " + std::to_string(bytes_max) +
                                          " bytes; `vigil log dump` has each event of this transaction");
    }
  }
  if (decisions.empty()) return std::nullopt;
  std::string row = "{\"transaction_id\":";
  append_json_string(row, transaction_id);
  row += ",\"decisions\":[" + decisions + "],\"labels\":[" + labels + "]}";
  return row;
}

}  // namespace vigil::api
