#include "api/event_json.h"

#include "api/json_text.h"
#include "api/time_text.h"

namespace vigil::api {
namespace {

using namespace eventlog;

// How much of a quarantined input an event shows; `vigil quarantine` gives all of it.
constexpr std::size_t kRawShownBytes = 4096;

// Optional texts and codes are left out when they are absent.
void text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += key;
  out += "\":";
  append_json_string(out, value);
}
template <class Integer>
void number(std::string& out, std::string_view key, Integer value) {
  out += ",\"";
  out += key;
  out += "\":";
  append_json_integer(out, static_cast<std::int64_t>(value));
}
void time(std::string& out, std::string_view key, std::int64_t micros) {
  out += ",\"";
  out += key;
  out += "\":\"";
  append_time(out, micros);
  out += '"';
}
void degrees(std::string& out, std::int32_t e7) {
  // Exact: at most ten digits, never a rounding.
  const auto magnitude = static_cast<std::uint64_t>(e7 < 0 ? -std::int64_t{e7} : std::int64_t{e7});
  if (e7 < 0) out += '-';
  append_json_integer(out, magnitude / 10'000'000);
  const std::string fraction = std::to_string(10'000'000 + magnitude % 10'000'000);
  out += '.';
  out.append(fraction, 1);
}
void place(std::string& out, const std::optional<Place>& place) {
  if (!place) return;
  out += ",\"place\":{\"latitude\":";
  degrees(out, place->latitude_e7);
  out += ",\"longitude\":";
  degrees(out, place->longitude_e7);
  out += '}';
}
void texts(std::string& out, std::string_view key, const std::vector<std::string_view>& values) {
  out += ",\"";
  out += key;
  out += "\":[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, values[i]);
  }
  out += ']';
}

void facts(std::string& out, const Transaction& transaction) {
  text(out, "transaction_id", transaction.id);
  number(out, "version", transaction.version);
  time(out, "event_time", transaction.event_time.value());
  text(out, "customer_id", transaction.customer_id);
  text(out, "merchant_id", transaction.merchant_id);
  text(out, "device_id", transaction.device_id);
  number(out, "amount_minor", transaction.amount.minor);
  text(out, "currency", transaction.amount.currency.text());
  text(out, "country", transaction.country.text());
  text(out, "card_country", transaction.card_country.text());
  text(out, "category", transaction.category);
  text(out, "channel", transaction.channel);
  text(out, "status", name(transaction.status));
  place(out, transaction.place);
  if (!transaction.extra.empty()) {
    out += ",\"extra\":";
    // A value inside may have come over several lines; an event is one.
    if (transaction.extra.find_first_of("\r\n") == std::string_view::npos) {
      out += transaction.extra;
    } else {
      append_json_on_one_line(out, transaction.extra);
    }
  }
}

Expected<void> matched_rules(std::string& out, const TransactionDecided& event, Activations* activations) {
  const rules::RuleSet* rule_set = nullptr;
  if (activations != nullptr) {
    const auto found = activations->rule_set(event.features_version, event.rules_version);
    if (!found) return std::unexpected(found.error());
    rule_set = *found;
  }
  out += rule_set != nullptr ? ",\"rules\":[" : ",\"matched\":[";
  for (std::size_t i = 0; i < event.matched.size(); ++i) {
    if (i > 0) out += ',';
    if (rule_set != nullptr && event.matched[i] < rule_set->rules().size()) {
      append_json_string(out, rule_set->rules()[event.matched[i]].id);
    } else {
      append_json_integer(out, std::uint64_t{event.matched[i]});
    }
  }
  out += ']';
  return {};
}

Expected<void> body(std::string& out, const TransactionDecided& event, Activations* activations) {
  facts(out, event.transaction);
  number(out, "amount_base_minor", event.amount_base_minor);
  text(out, "outcome", name(event.outcome));
  number(out, "score", event.score);
  number(out, "features_version", event.features_version);
  number(out, "rules_version", event.rules_version);
  return matched_rules(out, event, activations);
}

void body(std::string& out, const TransactionQuarantined& event) {
  text(out, "source", event.source);
  number(out, "raw_bytes", event.raw.size());
  const std::string_view raw(reinterpret_cast<const char*>(event.raw.data()), event.raw.size());
  text(out, "raw", raw.substr(0, kRawShownBytes));
  out += ",\"reasons\":[";
  for (std::size_t i = 0; i < event.reasons.size(); ++i) {
    out += i > 0 ? ",{\"code\":" : "{\"code\":";
    append_json_string(out, event.reasons[i].code);
    out += ",\"field\":";
    append_json_string(out, event.reasons[i].field);
    out += ",\"text\":";
    append_json_string(out, event.reasons[i].text);
    out += '}';
  }
  out += ']';
}

void body(std::string& out, const LabelReported& event) {
  text(out, "transaction_id", event.transaction_id);
  number(out, "version", event.transaction_version);
  text(out, "label", name(event.kind));
  if (event.corrects) text(out, "corrected_label", name(event.corrected_kind));
  time(out, "reported_at", event.reported_at.value());
  text(out, "source", event.source);
  text(out, "customer_id", event.customer_id);
  text(out, "merchant_id", event.merchant_id);
  text(out, "device_id", event.device_id);
  time(out, "transaction_time", event.transaction_time.value());
  number(out, "amount_base_minor", event.amount_base_minor);
}

void body(std::string& out, const AlertRaised& event) {
  text(out, "rule", event.rule_id);
  text(out, "severity", name(event.severity));
  text(out, "outcome", name(event.outcome));
  number(out, "score", event.score);
  text(out, "transaction_id", event.transaction_id);
  number(out, "decided_at", event.decided_at.value());
  time(out, "event_time", event.event_time.value());
  text(out, "customer_id", event.customer_id);
  text(out, "merchant_id", event.merchant_id);
  text(out, "device_id", event.device_id);
  number(out, "amount_base_minor", event.amount_base_minor);
}

void body(std::string& out, const CustomerUpdated& event) {
  text(out, "customer_id", event.customer_id);
  text(out, "country", event.country.text());
  text(out, "segment", event.segment);
  place(out, event.home);
}
void body(std::string& out, const MerchantUpdated& event) {
  text(out, "merchant_id", event.merchant_id);
  text(out, "name", event.display_name);
  text(out, "category", event.category);
  text(out, "country", event.country.text());
  place(out, event.place);
}
void body(std::string& out, const ListUpdated& event) {
  text(out, "list", event.list);
  texts(out, "added", event.added);
  texts(out, "removed", event.removed);
}
void body(std::string& out, const RateUpdated& event) {
  text(out, "currency", event.currency.text());
  text(out, "base", event.base.text());
  number(out, "rate_e9", event.rate_e9);
}
void body(std::string& out, const PolicyUpdated& event) { text(out, "text", event.text); }

void digest(std::string& out, const std::array<std::byte, 32>& sha256) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += ",\"sha256\":\"";
  for (const std::byte byte : sha256) {
    out += kHex[std::to_integer<unsigned>(byte) >> 4];
    out += kHex[std::to_integer<unsigned>(byte) & 15];
  }
  out += '"';
}
void body(std::string& out, const FeaturesActivated& event) {
  number(out, "version", event.version);
  digest(out, event.sha256);
  text(out, "text", event.text);
}
void body(std::string& out, const RulesActivated& event) {
  number(out, "version", event.version);
  digest(out, event.sha256);
  text(out, "text", event.text);
}

template <class Event>
Expected<void> decoded(std::string& out, const Record& record) {
  const auto event = decode<Event>(record);
  if (!event) return std::unexpected(event.error());
  body(out, *event);
  return {};
}

Expected<void> decided(std::string& out, const Record& record, Activations* activations) {
  const auto event = decode<TransactionDecided>(record);
  if (!event) return std::unexpected(event.error());
  return body(out, *event, activations);
}

Expected<void> fields(std::string& out, const Record& record, EventType type, Activations* activations) {
  switch (type) {
    case EventType::transaction_decided: return decided(out, record, activations);
    case EventType::transaction_quarantined: return decoded<TransactionQuarantined>(out, record);
    case EventType::label_reported: return decoded<LabelReported>(out, record);
    case EventType::alert_raised: return decoded<AlertRaised>(out, record);
    case EventType::customer_updated: return decoded<CustomerUpdated>(out, record);
    case EventType::merchant_updated: return decoded<MerchantUpdated>(out, record);
    case EventType::list_updated: return decoded<ListUpdated>(out, record);
    case EventType::rate_updated: return decoded<RateUpdated>(out, record);
    case EventType::policy_updated: return decoded<PolicyUpdated>(out, record);
    case EventType::features_activated: return decoded<FeaturesActivated>(out, record);
    case EventType::rules_activated: return decoded<RulesActivated>(out, record);
  }
  return fail(ErrorKind::damaged, "position " + std::to_string(record.position.value()) + ": unknown event type");
}

}  // namespace

Expected<void> append_event_json(std::string& out, const Record& record, Activations* activations) {
  const auto type = type_of(record);
  if (!type) return std::unexpected(type.error());
  out += "{\"position\":";
  append_json_integer(out, record.position.value());
  text(out, "type", name(*type));
  time(out, "ingest_time", record.ingest_time.value());
  if (const auto done = fields(out, record, *type, activations); !done) return done;
  out += '}';
  return {};
}

}  // namespace vigil::api
