#include "api/query.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <variant>

#include "api/activations.h"
#include "api/explanation.h"
#include "api/query_json.h"
#include "api/reply_json.h"
#include "api/time_text.h"

namespace vigil::api {
namespace {

using namespace projections;
using eventlog::ErrorKind;
using eventlog::fail;
using eventlog::Severity;

// The fields of a request, each read with its own error: `invalid`, naming field and expectation.
class Request {
 public:
  explicit Request(const Json& json) : json_(json) {}

  Expected<std::string> text(const char* field) const {
    auto found = optional_text(field);
    if (!found) return std::unexpected(found.error());
    if (!*found) return fail(ErrorKind::invalid, "'" + std::string(field) + "' is missing");
    return **found;
  }
  Expected<std::optional<std::string>> optional_text(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (!found->is_string()) return wrong(field, "a text");
    return found->get<std::string>();
  }
  Expected<std::optional<std::uint64_t>> number(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (!found->is_number_unsigned()) return wrong(field, "a number, 0 or more");
    return found->get<std::uint64_t>();
  }
  // Microseconds since 1970 as a number, or a text of RFC 3339.
  Expected<std::optional<std::int64_t>> time(const char* field) const {
    constexpr const char* kWanted = "a time such as \"2026-03-01T12:00:00Z\", or microseconds since 1970";
    const auto found = json_.find(field);
    if (found == json_.end() || found->is_null()) return std::nullopt;
    if (found->is_number_integer()) return found->get<std::int64_t>();
    if (!found->is_string()) return wrong(field, kWanted);
    const auto micros = parse_time(found->get_ref<const std::string&>());
    if (!micros) return wrong(field, kWanted);
    return micros;
  }
  Expected<std::size_t> limit(std::size_t otherwise) const {
    const auto asked = number("limit");
    if (!asked) return std::unexpected(asked.error());
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(asked->value_or(otherwise), 1, kRowsMax));
  }
  std::unexpected<Error> wrong(const char* field, std::string_view wanted) const {
    return fail(ErrorKind::invalid, "'" + std::string(field) + "' must be " + std::string(wanted));
  }

 private:
  const Json& json_;
};

// One of a few words, by their names; the error lists them.
template <class Enum>
Expected<Enum> word(const Request& request, const char* field, std::optional<std::string> text, Enum otherwise,
                    std::size_t count) {
  if (!text) return otherwise;
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<Enum>(i);
    if (name(value) == *text) return value;
    all += (i == 0 ? "" : ", ") + std::string(name(value));
  }
  return request.wrong(field, "one of " + all);
}

template <class T>
Json rows_json(const std::vector<T>& rows) {
  Json json = Json::array();
  for (const T& row : rows) json.push_back(to_json(row));
  return json;
}

// Every answer has either `row`, null when there is no such thing, or `rows`.
Json row_answer(Json row) { return Json{{"row", std::move(row)}}; }
Json rows_answer(Json rows) { return Json{{"rows", std::move(rows)}}; }

// Resident memory of this process in bytes; 0 where /proc does not tell.
std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

struct Queries::Impl {
  explicit Impl(const QuerySources& query_sources) : sources(query_sources), activations(query_sources.log) {}

  using Answerer = Expected<Json> (Impl::*)(const Request&);
  struct Kind {
    std::string_view name;
    Answerer answerer;
  };
  static const std::array<Kind, 9> kKinds;

  Expected<Json> answer(const Json& request);
  // Nothing when the request asks for the present.
  Expected<std::optional<Position>> as_of(const Request& request) const;
  Expected<Json> entity_as_of(EntityKind kind, const std::string& id, Position position);

  Expected<Json> customer(const Request& request);
  Expected<Json> merchant(const Request& request);
  Expected<Json> aggregates(const Request& request);
  Expected<Json> alerts(const Request& request);
  Expected<Json> rules(const Request& request);
  Expected<Json> quarantine(const Request& request);
  Expected<Json> data_quality(const Request& request);
  Expected<Json> status(const Request& request);
  Expected<Json> transaction(const Request& request);

  QuerySources sources;
  Activations activations;
};

const std::array<Queries::Impl::Kind, 9> Queries::Impl::kKinds = {{{"customer", &Impl::customer},
                                                                   {"merchant", &Impl::merchant},
                                                                   {"aggregates", &Impl::aggregates},
                                                                   {"alerts", &Impl::alerts},
                                                                   {"rules", &Impl::rules},
                                                                   {"quarantine", &Impl::quarantine},
                                                                   {"data_quality", &Impl::data_quality},
                                                                   {"status", &Impl::status},
                                                                   {"transaction", &Impl::transaction}}};

Expected<Json> Queries::Impl::answer(const Json& json) {
  const Request request(json);
  const auto wanted = request.text("query");
  if (!wanted) return std::unexpected(wanted.error());
  std::string all;
  for (const Kind& kind : kKinds) {
    if (kind.name == *wanted) {
      // Read before the answer is: what the answer shows is at least this fresh.
      const std::uint64_t applied = sources.models.applied().value();
      auto answered = (this->*kind.answerer)(request);
      if (!answered) return answered;
      Json whole = {{"query", *wanted}, {"as_of", applied}};
      whole.update(*answered);
      return whole;
    }
    all += (all.empty() ? "" : ", ") + std::string(kind.name);
  }
  return fail(ErrorKind::invalid, "there is no query '" + *wanted + "'; there are " + all);
}

Expected<std::optional<Position>> Queries::Impl::as_of(const Request& request) const {
  const auto position = request.number("as_of_position");
  if (!position) return std::unexpected(position.error());
  if (*position) return Position{**position};
  const auto time = request.time("as_of_time");
  if (!time) return std::unexpected(time.error());
  if (!*time) return std::nullopt;
  if (**time == std::numeric_limits<std::int64_t>::max()) return sources.log.durable();
  // Known at T is what was taken at or before T.
  const auto behind = sources.log.first_at_or_after(eventlog::IngestTime{**time + 1});
  if (!behind) return std::unexpected(behind.error());
  return Position{behind->value() - 1};
}

Expected<Json> Queries::Impl::entity_as_of(EntityKind kind, const std::string& id, Position position) {
  const auto state = sources.models.state_as_of(kind, id, position);
  if (!state) return std::unexpected(state.error());
  if (!*state) {
    return Json{{"as_of", std::min(position, sources.models.applied()).value()}, {"row", nullptr}};
  }
  Json row = {{std::string(eventlog::name(kind)) + "_id", id}};
  row.update(to_json((*state)->state));
  return Json{{"as_of", (*state)->as_of.value()}, {"row", std::move(row)}};
}

Expected<Json> Queries::Impl::customer(const Request& request) {
  const auto id = request.text("customer_id");
  if (!id) return std::unexpected(id.error());
  const auto position = as_of(request);
  if (!position) return std::unexpected(position.error());
  if (*position) return entity_as_of(EntityKind::customer, *id, **position);
  const auto profile = sources.models.customer(*id);
  if (!profile) return std::unexpected(profile.error());
  return row_answer(*profile ? to_json(**profile) : Json(nullptr));
}

Expected<Json> Queries::Impl::merchant(const Request& request) {
  const auto id = request.text("merchant_id");
  if (!id) return std::unexpected(id.error());
  const auto position = as_of(request);
  if (!position) return std::unexpected(position.error());
  if (*position) return entity_as_of(EntityKind::merchant, *id, **position);
  const auto risk = sources.models.merchant(*id);
  if (!risk) return std::unexpected(risk.error());
  return row_answer(*risk ? to_json(**risk) : Json(nullptr));
}

Expected<Json> Queries::Impl::aggregates(const Request& request) {
  AggregateQuery query;
  const auto granularity_text = request.optional_text("granularity");
  if (!granularity_text) return std::unexpected(granularity_text.error());
  const auto granularity = word(request, "granularity", *granularity_text, Granularity::day, 3);
  if (!granularity) return std::unexpected(granularity.error());
  const auto dimension_text = request.optional_text("dimension");
  if (!dimension_text) return std::unexpected(dimension_text.error());
  const auto dimension = word(request, "dimension", *dimension_text, Dimension::all, kDimensions);
  if (!dimension) return std::unexpected(dimension.error());
  const auto from = request.time("from"), to = request.time("to");
  if (!from) return std::unexpected(from.error());
  if (!to) return std::unexpected(to.error());
  const auto value = request.optional_text("value");
  if (!value) return std::unexpected(value.error());
  const auto limit = request.limit(kRowsMax);
  if (!limit) return std::unexpected(limit.error());
  query.granularity = *granularity;
  query.dimension = *dimension;
  query.from = EventTime{from->value_or(0)};
  query.to = EventTime{to->value_or(std::numeric_limits<std::int64_t>::max())};
  query.value = *value;
  query.limit = *limit;
  const auto rows = sources.models.aggregates(query);
  if (!rows) return std::unexpected(rows.error());
  Json json = Json::array();
  for (const AggregateRow& row : *rows) json.push_back(to_json(row, query.granularity, query.dimension));
  return rows_answer(std::move(json));
}

Expected<Json> Queries::Impl::alerts(const Request& request) {
  AlertQuery query;
  const auto rule = request.optional_text("rule");
  if (!rule) return std::unexpected(rule.error());
  const auto customer_id = request.optional_text("customer_id");
  if (!customer_id) return std::unexpected(customer_id.error());
  const auto severity_text = request.optional_text("severity");
  if (!severity_text) return std::unexpected(severity_text.error());
  const auto severity = word(request, "severity", *severity_text, Severity::p0, 4);
  if (!severity) return std::unexpected(severity.error());
  const auto since = request.number("since");
  if (!since) return std::unexpected(since.error());
  const auto limit = request.limit(kRowsDefault);
  if (!limit) return std::unexpected(limit.error());
  query.rule_id = *rule;
  query.customer_id = *customer_id;
  if (*severity_text) query.severity = *severity;
  query.since = Position{since->value_or(0)};
  query.limit = *limit;
  const auto found = sources.models.alerts(query);
  if (!found) return std::unexpected(found.error());
  return rows_answer(rows_json(*found));
}

Expected<Json> Queries::Impl::rules(const Request&) {
  const auto statistics = sources.models.rule_statistics();
  if (!statistics) return std::unexpected(statistics.error());
  return rows_answer(rows_json(*statistics));
}

Expected<Json> Queries::Impl::quarantine(const Request& request) {
  QuarantineQuery query;
  const auto code = request.optional_text("code");
  if (!code) return std::unexpected(code.error());
  const auto since = request.number("since");
  if (!since) return std::unexpected(since.error());
  const auto limit = request.limit(kRowsDefault);
  if (!limit) return std::unexpected(limit.error());
  query.code = *code;
  query.since = Position{since->value_or(0)};
  query.limit = *limit;
  const auto found = sources.models.quarantine(query);
  if (!found) return std::unexpected(found.error());
  return rows_answer(rows_json(*found));
}

Expected<Json> Queries::Impl::data_quality(const Request&) {
  const auto counts = sources.models.data_quality();
  if (!counts) return std::unexpected(counts.error());
  return rows_answer(rows_json(*counts));
}

Expected<Json> Queries::Impl::status(const Request&) {
  const auto versions = activations.in_force();
  if (!versions) return std::unexpected(versions.error());
  Json json = {{"log", {{"id", sources.log.id()}, {"durable", sources.log.durable().value()}}},
               {"versions", {{"features", versions->features}, {"rules", versions->rules}}},
               {"models", rows_json(sources.models.status())},
               {"resident_bytes", resident_bytes()}};
  if (sources.service) json["service"] = to_json(sources.service());
  return row_answer(std::move(json));
}

Expected<Json> Queries::Impl::transaction(const Request& request) {
  const auto id = request.text("transaction_id");
  if (!id) return std::unexpected(id.error());
  const std::uint64_t durable = sources.log.durable().value();
  auto explained = explain(sources.log, activations, *id);
  if (!explained) return std::unexpected(explained.error());
  return Json{{"as_of", durable}, {"row", *explained ? std::move(**explained) : Json(nullptr)}};
}

namespace {

std::string answer_text(std::string_view request_id, const Json& body) {
  std::string text;
  append_reply_head(text, request_id, "query");
  const std::string fields = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (fields.size() > 2) text.append(",").append(fields, 1, fields.size() - 2);
  text += '}';
  return text;
}

std::string error_text(std::string_view request_id, std::string_view code, std::string_view reason) {
  std::string text;
  append_reply_head(text, request_id, "query");
  append_error_tail(text, code, reason);
  return text;
}

}  // namespace

Queries::Queries(const QuerySources& sources) : impl_(std::make_unique<Impl>(sources)) {}
Queries::~Queries() = default;

std::optional<Freshness> Queries::freshness(std::string_view text) const {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const Request request(json);
  const auto at_least = request.number("at_least"), timeout = request.number("timeout_ms");
  if (!at_least || !*at_least || !timeout) return std::nullopt;
  Freshness freshness{Position{**at_least}};
  const std::uint64_t timeout_max = static_cast<std::uint64_t>(kQueryTimeoutMax.count());
  if (*timeout) freshness.timeout = std::chrono::milliseconds(std::min(**timeout, timeout_max));
  return freshness;
}

std::string Queries::answer(std::string_view text, std::string_view request_id) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return error_text(request_id, "invalid", "the query is not a JSON object");
  for (const char* field : {"at_least", "timeout_ms"}) {
    if (const auto number = Request(json).number(field); !number) {
      return error_text(request_id, "invalid", number.error().text);
    }
  }
  const auto answered = impl_->answer(json);
  if (answered) return answer_text(request_id, *answered);
  const bool asker_is_wrong = answered.error().kind == ErrorKind::invalid;
  return error_text(request_id, asker_is_wrong ? "invalid" : "unavailable", answered.error().text);
}

std::string Queries::too_late(std::string_view request_id) const {
  Json body = {{"status", "error"},
               {"code", "not_yet"},
               {"text", "the read models have not reached that position within the time-out"},
               {"as_of", impl_->sources.models.applied().value()}};
  return answer_text(request_id, body);
}

}  // namespace vigil::api
