// Answers of the read models as JSON: one mapping per type, for the service and for `vigil query --data`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/service_status.h"
#include "projections/read_models.h"

namespace vigil::api {

using Json = nlohmann::ordered_json;

Json to_json(const projections::EntityState& state);
Json to_json(const projections::CustomerProfile& profile);
Json to_json(const projections::MerchantRisk& merchant);
Json to_json(const projections::AggregateRow& row, projections::Granularity granularity,
             projections::Dimension dimension);
Json to_json(const projections::Alert& alert);
Json to_json(const projections::RuleStatistics& statistics);
Json to_json(const projections::Quarantined& quarantined);
Json to_json(const projections::QualityCount& count);
Json to_json(const projections::ModelStatus& status);
Json to_json(const eventlog::ScrubStatus& status);
Json to_json(const ServiceStatus& status);
// Integers, numbers, texts, true, false or null; NaN and infinities are null.
Json to_json(const eventlog::Value& value);

// On one line; what is not UTF-8 becomes U+FFFD.
std::string text_of(const Json& json);

}  // namespace vigil::api
