// Recorded events beside recomputed ones, field by field, in words.
#pragma once

#include <vector>

#include "commands/verify_decisions.h"
#include "eventlog/schema/events.h"
#include "rules/features/catalogue.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

using Differences = std::vector<FieldDifference>;

// Both about the same transaction. Names features by `catalogue` and matched rules by `rule_set`, which were in force.
void append_differences(const eventlog::TransactionDecided& recorded, const eventlog::TransactionDecided& recomputed,
                        const rules::Catalogue& catalogue, const rules::RuleSet& rule_set, Differences& differences);
void append_differences(const eventlog::AlertRaised& recorded, const eventlog::AlertRaised& recomputed,
                        Differences& differences);
// Of an activation: its number among those of the log, and the hash of its text.
void append_activation(std::uint32_t recorded_version, std::span<const std::byte> recorded_hash, std::uint32_t version,
                       std::span<const std::byte> hash, Differences& differences);

}  // namespace vigil::commands
