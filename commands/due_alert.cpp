#include "commands/due_alert.h"

namespace vigil::commands {

std::optional<eventlog::AlertRaised> due_alert(const rules::Rule& rule, const eventlog::TransactionDecided& decided,
                                               eventlog::Position decided_at, const AlertCooldown& cooldown) {
  const eventlog::Transaction& transaction = decided.transaction;
  if (!rule.alerts || cooldown.cooling(rule.id, transaction.customer_id, transaction.event_time, rule.cooldown_us)) {
    return std::nullopt;
  }
  return eventlog::AlertRaised{rule.id,
                               transaction.id,
                               decided_at,
                               transaction.event_time,
                               transaction.customer_id,
                               transaction.merchant_id,
                               transaction.device_id,
                               decided.amount_base_minor,
                               rule.severity,
                               rule.outcome,
                               rule.score};
}

}  // namespace vigil::commands
