#include "api/query_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "api/time_text.h"

namespace vigil::api {
namespace {

using namespace projections;

// A time of an entity that has had no transaction yet is null.
Json time_or_null(bool known, EventTime time) { return known ? Json(time_text(time.value())) : Json(nullptr); }
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json place_json(const std::optional<eventlog::Place>& place) {
  if (!place) return nullptr;
  return {{"latitude", place->latitude_e7 / 1e7}, {"longitude", place->longitude_e7 / 1e7}};
}

}  // namespace

Json to_json(const EntityState& state) {
  const rules::Lifetime& life = state.lifetime;
  const bool seen = life.transactions > 0;
  return {{"transactions", life.transactions},
          {"approved", state.approved()},
          {"reviewed", state.reviewed},
          {"declined", life.declined},
          {"frauds", life.frauds},
          {"genuine", state.genuine},
          {"alerts", state.alerts},
          {"amount_sum_minor", life.amount_sum_minor},
          {"amount_mean_minor", life.mean()},
          {"amount_stddev_minor", life.standard_deviation()},
          {"first_seen", time_or_null(seen, life.first_seen)},
          {"last_seen", time_or_null(seen, life.last_seen)},
          {"last_place", place_json(life.last_place)},
          {"events", state.events},
          {"newest_event", state.newest.value()}};
}

Json to_json(const CustomerProfile& profile) {
  Json json = {{"customer_id", profile.id}};
  json.update(to_json(profile.state));
  json.update(Json{{"devices", profile.devices},
                   {"last_merchant", text_or_null(profile.last_merchant)},
                   {"last_device", text_or_null(profile.last_device)},
                   {"last_country", text_or_null(profile.last_country)},
                   {"last_currency", text_or_null(profile.last_currency)},
                   {"home", place_json(profile.home)},
                   {"home_country", text_or_null(profile.home_country)},
                   {"segment", text_or_null(profile.segment)}});
  return json;
}

Json to_json(const MerchantRisk& merchant) {
  Json json = {{"merchant_id", merchant.id},
               {"name", text_or_null(merchant.display_name)},
               {"category", text_or_null(merchant.category)},
               {"country", text_or_null(merchant.country)},
               {"fraud_rate", merchant.fraud_rate},
               {"fraud_amount_minor", merchant.fraud_amount_minor}};
  json.update(to_json(merchant.state));
  return json;
}

Json to_json(const AggregateRow& row, Granularity granularity, Dimension dimension) {
  Json json = {{"bucket", time_text(row.bucket.value())}};
  if (dimension != Dimension::all) json["value"] = row.value;
  json.update(Json{{"transactions", row.transactions},
                   {"amount_minor", row.amount_minor},
                   {"declined", row.declined},
                   {"reviewed", row.reviewed},
                   {"frauds", row.frauds}});
  if (granularity == Granularity::day && dimension == Dimension::all) {
    json["active_customers"] = row.active_customers;
    json["active_merchants"] = row.active_merchants;
    json["compromised_customers"] = row.compromised_customers;
  }
  return json;
}

Json to_json(const Alert& alert) {
  return {{"position", alert.position.value()},
          {"rule", alert.rule_id},
          {"severity", eventlog::name(alert.severity)},
          {"outcome", eventlog::name(alert.outcome)},
          {"score", alert.score},
          {"truth", name(alert.truth)},
          {"transaction_id", alert.transaction_id},
          {"decided_at", alert.decided_at.value()},
          {"event_time", time_text(alert.event_time.value())},
          {"customer_id", alert.customer_id},
          {"merchant_id", alert.merchant_id},
          {"device_id", text_or_null(alert.device_id)},
          {"amount_base_minor", alert.amount_base_minor}};
}

Json to_json(const RuleStatistics& statistics) {
  const bool labelled = statistics.fraud + statistics.genuine > 0;
  return {{"rule", statistics.rule_id},
          {"alerts", statistics.raised},
          {"fraud", statistics.fraud},
          {"genuine", statistics.genuine},
          {"unlabelled", statistics.unlabelled()},
          {"precision", labelled ? Json(statistics.precision()) : Json(nullptr)}};
}

Json to_json(const Quarantined& quarantined) {
  Json reasons = Json::array();
  for (const QuarantinedReason& reason : quarantined.reasons) {
    reasons.push_back({{"code", reason.code}, {"field", reason.field}, {"text", reason.text}});
  }
  return {{"position", quarantined.position.value()},
          {"source", quarantined.source},
          {"raw_bytes", quarantined.raw_bytes},
          {"reasons", std::move(reasons)}};
}

Json to_json(const QualityCount& count) {
  return {{"day", time_text(count.day.value()).substr(0, 10)}, {"name", count.name}, {"count", count.count}};
}

Json to_json(const ModelStatus& status) {
  return {{"name", status.name},
          {"state", name(status.state)},
          {"applied", status.applied.value()},
          {"checkpoint", status.checkpoint.value()},
          {"digest", status.digest},
          {"reason", text_or_null(status.reason)}};
}

// `damage` is the alarm: null as long as all is well.
Json to_json(const eventlog::ScrubStatus& status) {
  Json json = {{"bytes_per_second", status.bytes_per_second},
               {"bytes", status.bytes},
               {"next", status.next.value()},
               {"passes", status.passes},
               {"last_full_pass", nullptr},
               {"damaged", status.damaged},
               {"damage", nullptr}};
  if (status.last_full_pass.value() != 0) json["last_full_pass"] = time_text(status.last_full_pass.value());
  if (!status.damage.empty()) json["damage"] = status.damage;
  return json;
}

Json to_json(const ServiceStatus& status) {
  const rules::DecisionStateMemory& memory = status.memory;
  Json json = {{"messages", status.messages},
               {"commands", status.commands},
               {"busy", status.busy},
               {"malformed", status.malformed},
               {"undelivered", status.undelivered},
               {"memory",
                {{"customers", memory.customers},
                 {"merchants", memory.merchants},
                 {"devices", memory.devices},
                 {"window_entries", memory.window_entries},
                 {"window_bytes", memory.window_bytes},
                 {"entity_bytes", memory.entity_bytes}}}};
  if (status.scrub) json["scrub"] = to_json(*status.scrub);
  return json;
}

Json to_json(const eventlog::Value& value) {
  switch (value.type) {
    case eventlog::ValueType::null: return nullptr;
    case eventlog::ValueType::boolean: return value.integer != 0;
    case eventlog::ValueType::integer: return value.integer;
    case eventlog::ValueType::floating: return std::isfinite(value.floating) ? Json(value.floating) : Json(nullptr);
    case eventlog::ValueType::text: return std::string(value.text_view());
  }
  return nullptr;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace vigil::api
