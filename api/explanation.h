// Everything the log knows about one transaction: facts, feature values, why the rules matched, what came after.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/activations.h"
#include "eventlog/storage/log.h"

namespace vigil::api {

// {"transaction_id":…,"decisions":[…one per version, newest first…],"labels":[…]} as text, in which every fact stands
// as it was accepted; nothing when the log does not have the id. Only what is durable is found. Errors: damaged, io,
// invalid (more than `bytes_max`).
eventlog::Expected<std::optional<std::string>> explain(const eventlog::LogSource& log, Activations& activations,
                                                       std::string_view transaction_id, std::size_t bytes_max);

}  // namespace vigil::api
