#include "commands/event_differences.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "eventlog/storage/checksum.h"

namespace vigil::commands {

namespace {

std::string text(std::string_view value) { return value.empty() ? "\"\"" : std::string(value); }
std::string text(std::int64_t value) { return std::to_string(value); }
std::string text(std::int32_t value) { return std::to_string(value); }
std::string text(std::uint32_t value) { return std::to_string(value); }
std::string text(eventlog::Outcome value) { return std::string(name(value)); }
std::string text(eventlog::Severity value) { return std::string(name(value)); }
std::string text(eventlog::Position value) { return std::to_string(value.value()); }
std::string text(eventlog::EventTime value) { return std::to_string(value.value()) + " us"; }

std::string text(const eventlog::Value& value) {
  switch (value.type) {
    case eventlog::ValueType::null: return "null";
    case eventlog::ValueType::boolean: return value.truth() ? "true" : "false";
    case eventlog::ValueType::integer: return std::to_string(value.integer);
    case eventlog::ValueType::text: return '"' + std::string(value.text_view()) + '"';
    case eventlog::ValueType::floating: break;
  }
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value.floating).ptr;  // as many as tell it apart
  return std::string(digits, end);
}

std::string text(std::span<const std::uint16_t> matched, const rules::RuleSet& rule_set) {
  std::string all;
  for (const std::uint16_t index : matched) {
    if (!all.empty()) all += ", ";
    all += index < rule_set.rules().size() ? rule_set.rules()[index].id : "rule " + std::to_string(index);
  }
  return all.empty() ? "none" : all;
}

template <class T>
void compare(const char* field, const T& recorded, const T& recomputed, Differences& differences) {
  if (recorded == recomputed) return;
  differences.push_back({field, text(recorded), text(recomputed)});
}

void compare_features(std::span<const std::byte> recorded, std::span<const std::byte> recomputed,
                      const rules::Catalogue& catalogue, Differences& differences) {
  if (std::ranges::equal(recorded, recomputed)) return;
  const std::size_t before = differences.size();
  std::vector<eventlog::Value> was(catalogue.size()), is(catalogue.size());
  if (decode_values(recorded, was) && decode_values(recomputed, is)) {
    for (std::size_t i = 0; i < is.size(); ++i) {
      if (was[i] == is[i]) continue;
      differences.push_back({"features." + catalogue.features()[i].name, text(was[i]), text(is[i])});
    }
  }
  if (differences.size() > before) return;
  differences.push_back({"features", eventlog::hex(recorded), eventlog::hex(recomputed)});
}

}  // namespace

void append_differences(const eventlog::TransactionDecided& recorded, const eventlog::TransactionDecided& recomputed,
                        const rules::Catalogue& catalogue, const rules::RuleSet& rule_set, Differences& differences) {
  compare("amount_base_minor", recorded.amount_base_minor, recomputed.amount_base_minor, differences);
  compare("features_version", recorded.features_version, recomputed.features_version, differences);
  compare("rules_version", recorded.rules_version, recomputed.rules_version, differences);
  compare_features(recorded.features, recomputed.features, catalogue, differences);
  if (!std::ranges::equal(recorded.matched, recomputed.matched)) {
    differences.push_back({"matched", text(recorded.matched, rule_set), text(recomputed.matched, rule_set)});
  }
  compare("score", recorded.score, recomputed.score, differences);
  compare("outcome", recorded.outcome, recomputed.outcome, differences);
}

void append_differences(const eventlog::AlertRaised& recorded, const eventlog::AlertRaised& recomputed,
                        Differences& differences) {
  compare("alert.rule_id", recorded.rule_id, recomputed.rule_id, differences);
  compare("alert.transaction_id", recorded.transaction_id, recomputed.transaction_id, differences);
  compare("alert.decided_at", recorded.decided_at, recomputed.decided_at, differences);
  compare("alert.event_time", recorded.event_time, recomputed.event_time, differences);
  compare("alert.customer_id", recorded.customer_id, recomputed.customer_id, differences);
  compare("alert.merchant_id", recorded.merchant_id, recomputed.merchant_id, differences);
  compare("alert.device_id", recorded.device_id, recomputed.device_id, differences);
  compare("alert.amount_base_minor", recorded.amount_base_minor, recomputed.amount_base_minor, differences);
  compare("alert.severity", recorded.severity, recomputed.severity, differences);
  compare("alert.outcome", recorded.outcome, recomputed.outcome, differences);
  compare("alert.score", recorded.score, recomputed.score, differences);
}

void append_activation(std::uint32_t recorded_version, std::span<const std::byte> recorded_hash, std::uint32_t version,
                       std::span<const std::byte> hash, Differences& differences) {
  compare("version", recorded_version, version, differences);
  if (std::ranges::equal(recorded_hash, hash)) return;
  differences.push_back({"sha256", eventlog::hex(recorded_hash), eventlog::hex(hash)});
}

}  // namespace vigil::commands
