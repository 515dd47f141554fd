// A set of rules as declared in rules.toml: parsed, checked, evaluated.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/schema/events.h"
#include "rules/expression/expression.h"
#include "rules/expression/guard.h"
#include "rules/features/catalogue.h"

namespace vigil::rules {

inline constexpr std::size_t kRulesTextBytesMax = std::size_t{1} << 20;    // an event must hold it
inline constexpr std::size_t kRuleDescriptionBytesMax = 512;               // a line or two on a screen
inline constexpr std::int32_t kRuleScoreMax = 1000;                        // kRulesMax of them fit 32 bits
inline constexpr std::int64_t kRuleCooldownUsMax = 30LL * 86'400'000'000;  // alerts are remembered so long

struct Rule {
  std::string id;
  std::string description;
  Expression condition;
  eventlog::Outcome outcome = eventlog::Outcome::review;  // approve: adds score only
  std::int32_t score = 0;
  eventlog::Severity severity = eventlog::Severity::p2;
  bool alerts = true;            // whether a match raises an alert
  std::int64_t cooldown_us = 0;  // no second alert of this rule for the same customer within this event time
  TextPlace place;
};

struct Verdict {
  eventlog::Outcome outcome = eventlog::Outcome::approve;
  std::int32_t score = 0;  // sum of the matched rules' scores
};

// Immutable; evaluate() is thread-safe. Outcome = the strongest matched outcome, or what the summed score
// reaches on the thresholds (review_score, decline_score), whichever is stronger.
class RuleSet {
 public:
  // Conditions may use transaction fields, features of `catalogue` and lists. Error `invalid`:
  // "FILE:LINE:COLUMN: reason; did you mean …?". A threshold that is not given is never reached.
  static Expected<RuleSet> parse(std::string_view toml, const std::string& file, const Catalogue& catalogue);

  const std::string& text() const { return text_; }
  const std::array<std::byte, 32>& sha256() const { return sha256_; }
  std::span<const Rule> rules() const { return rules_; }

  // `slots`: transaction fields, then feature values (Catalogue::symbols()). Fills `matched` with ascending
  // rule indexes; it keeps its capacity, so nothing is allocated once warm.
  Verdict evaluate(std::span<const Value> slots, const Lists& lists, std::vector<std::uint16_t>& matched) const;

 private:
  static constexpr std::int32_t kScoreNever = INT32_MAX;
  // One rule's part of guards_.
  struct Guarded {
    std::uint32_t end = 0;  // its guards begin where those of the rule before end
    bool complete = false;
  };
  void lay_out_guards();

  std::string text_;
  std::array<std::byte, 32> sha256_{};
  std::vector<Rule> rules_;
  // The guards of all conditions in a row, so that one pass over few cache lines leaves few rules to run.
  std::vector<Guard> guards_;
  std::vector<Guarded> guarded_;  // by rule
  std::size_t slots_needed_ = 0;
  std::int32_t review_score_ = kScoreNever;
  std::int32_t decline_score_ = kScoreNever;
};

// The rules Vigil starts with (rules/ruleset/default_rules.toml, built in).
std::string_view default_rules_toml();

}  // namespace vigil::rules
