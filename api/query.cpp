#include "api/query.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <variant>

#include "api/activations.h"
#include "api/explanation.h"
#include "api/query_json.h"
#include "api/reply_json.h"
#include "api/time_text.h"
#include "rules/expression/suggestion.h"

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
    if (found->is_number_unsigned() && found->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      return wrong(field, kWanted);
    }
    if (found->is_number_integer()) return found->get<std::int64_t>();
    if (!found->is_string()) return wrong(field, kWanted);
    const auto micros = parse_time(found->get_ref<const std::string&>());
    if (!micros) return wrong(field, kWanted);
    return micros;
  }
  Expected<std::size_t> limit(std::size_t otherwise) const {
    const auto asked = number("limit");
    if (!asked) return std::unexpected(asked.error());
    const std::uint64_t rows = asked->value_or(otherwise);
    if (rows < 1 || rows > kRowsMax) return wrong("limit", "a number from 1 to " + std::to_string(kRowsMax));
    return static_cast<std::size_t>(rows);
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

// Every answer has either `row`, null when there is no such thing, or `rows`. As text, so that what is text already
// stays as it is, and so that its size is known while it grows.
struct Answered {
  std::string fields;
  std::optional<std::uint64_t> as_of = {};  // when it is not that of the read models
};
Answered row_answer(const Json& row) { return {"\"row\":" + text_of(row)}; }

class Rows {
 public:
  Expected<void> add(const Json& row) {
    if (!first_) text_ += ',';
    first_ = false;
    text_ += text_of(row);
    if (text_.size() <= kAnswerBytesMax) return {};
    return fail(ErrorKind::invalid, "the answer is larger than " + std::to_string(kAnswerBytesMax) +
                                        " bytes; ask for fewer rows with limit");
  }
  Answered answer() { return {std::move(text_ += ']')}; }

 private:
  std::string text_ = "\"rows\":[";
  bool first_ = true;
};

template <class T>
Expected<Answered> rows_answer(const std::vector<T>& all) {
  Rows rows;
  for (const T& row : all) {
    if (auto added = rows.add(to_json(row)); !added) return std::unexpected(added.error());
  }
  return rows.answer();
}

// Rows that stand at positions, in their order, read in portions: what is too much for an answer is never held whole.
template <class Query, class Read>
Expected<Answered> rows_in_portions(Query query, const Read& read) {
  constexpr std::size_t kPortion = 1000;
  Rows rows;
  for (std::size_t left = query.limit; left > 0;) {
    query.limit = std::min(left, kPortion);
    const auto portion = read(query);
    if (!portion) return std::unexpected(portion.error());
    for (const auto& row : *portion) {
      if (auto added = rows.add(to_json(row)); !added) return std::unexpected(added.error());
    }
    if (portion->size() < query.limit) break;
    left -= portion->size();
    query.since = Position{portion->back().position.value() + 1};
  }
  return rows.answer();
}

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

  using Answerer = Expected<Answered> (Impl::*)(const Request&);
  // What follows the head of an answer.
  Expected<std::string> answer(const Json& request);
  // Nothing when the request asks for the present.
  Expected<std::optional<Position>> as_of(const Request& request) const;
  Expected<Answered> entity_as_of(EntityKind kind, const std::string& id, Position position);

  Expected<Answered> customer(const Request& request);
  Expected<Answered> merchant(const Request& request);
  Expected<Answered> aggregates(const Request& request);
  Expected<Answered> alerts(const Request& request);
  Expected<Answered> rules(const Request& request);
  Expected<Answered> quarantine(const Request& request);
  Expected<Answered> data_quality(const Request& request);
  Expected<Answered> status(const Request& request);
  Expected<Answered> transaction(const Request& request);

  QuerySources sources;
  Activations activations;
};

namespace {

using Fields = std::span<const std::string_view>;
constexpr std::array<std::string_view, 6> kCommonFields = {"op", "id", "in_order", "query", "at_least", "timeout_ms"};
constexpr std::array<std::string_view, 3> kCustomerFields = {"customer_id", "as_of_position", "as_of_time"};
constexpr std::array<std::string_view, 3> kMerchantFields = {"merchant_id", "as_of_position", "as_of_time"};
constexpr std::array<std::string_view, 6> kAggregateFields = {"granularity", "from",  "to",
                                                              "dimension",   "value", "limit"};
constexpr std::array<std::string_view, 5> kAlertFields = {"rule", "severity", "customer_id", "since", "limit"};
constexpr std::array<std::string_view, 3> kQuarantineFields = {"since", "code", "limit"};
constexpr std::array<std::string_view, 1> kTransactionFields = {"transaction_id"};

constexpr std::array<std::string_view, 9> kQueries = {"customer",   "merchant",     "aggregates", "alerts",     "rules",
                                                      "quarantine", "data_quality", "status",     "transaction"};
constexpr std::array<Fields, kQueries.size()> kFieldsOf = {kCustomerFields, kMerchantFields, kAggregateFields,
                                                           kAlertFields,    Fields{},        kQuarantineFields,
                                                           Fields{},        Fields{},        kTransactionFields};

// The models an answer comes from: it is as fresh as they are. A transaction is read from the log; it and the status
// speak of all.
constexpr std::array<std::string_view, 1> kCustomerModels = {"customer_profile"}, kMerchantModels = {"merchant_risk"},
                                          kAggregateModels = {"aggregates"}, kAlertModels = {"alerts"},
                                          kQuarantineModels = {"quarantine"}, kDataQualityModels = {"data_quality"};
constexpr std::array<std::string_view, 7> kAllModels = {
    "aggregates", "alerts", "customer_profile", "data_quality", "merchant_risk", "quarantine", "snapshots"};
constexpr std::array<Fields, kQueries.size()> kModelsOf = {kCustomerModels,    kMerchantModels, kAggregateModels,
                                                           kAlertModels,       kAlertModels,    kQuarantineModels,
                                                           kDataQualityModels, kAllModels,      kAllModels};

Fields models_of(std::string_view query) {
  const auto found = std::ranges::find(kQueries, query);
  return found == kQueries.end() ? Fields(kAllModels) : kModelsOf[static_cast<std::size_t>(found - kQueries.begin())];
}

// A field that is misspelt, or that this query does not have, would filter nothing.
Expected<void> check_fields(const Json& request, std::string_view query, Fields own) {
  for (const auto& [name, value] : request.items()) {
    if (std::ranges::find(kCommonFields, name) != kCommonFields.end() || std::ranges::find(own, name) != own.end()) {
      continue;
    }
    std::vector<std::string_view> known(own.begin(), own.end());
    known.insert(known.end(), kCommonFields.begin(), kCommonFields.end());
    return fail(ErrorKind::invalid, "the query '" + std::string(query) + "' has no field " + rules::in_quotes(name) +
                                        rules::did_you_mean(name, known));
  }
  return {};
}

}  // namespace

std::span<const std::string_view> query_names() { return kQueries; }

std::optional<std::span<const std::string_view>> query_fields(std::string_view query) {
  const auto found = std::ranges::find(kQueries, query);
  if (found == kQueries.end()) return std::nullopt;
  return kFieldsOf[static_cast<std::size_t>(found - kQueries.begin())];
}

Expected<std::string> Queries::Impl::answer(const Json& json) {
  constexpr std::array<Answerer, kQueries.size()> kAnswerers = {
      &Impl::customer,   &Impl::merchant,     &Impl::aggregates, &Impl::alerts,     &Impl::rules,
      &Impl::quarantine, &Impl::data_quality, &Impl::status,     &Impl::transaction};
  const Request request(json);
  const auto wanted = request.text("query");
  if (!wanted) return std::unexpected(wanted.error());
  const auto found = std::ranges::find(kQueries, *wanted);
  if (found == kQueries.end()) {
    std::string all;
    for (const std::string_view name : kQueries) all.append(all.empty() ? "" : ", ").append(name);
    return fail(ErrorKind::invalid,
                "there is no query '" + *wanted + "'" + rules::did_you_mean(*wanted, kQueries) + "; there are " + all);
  }
  const auto number = static_cast<std::size_t>(found - kQueries.begin());
  if (auto known = check_fields(json, *wanted, kFieldsOf[number]); !known) return std::unexpected(known.error());
  // Read before the answer is: what the answer shows is at least this fresh.
  const std::uint64_t applied = sources.models.applied_by(kModelsOf[number]).value();
  const auto answered = (this->*kAnswerers[number])(request);
  if (!answered) return std::unexpected(answered.error());
  return ",\"query\":\"" + *wanted + "\",\"as_of\":" + std::to_string(answered->as_of.value_or(applied)) + "," +
         answered->fields + "}";
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

Expected<Answered> Queries::Impl::entity_as_of(EntityKind kind, const std::string& id, Position position) {
  const auto state = sources.models.state_as_of(kind, id, position);
  if (!state) return std::unexpected(state.error());
  if (!*state) {
    const Fields models = kind == EntityKind::merchant ? Fields(kMerchantModels) : Fields(kCustomerModels);
    return Answered{"\"row\":null", std::min(position, sources.models.applied_by(models)).value()};
  }
  Json row = {{std::string(eventlog::name(kind)) + "_id", id}};
  row.update(to_json((*state)->state));
  return Answered{row_answer(row).fields, (*state)->as_of.value()};
}

Expected<Answered> Queries::Impl::customer(const Request& request) {
  const auto id = request.text("customer_id");
  if (!id) return std::unexpected(id.error());
  const auto position = as_of(request);
  if (!position) return std::unexpected(position.error());
  if (*position) return entity_as_of(EntityKind::customer, *id, **position);
  const auto profile = sources.models.customer(*id);
  if (!profile) return std::unexpected(profile.error());
  return row_answer(*profile ? to_json(**profile) : Json(nullptr));
}

Expected<Answered> Queries::Impl::merchant(const Request& request) {
  const auto id = request.text("merchant_id");
  if (!id) return std::unexpected(id.error());
  const auto position = as_of(request);
  if (!position) return std::unexpected(position.error());
  if (*position) return entity_as_of(EntityKind::merchant, *id, **position);
  const auto risk = sources.models.merchant(*id);
  if (!risk) return std::unexpected(risk.error());
  return row_answer(*risk ? to_json(**risk) : Json(nullptr));
}

Expected<Answered> Queries::Impl::aggregates(const Request& request) {
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
  Rows answer;
  for (const AggregateRow& row : *rows) {
    const auto added = answer.add(to_json(row, query.granularity, query.dimension));
    if (!added) return std::unexpected(added.error());
  }
  return answer.answer();
}

Expected<Answered> Queries::Impl::alerts(const Request& request) {
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
  return rows_in_portions(query, [this](const AlertQuery& portion) { return sources.models.alerts(portion); });
}

Expected<Answered> Queries::Impl::rules(const Request&) {
  const auto statistics = sources.models.rule_statistics();
  if (!statistics) return std::unexpected(statistics.error());
  return rows_answer(*statistics);
}

Expected<Answered> Queries::Impl::quarantine(const Request& request) {
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
  return rows_in_portions(query, [this](const QuarantineQuery& portion) { return sources.models.quarantine(portion); });
}

Expected<Answered> Queries::Impl::data_quality(const Request&) {
  const auto counts = sources.models.data_quality();
  if (!counts) return std::unexpected(counts.error());
  return rows_answer(*counts);
}

Expected<Answered> Queries::Impl::status(const Request&) {
  const auto versions = activations.in_force();
  if (!versions) return std::unexpected(versions.error());
  Json models = Json::array();
  for (const ModelStatus& model : sources.models.status()) models.push_back(to_json(model));
  Json json = {{"log", {{"id", sources.log.id()}, {"durable", sources.log.durable().value()}}},
               {"versions", {{"features", versions->features}, {"rules", versions->rules}}},
               {"models", std::move(models)},
               {"resident_bytes", resident_bytes()}};
  if (sources.service) json["service"] = to_json(sources.service());
  return row_answer(json);
}

Expected<Answered> Queries::Impl::transaction(const Request& request) {
  const auto id = request.text("transaction_id");
  if (!id) return std::unexpected(id.error());
  const std::uint64_t durable = sources.log.durable().value();
  const auto explained = explain(sources.log, activations, *id, kAnswerBytesMax);
  if (!explained) return std::unexpected(explained.error());
  return Answered{"\"row\":" + explained->value_or("null"), durable};
}

namespace {

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
  const auto query = request.optional_text("query");
  Freshness freshness{Position{**at_least}, models_of(query && *query ? **query : "")};
  const std::uint64_t timeout_max = static_cast<std::uint64_t>(kQueryTimeoutMax.count());
  if (*timeout) freshness.timeout = std::chrono::milliseconds(std::min(**timeout, timeout_max));
  return freshness;
}

std::string Queries::answer(std::string_view text, std::string_view request_id) {
  std::set<std::string> fields;
  std::string twice;
  const auto note_field = [&](int depth, Json::parse_event_t event, const Json& name) {
    if (depth == 1 && event == Json::parse_event_t::key && !fields.insert(name).second) twice = name;
    return true;
  };
  const Json json = Json::parse(text, note_field, false);
  if (!json.is_object()) return error_text(request_id, "invalid", "the query is not a JSON object");
  if (!twice.empty()) return error_text(request_id, "invalid", rules::in_quotes(twice) + " is given twice");
  for (const char* field : {"at_least", "timeout_ms"}) {
    if (const auto number = Request(json).number(field); !number) {
      return error_text(request_id, "invalid", number.error().text);
    }
  }
  const auto answered = impl_->answer(json);
  if (answered) {
    std::string whole;
    append_reply_head(whole, request_id, "query");
    return whole += *answered;
  }
  const bool asker_is_wrong = answered.error().kind == ErrorKind::invalid;
  return error_text(request_id, asker_is_wrong ? "invalid" : "unavailable", answered.error().text);
}

std::string Queries::too_late(std::string_view request_id) const {
  std::string text =
      error_text(request_id, "not_yet", "the read models have not reached that position within the time-out");
  text.pop_back();
  return text + ",\"as_of\":" + std::to_string(impl_->sources.models.applied().value()) + "}";
}

std::string Queries::stopping(std::string_view request_id) {
  return error_text(request_id, "stopping", "the service is stopping; ask again when it is back");
}

}  // namespace vigil::api
