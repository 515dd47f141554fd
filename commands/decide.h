// The decision itself: facts, state and rule set in; features, matched rules and outcome out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eventlog/schema/events.h"
#include "rules/features/decision_state.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

// Views into the Decider; valid until its next decide().
struct Decision {
  eventlog::Outcome outcome = eventlog::Outcome::approve;
  std::int32_t score = 0;
  std::span<const std::uint16_t> matched;  // ascending indexes into the rule set
  std::span<const std::byte> features;     // encode_values() of the feature values
};

// Holds the buffers of one deciding thread, so that deciding allocates nothing once warm. Backtests use the
// same decide().
class Decider {
 public:
  // A function of its arguments alone. `state` is only observed (its lazy expiry has no visible effect).
  Decision decide(const eventlog::Transaction& transaction, std::int64_t amount_base_minor, std::size_t feature_count,
                  rules::DecisionState& state, const rules::RuleSet& rule_set);

 private:
  std::vector<eventlog::Value> slots_;
  std::vector<std::uint16_t> matched_;
  std::vector<std::byte> features_;
};

}  // namespace vigil::commands
