// Everything the log knows about one transaction: facts, feature values, why the rules matched, what came after.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "api/activations.h"
#include "eventlog/storage/log.h"

namespace vigil::api {

// {"transaction_id":…,"decisions":[…one per version, newest first…],"labels":[…]}; nothing when the log does not have
// the id. Only what is durable is found. Errors: damaged, io.
eventlog::Expected<std::optional<nlohmann::ordered_json>> explain(const eventlog::LogSource& log,
                                                                  Activations& activations,
                                                                  std::string_view transaction_id);

}  // namespace vigil::api
