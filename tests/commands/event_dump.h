// An event with everything the log says of it, as one line of text that can be kept beside a golden log.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "eventlog/schema/events.h"
#include "eventlog/storage/checksum.h"

namespace vigil::commands::testing {

class EventDump {
 public:
  // "12 @20480 1700000012000000 RateUpdated.1 | currency=USD base=EUR rate_e9=923400000"; throws nothing and never
  // guesses: what cannot be read is the error's text.
  static std::string of(const eventlog::Record& record) {
    const auto type = eventlog::type_of(record);
    if (!type) return type.error().text;
    EventDump dump;
    dump.out_ = std::to_string(record.position.value()) + " @" + std::to_string(record.address.value()) + " " +
                std::to_string(record.ingest_time.value()) + " " + std::string(name(*type)) + "." +
                std::to_string(record.version);
    if (record.key) dump.add("key", *record.key);
    for (const eventlog::Link& link : record.links) {
      dump.out_ += " (" + std::to_string(link.previous.value()) + " " + std::to_string(link.jump.value()) + ")";
    }
    dump.out_ += " |";
    dump.body(record, *type);
    return dump.out_;
  }

 private:
  using Type = eventlog::EventType;

  void body(const eventlog::Record& record, Type type) {
    switch (type) {
      case Type::transaction_decided: return read<eventlog::TransactionDecided>(record);
      case Type::transaction_quarantined: return read<eventlog::TransactionQuarantined>(record);
      case Type::label_reported: return read<eventlog::LabelReported>(record);
      case Type::alert_raised: return read<eventlog::AlertRaised>(record);
      case Type::customer_updated: return read<eventlog::CustomerUpdated>(record);
      case Type::merchant_updated: return read<eventlog::MerchantUpdated>(record);
      case Type::list_updated: return read<eventlog::ListUpdated>(record);
      case Type::rate_updated: return read<eventlog::RateUpdated>(record);
      case Type::policy_updated: return read<eventlog::PolicyUpdated>(record);
      case Type::features_activated: return read<eventlog::FeaturesActivated>(record);
      case Type::rules_activated: return read<eventlog::RulesActivated>(record);
    }
  }

  template <class Event>
  void read(const eventlog::Record& record) {
    const auto event = eventlog::decode<Event>(record);
    if (event) show(*event);
    else out_ += " " + event.error().text;
  }

  void show(const eventlog::TransactionDecided& e) {
    const eventlog::Transaction& t = e.transaction;
    add("id", t.id).add("version", t.version).add("event_time", t.event_time.value());
    add("customer", t.customer_id).add("merchant", t.merchant_id).add("device", t.device_id);
    add("amount", t.amount.minor).add("currency", t.amount.currency.text()).add("country", t.country.text());
    add("card_country", t.card_country.text()).add("category", t.category).add("channel", t.channel);
    add("status", name(t.status)).add("place", t.place).add("extra", t.extra);
    add("amount_base", e.amount_base_minor).add("outcome", name(e.outcome)).add("score", e.score);
    add("features_version", e.features_version).add("rules_version", e.rules_version);
    add("features", eventlog::hex(e.features));
    for (const std::uint16_t rule : e.matched) add("matched", rule);
  }
  void show(const eventlog::TransactionQuarantined& e) {
    add("raw", std::string_view(reinterpret_cast<const char*>(e.raw.data()), e.raw.size())).add("source", e.source);
    for (const auto& reason : e.reasons) add("code", reason.code).add("field", reason.field).add("text", reason.text);
  }
  void show(const eventlog::LabelReported& e) {
    add("transaction", e.transaction_id).add("version", e.transaction_version).add("kind", name(e.kind));
    add("customer", e.customer_id).add("merchant", e.merchant_id).add("device", e.device_id);
    add("transaction_time", e.transaction_time.value()).add("reported_at", e.reported_at.value());
    add("amount_base", e.amount_base_minor).add("source", e.source).add("corrects", e.corrects);
    add("corrected_kind", name(e.corrected_kind));
  }
  void show(const eventlog::AlertRaised& e) {
    add("rule", e.rule_id).add("transaction", e.transaction_id).add("decided_at", e.decided_at.value());
    add("event_time", e.event_time.value()).add("customer", e.customer_id).add("merchant", e.merchant_id);
    add("device", e.device_id).add("amount_base", e.amount_base_minor).add("severity", name(e.severity));
    add("outcome", name(e.outcome)).add("score", e.score);
  }
  void show(const eventlog::CustomerUpdated& e) {
    add("customer", e.customer_id).add("home", e.home).add("country", e.country.text()).add("segment", e.segment);
  }
  void show(const eventlog::MerchantUpdated& e) {
    add("merchant", e.merchant_id).add("display_name", e.display_name).add("category", e.category);
    add("country", e.country.text()).add("place", e.place);
  }
  void show(const eventlog::ListUpdated& e) {
    add("list", e.list);
    for (std::string_view text : e.added) add("added", text);
    for (std::string_view text : e.removed) add("removed", text);
  }
  void show(const eventlog::RateUpdated& e) {
    add("currency", e.currency.text()).add("base", e.base.text()).add("rate_e9", e.rate_e9);
  }
  void show(const eventlog::PolicyUpdated& e) { add("text", e.text); }
  void show(const eventlog::FeaturesActivated& e) { activation(e.version, e.text, e.sha256); }
  void show(const eventlog::RulesActivated& e) { activation(e.version, e.text, e.sha256); }
  void activation(std::uint32_t version, std::string_view text, const std::array<std::byte, 32>& sha256) {
    add("version", version).add("bytes", text.size()).add("sha256", eventlog::hex(sha256));
    add("text_sha256", eventlog::hex(eventlog::Sha256().of({std::as_bytes(std::span(text))})));
  }

  template <class Number>
    requires std::is_arithmetic_v<Number>
  EventDump& add(std::string_view field, Number value) {
    out_.append(" ").append(field).append("=").append(std::to_string(value));
    return *this;
  }
  // Absent texts are left out; control characters and quotes are shown as \xx.
  EventDump& add(std::string_view field, std::string_view text) {
    if (text.empty()) return *this;
    out_.append(" ").append(field).append("=\"");
    for (const char c : text) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      if (c >= ' ' && c <= '~' && c != '"' && c != '\\') out_ += c;
      else out_ += escaped;
    }
    out_ += '"';
    return *this;
  }
  EventDump& add(std::string_view field, const std::string& text) { return add(field, std::string_view(text)); }
  EventDump& add(std::string_view field, const std::optional<eventlog::Place>& place) {
    if (!place) return *this;
    return add(field, std::to_string(place->latitude_e7) + "," + std::to_string(place->longitude_e7));
  }

  std::string out_;
};

}  // namespace vigil::commands::testing
