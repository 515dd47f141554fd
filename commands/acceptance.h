// The checks that need state: is this transaction acceptable now, under the policy in force?
#pragma once

#include <vector>

#include "commands/command.h"
#include "commands/policy.h"
#include "commands/rates.h"

namespace vigil::commands {

// What "now" means for one decision.
struct Moment {
  eventlog::IngestTime ingest_time;
  eventlog::EventTime stream_time;  // newest event time accepted so far; INT64_MIN before the first
};

// The time against which age is judged: ingest time or stream time, as the policy says.
eventlog::EventTime reference_time(const Policy& policy, const Moment& moment);
// True when the event time is older than the acceptance horizon.
bool too_old(const eventlog::Transaction& transaction, const Policy& policy, const Moment& moment);

// Appends one Reason per rule broken (docs/protocol.md lists the codes): amount_below_minimum,
// amount_above_maximum, event_time_too_old, event_time_in_future, no_rate, amount_base_too_large.
// Returns the amount in base currency, meaningful when nothing was appended.
std::int64_t check(const eventlog::Transaction& transaction, const Policy& policy, const Rates& rates,
                   const Moment& moment, std::vector<Reason>& reasons);

}  // namespace vigil::commands
