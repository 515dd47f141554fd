// Every event as one line of JSON, for subscribers, `vigil tail` and explanations. docs/protocol.md "Events".
#pragma once

#include <string>

#include "api/activations.h"
#include "eventlog/schema/events.h"

namespace vigil::api {

// Appends {"position":…,"type":"TransactionDecided","ingest_time":…, …}. Rules are named by `activations` when
// it is given, else the decision carries their indexes as "matched". Errors: damaged, unsupported_version; what
// was appended until then is to be thrown away.
eventlog::Expected<void> append_event_json(std::string& out, const eventlog::Record& record, Activations* activations);

}  // namespace vigil::api
