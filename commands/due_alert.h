// The alert that a matched rule raises.
#pragma once

#include <optional>

#include "commands/alert_cooldown.h"
#include "eventlog/schema/events.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

// For the transaction decided at `decided_at`, which `rule` matched; nothing when the rule raises no alerts or the last
// one is still cooling down. A function of its arguments alone; texts point into them.
std::optional<eventlog::AlertRaised> due_alert(const rules::Rule& rule, const eventlog::TransactionDecided& decided,
                                               eventlog::Position decided_at, const AlertCooldown& cooldown);

}  // namespace vigil::commands
