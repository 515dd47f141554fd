// The only place that reads rules with toml++.
#include "rules/ruleset/rule_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "rules/expression/duration.h"
#include "rules/expression/suggestion.h"

namespace vigil::rules {
namespace {

using eventlog::Error;
using eventlog::ErrorKind;
using eventlog::Outcome;
using eventlog::Severity;

constexpr std::array<std::string_view, 2> kFileKeys{"thresholds", "rule"};
constexpr std::array<std::string_view, 2> kThresholdKeys{"review_score", "decline_score"};
constexpr std::array<std::string_view, 8> kRuleKeys{"id",    "description", "when",     "outcome",
                                                    "score", "severity",    "cooldown", "alert"};

// Every read function returns false after an error, which is kept.
class Reader {
 public:
  Reader(std::string_view toml, const std::string& file, const Catalogue& catalogue)
      : toml_(toml), file_(file), catalogue_(catalogue) {}

  bool read(const toml::table& root, RuleFile& result);
  Error take_error() { return std::move(*error_); }

 private:
  bool refuse(const toml::source_region& where, std::string_view reason) {
    const auto& begin = where.begin;
    std::string text = file_ + ':' + std::to_string(begin.line) + ':' + std::to_string(begin.column) + ": ";
    text += reason;
    error_ = Error{ErrorKind::invalid, std::move(text)};
    return false;
  }
  bool known_keys(const toml::table& table, std::span<const std::string_view> keys, std::string_view what);
  bool thresholds(const toml::node& node, RuleFile& result);
  bool rule(const toml::table& table, std::vector<Rule>& rules);
  bool id_of(const toml::table& table, std::string& id);
  bool outcome_of(const toml::table& table, Outcome& outcome);
  bool severity_of(const toml::table& table, Severity& severity);
  bool cooldown_of(const toml::table& table, std::int64_t& cooldown_us);
  bool text(const toml::table& table, std::string_view key, std::optional<std::string>& value);
  bool integer(const toml::table& table, std::string_view key, std::int64_t min, std::int64_t max,
               std::optional<std::int32_t>& value);
  bool boolean(const toml::table& table, std::string_view key, bool& value);
  bool missing(const toml::table& table, std::string_view key) {
    return refuse(table.source(), "the rule has no " + in_quotes(key));
  }
  TextPlace place_of_text(const toml::node& node) const;

  std::string_view toml_;
  const std::string& file_;
  const Catalogue& catalogue_;
  std::optional<Error> error_;
  std::map<std::string, std::uint32_t> lines_of_ids_;
};

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a float";
    case toml::node_type::boolean: return "a boolean";
    default: return "a date or time";
  }
}

bool Reader::known_keys(const toml::table& table, std::span<const std::string_view> keys, std::string_view what) {
  const toml::key* unknown = nullptr;  // the first in the file; tables are ordered by name
  for (const auto& [key, node] : table) {
    if (std::ranges::find(keys, key.str()) != keys.end()) continue;
    if (!unknown || key.source().begin < unknown->source().begin) unknown = &key;
  }
  if (!unknown) return true;
  return refuse(unknown->source(), "unknown key " + in_quotes(unknown->str()) + " in " + std::string(what) +
                                       did_you_mean(unknown->str(), keys));
}

bool Reader::text(const toml::table& table, std::string_view key, std::optional<std::string>& value) {
  const toml::node* node = table.get(key);
  if (!node) return true;
  value = node->value_exact<std::string>();
  return value || refuse(node->source(), in_quotes(key) + " must be a string, got " + std::string(type_name(*node)));
}

bool Reader::integer(const toml::table& table, std::string_view key, std::int64_t min, std::int64_t max,
                     std::optional<std::int32_t>& value) {
  const toml::node* node = table.get(key);
  if (!node) return true;
  const auto number = node->value_exact<std::int64_t>();
  if (!number) {
    return refuse(node->source(), in_quotes(key) + " must be an integer, got " + std::string(type_name(*node)));
  }
  if (*number < min || *number > max) {
    return refuse(node->source(), in_quotes(key) + " must be between " + std::to_string(min) + " and " +
                                      std::to_string(max) + ", got " + std::to_string(*number));
  }
  value = static_cast<std::int32_t>(*number);
  return true;
}

bool Reader::boolean(const toml::table& table, std::string_view key, bool& value) {
  const toml::node* node = table.get(key);
  if (!node) return true;
  const auto given = node->value_exact<bool>();
  if (!given) {
    return refuse(node->source(), in_quotes(key) + " must be true or false, got " + std::string(type_name(*node)));
  }
  value = *given;
  return true;
}

bool Reader::thresholds(const toml::node& node, RuleFile& result) {
  const toml::table* table = node.as_table();
  if (!table) return refuse(node.source(), "'thresholds' must be a table, got " + std::string(type_name(node)));
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max() - 1;
  if (!known_keys(*table, kThresholdKeys, "[thresholds]")) return false;
  if (!integer(*table, "review_score", 1, kMax, result.review_score)) return false;
  if (!integer(*table, "decline_score", 1, kMax, result.decline_score)) return false;
  if (!result.review_score || !result.decline_score || *result.review_score <= *result.decline_score) return true;
  return refuse(table->get("decline_score")->source(), "'decline_score' is below 'review_score'");
}

bool Reader::id_of(const toml::table& table, std::string& id) {
  std::optional<std::string> given;
  if (!text(table, "id", given)) return false;
  if (!given) return missing(table, "id");
  const toml::source_region& where = table.get("id")->source();
  const bool plain = std::ranges::all_of(*given, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (given->empty() || given->size() > eventlog::kNameBytesMax || !plain) {
    return refuse(where,
                  "'id' must be 1 to " + std::to_string(eventlog::kNameBytesMax) + " letters, digits, '-', '_' or '.'");
  }
  const auto [earlier, added] = lines_of_ids_.emplace(*given, where.begin.line);
  if (!added) {
    return refuse(where,
                  "the id " + in_quotes(*given) + " is taken by the rule at line " + std::to_string(earlier->second));
  }
  id = std::move(*given);
  return true;
}

bool Reader::outcome_of(const toml::table& table, Outcome& outcome) {
  std::optional<std::string> given;
  if (!text(table, "outcome", given)) return false;
  if (!given) return missing(table, "outcome");
  std::array<std::string_view, 3> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = eventlog::name(static_cast<Outcome>(i));
    if (names[i] != *given) continue;
    outcome = static_cast<Outcome>(i);
    return true;
  }
  return refuse(table.get("outcome")->source(),
                "unknown outcome " + in_quotes(*given) + " (approve, review or decline)" + did_you_mean(*given, names));
}

bool Reader::severity_of(const toml::table& table, Severity& severity) {
  std::optional<std::string> given;
  if (!text(table, "severity", given)) return false;
  if (!given) return true;
  for (std::size_t i = 0; i < 4; ++i) {
    if (eventlog::name(static_cast<Severity>(i)) != *given) continue;
    severity = static_cast<Severity>(i);
    return true;
  }
  return refuse(table.get("severity")->source(), "unknown severity " + in_quotes(*given) + " (P0, P1, P2 or P3)");
}

bool Reader::cooldown_of(const toml::table& table, std::int64_t& cooldown_us) {
  std::optional<std::string> given;
  if (!text(table, "cooldown", given)) return false;
  if (!given) return true;
  const toml::source_region& where = table.get("cooldown")->source();
  const auto us = parse_duration_us(*given);
  if (!us)
    return refuse(where, "malformed duration " + in_quotes(*given) + " (like \"30s\", \"10m\", \"24h\", \"7d\")");
  if (*us > kRuleCooldownUsMax) return refuse(where, "'cooldown' must be at most 30d");
  cooldown_us = *us;
  return true;
}

// Where the content of a string begins: after its opening quotes, and after a line break directly behind
// triple quotes, which TOML drops. Escapes within a string make later columns point a little to the left.
TextPlace Reader::place_of_text(const toml::node& node) const {
  const auto begin = node.source().begin;
  TextPlace place{file_, begin.line, begin.column + 1};
  std::size_t offset = 0;
  for (std::uint32_t line = 1; line < begin.line; ++line) offset = toml_.find('\n', offset) + 1;
  for (std::uint32_t column = 1; column < begin.column && offset < toml_.size(); ++column) {
    do ++offset;
    while (offset < toml_.size() && (static_cast<unsigned char>(toml_[offset]) & 0xC0) == 0x80);
  }
  const std::string_view rest = toml_.substr(std::min(offset, toml_.size()));
  if (!rest.starts_with("\"\"\"") && !rest.starts_with("'''")) return place;
  const std::string_view content = rest.substr(3);
  if (content.starts_with("\n") || content.starts_with("\r\n")) return {file_, begin.line + 1, 1};
  place.column += 2;
  return place;
}

bool Reader::rule(const toml::table& table, std::vector<Rule>& rules) {
  if (!known_keys(table, kRuleKeys, "[[rule]]")) return false;
  std::string id;
  std::optional<std::string> description, when;
  std::optional<std::int32_t> score;
  Outcome outcome = Outcome::review;
  Severity severity = Severity::p2;
  bool alerts = true;
  std::int64_t cooldown_us = 0;
  const bool read = id_of(table, id) && text(table, "description", description) && text(table, "when", when) &&
                    outcome_of(table, outcome) && integer(table, "score", -kRuleScoreMax, kRuleScoreMax, score) &&
                    severity_of(table, severity) && cooldown_of(table, cooldown_us) && boolean(table, "alert", alerts);
  if (!read) return false;
  if (!when) return missing(table, "when");
  if (description && description->size() > kRuleDescriptionBytesMax) {
    return refuse(table.get("description")->source(),
                  "'description' is longer than " + std::to_string(kRuleDescriptionBytesMax) + " bytes");
  }
  TextPlace place = place_of_text(*table.get("when"));
  auto condition = Expression::compile(*when, catalogue_.symbols(), ValueType::boolean, place);
  if (!condition) {
    error_ = std::move(condition.error());
    return false;
  }
  rules.push_back({std::move(id), std::move(description).value_or(""), std::move(*condition), outcome,
                   score.value_or(0), severity, alerts, cooldown_us, std::move(place)});
  return true;
}

bool Reader::read(const toml::table& root, RuleFile& result) {
  if (!known_keys(root, kFileKeys, "the file")) return false;
  if (const toml::node* node = root.get("thresholds"); node && !thresholds(*node, result)) return false;
  const toml::node* node = root.get("rule");
  if (!node) return true;
  const toml::array* rules = node->as_array();
  if (!rules || !rules->is_homogeneous(toml::node_type::table)) {
    return refuse(node->source(), "'rule' must be an array of tables ([[rule]])");
  }
  if (rules->size() > eventlog::kRulesMax) {
    return refuse(rules->get(eventlog::kRulesMax)->source(),
                  "more than " + std::to_string(eventlog::kRulesMax) + " rules");
  }
  for (const toml::node& each : *rules) {
    if (!rule(*each.as_table(), result.rules)) return false;
  }
  return true;
}

}  // namespace

Expected<RuleFile> read_rule_file(std::string_view toml, const std::string& file, const Catalogue& catalogue) {
  if (toml.size() > kRulesTextBytesMax) {
    return eventlog::fail(ErrorKind::invalid,
                          file + ":1:1: the rules are longer than " + std::to_string(kRulesTextBytesMax) + " bytes");
  }
  try {
    const toml::table root = toml::parse(toml, file);
    Reader reader(toml, file, catalogue);
    RuleFile result;
    if (!reader.read(root, result)) return std::unexpected(reader.take_error());
    return result;
  } catch (const toml::parse_error& e) {
    const auto& begin = e.source().begin;
    return eventlog::fail(ErrorKind::invalid, file + ':' + std::to_string(begin.line) + ':' +
                                                  std::to_string(begin.column) + ": " + std::string(e.description()));
  }
}

}  // namespace vigil::rules
