#include "projections/alerts.h"

#include <utility>

namespace vigil::projections {
namespace {

std::string key_of(std::uint64_t position) {
  std::string key;
  append_be64(key, position);
  return key;
}

// How many alerts of a rule have each truth, when `counts` is told that one more or one fewer has `truth`.
void count(RuleCounts& counts, AlertTruth truth, std::int64_t by) {
  if (truth == AlertTruth::fraud) counts.fraud += static_cast<std::uint64_t>(by);
  if (truth == AlertTruth::genuine) counts.genuine += static_cast<std::uint64_t>(by);
}

Alert to_alert(Position position, const AlertEntry& entry) {
  Alert alert;
  alert.position = position;
  alert.decided_at = Position{entry.decided_at};
  alert.rule_id = entry.rule_id.string();
  alert.transaction_id = entry.transaction_id.string();
  alert.customer_id = entry.customer_id.string();
  alert.merchant_id = entry.merchant_id.string();
  alert.device_id = entry.device_id.string();
  alert.event_time = EventTime{entry.event_time_us};
  alert.amount_base_minor = entry.amount_base_minor;
  alert.severity = static_cast<eventlog::Severity>(entry.severity);
  alert.outcome = static_cast<eventlog::Outcome>(entry.outcome);
  alert.score = entry.score;
  alert.truth = static_cast<AlertTruth>(entry.truth);
  return alert;
}

bool matches(const AlertQuery& query, const AlertEntry& entry) {
  if (query.rule_id && *query.rule_id != entry.rule_id.view()) return false;
  if (query.customer_id && *query.customer_id != entry.customer_id.view()) return false;
  return !query.severity || static_cast<std::uint8_t>(*query.severity) == entry.severity;
}

}  // namespace

std::size_t AlertEntry::store(char* out) const {
  ValueWriter writer(out);
  writer.put(decided_at).put(event_time_us).put(amount_base_minor).put(previous).put(score);
  writer.put(severity).put(outcome).put(truth);
  writer.put_text(rule_id.view()).put_text(transaction_id.view()).put_text(customer_id.view());
  writer.put_text(merchant_id.view()).put_text(device_id.view());
  return writer.bytes();
}

bool AlertEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  decided_at = in.take<std::uint64_t>();
  event_time_us = in.take<std::int64_t>();
  amount_base_minor = in.take<std::int64_t>();
  previous = in.take<std::uint64_t>();
  score = in.take<std::int32_t>();
  severity = in.take<std::uint8_t>();
  outcome = in.take<std::uint8_t>();
  truth = in.take<std::uint8_t>();
  rule_id.assign(in.take_text());
  transaction_id.assign(in.take_text());
  customer_id.assign(in.take_text());
  merchant_id.assign(in.take_text());
  device_id.assign(in.take_text());
  return in.ok();
}

bool TransactionAlerts::load(std::string_view bytes) {
  ValueReader in(bytes);
  newest = in.take<std::uint64_t>();
  return in.ok();
}

bool RuleCounts::load(std::string_view bytes) {
  ValueReader in(bytes);
  raised = in.take<std::uint64_t>();
  fraud = in.take<std::uint64_t>();
  genuine = in.take<std::uint64_t>();
  return in.ok();
}

AlertsModel::AlertsModel(const eventlog::LogSource* log)
    : Projection(log), alerts_(&loader_, 0), transactions_(&loader_, 1), rules_(&loader_, 2) {
  own(alerts_);
  own(transactions_);
  own(rules_);
}

void AlertsModel::apply_alert(const Event& event) {
  const eventlog::AlertRaised& raised = *event.alert;
  if (raised.rule_id.empty() || raised.transaction_id.empty()) return;
  const std::string key = key_of(event.position().value());
  AlertEntry& entry = alerts_.change(key, hash_of(key));
  entry.decided_at = raised.decided_at.value();
  entry.event_time_us = raised.event_time.value();
  entry.amount_base_minor = raised.amount_base_minor;
  entry.score = raised.score;
  entry.severity = static_cast<std::uint8_t>(raised.severity);
  entry.outcome = static_cast<std::uint8_t>(raised.outcome);
  entry.rule_id.assign(raised.rule_id);
  entry.transaction_id.assign(raised.transaction_id);
  entry.customer_id.assign(raised.customer_id);
  entry.merchant_id.assign(raised.merchant_id);
  entry.device_id.assign(raised.device_id);
  TransactionAlerts& chain = transactions_.change(raised.transaction_id, hash_of(raised.transaction_id));
  entry.previous = std::exchange(chain.newest, event.position().value());
  ++rules_.change(raised.rule_id, hash_of(raised.rule_id)).raised;
}

void AlertsModel::apply_label(const Event& event) {
  const std::string_view id = event.label->transaction_id;
  if (id.empty() || id.size() > eventlog::kIdBytesMax) return;
  const auto& chain = transactions_.at(id, hash_of(id));
  if (!chain.exists) return;
  const AlertTruth truth = is_fraud(event.label->kind) ? AlertTruth::fraud : AlertTruth::genuine;
  for (std::uint64_t position = chain.value.newest; position != 0;) {
    const std::string key = key_of(position);
    AlertEntry& entry = alerts_.change(key, hash_of(key));
    RuleCounts& counts = rules_.change(entry.rule_id.view(), hash_of(entry.rule_id.view()));
    count(counts, static_cast<AlertTruth>(entry.truth), -1);
    count(counts, truth, 1);
    entry.truth = static_cast<std::uint8_t>(truth);
    // Links lead back; one that does not is damage the loader has noticed, or a value it could not read.
    position = entry.previous < position ? entry.previous : 0;
  }
}

void AlertsModel::apply(const Event& event) {
  if (event.alert != nullptr) apply_alert(event);
  if (event.label != nullptr) apply_label(event);
}

Expected<std::vector<Alert>> AlertsModel::alerts(const ReadTransaction& view, const AlertQuery& query) const {
  std::vector<Alert> found;
  if (query.limit == 0) return found;
  auto scanned = alerts_.scan(view, key_of(query.since.value()), [&](std::string_view key, const AlertEntry& entry) {
    if (matches(query, entry)) found.push_back(to_alert(Position{be64_at(key, 0)}, entry));
    return found.size() < query.limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

Expected<std::vector<RuleStatistics>> AlertsModel::rule_statistics(const ReadTransaction& view) const {
  std::vector<RuleStatistics> found;
  auto scanned = rules_.scan(view, {}, [&](std::string_view key, const RuleCounts& counts) {
    found.push_back({std::string(key), counts.raised, counts.fraud, counts.genuine});
    return true;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

}  // namespace vigil::projections
