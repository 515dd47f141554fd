// Every recorded decision taken again, with the features, rules, policy, rates and lists that were in force.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/storage/log.h"

namespace vigil::commands {

struct FieldDifference {
  std::string field;  // "outcome", "features.customer_count_1h", "alerts[0].rule_id" …
  std::string recorded, recomputed;
};

// An event that does not say what the events before it lead to.
struct DecisionDifference {
  eventlog::Position position;
  std::string transaction_id;  // "" when the event is about none
  std::vector<FieldDifference> fields;
};

struct VerifiedDecisions {
  std::uint64_t decisions = 0, alerts = 0;      // recomputed
  std::uint64_t catalogues = 0, rule_sets = 0;  // activated along the log
  std::optional<DecisionDifference> first;      // nothing when all is equal
};

// Replays `log` up to what is durable now into fresh state, with the functions that decide and fold live (decide.h,
// due_alert.h, acceptance.h, WriteState), once per catalogue of features, for each saw the log from its first event.
// Compares what was accepted and its amount in base currency, feature values bit by bit, matched rules, score, outcome,
// versions, the alerts that follow, and the hashes of activated texts. Stops at the first difference. `progress` gets
// events folded and events to fold. Errors: damaged (an event that cannot be read), io.
eventlog::Expected<VerifiedDecisions> verify_decisions(
    const eventlog::LogSource& log, const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace vigil::commands
