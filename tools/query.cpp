#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/client.h"
#include "api/json_text.h"
#include "api/query.h"
#include "eventlog/storage/posix_environment.h"
#include "projections/read_models.h"
#include "rules/expression/suggestion.h"
#include "tools/answer_text.h"
#include "tools/data_directory.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using Json = nlohmann::ordered_json;
using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

// How long an answer may take before the service is taken for unreachable.
constexpr std::chrono::milliseconds kAnswerWithin{10'000};

struct QueryOptions {
  std::string data, connect;
  std::string what, id;
  std::string as_of;  // a position or a time
  std::optional<std::string> granularity, from, to, dimension, value;
  std::optional<std::string> rule, severity, customer, code;
  std::optional<std::uint64_t> since, limit, at_least, timeout_ms;
  bool json = false;
};

template <class T>
void put(Json& request, const char* field, const std::optional<T>& value) {
  if (value) request[field] = *value;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() < 20;
}

bool has_id(std::string_view what) { return what == "customer" || what == "merchant" || what == "transaction"; }

// The option that sets a field.
std::string option_of(const std::string& field) {
  if (field == "customer_id") return "--customer";
  if (field.starts_with("as_of_")) return "--as-of";
  std::string option = "--" + field;
  std::ranges::replace(option, '_', '-');
  return option;
}

// Nothing, or what is wrong with the request before it is sent: an option that the query does not have would be
// refused by the service in its own words.
std::optional<std::string> wrong_with(const QueryOptions& options, const Json& request) {
  const auto fields = api::query_fields(options.what);
  if (!fields) {
    std::string all;
    for (const std::string_view name : api::query_names()) all.append(all.empty() ? "" : ", ").append(name);
    return "there is no query '" + options.what + "'" + rules::did_you_mean(options.what, api::query_names()) +
           "; there are " + all;
  }
  const std::string query = "query " + options.what;
  if (has_id(options.what) && options.id.empty()) return query + " needs an ID";
  if (!has_id(options.what) && !options.id.empty()) {
    const bool by_customer = std::ranges::find(*fields, "customer_id") != fields->end();
    return query + " takes no ID" + (by_customer ? "; --customer " + options.id + " shows those of one customer" : "");
  }
  if (has_id(options.what) && options.customer) return query + " has no --customer";
  for (const auto& [field, value] : request.items()) {
    if (field == "op" || field == "query" || field == "at_least" || field == "timeout_ms") continue;
    if (std::ranges::find(*fields, field) == fields->end()) return query + " has no " + option_of(field);
  }
  return std::nullopt;
}

Json request_of(const QueryOptions& options) {
  Json request = {{"op", "query"}, {"query", options.what}};
  if (has_id(options.what) && !options.id.empty()) request[options.what + "_id"] = options.id;
  if (is_number(options.as_of)) {
    request["as_of_position"] = std::stoull(options.as_of);
  } else if (!options.as_of.empty()) {
    request["as_of_time"] = options.as_of;
  }
  put(request, "granularity", options.granularity);
  put(request, "from", options.from);
  put(request, "to", options.to);
  put(request, "dimension", options.dimension);
  put(request, "value", options.value);
  put(request, "rule", options.rule);
  put(request, "severity", options.severity);
  put(request, "customer_id", options.customer);
  put(request, "code", options.code);
  put(request, "since", options.since);
  put(request, "limit", options.limit);
  put(request, "at_least", options.at_least);
  put(request, "timeout_ms", options.timeout_ms);
  return request;
}

Expected<std::string> ask_service(const QueryOptions& options, const std::string& request) {
  auto client = api::Client::connect(options.connect);
  if (!client) return std::unexpected(client.error());
  const std::chrono::milliseconds asked(options.timeout_ms.value_or(0));
  return (*client)->ask(request, kAnswerWithin + std::min(asked, api::kQueryTimeoutMax));
}

Expected<std::string> ask_directory(const QueryOptions& options, const std::string& request) {
  eventlog::PosixEnvironment environment;
  auto log = open_log(environment, options.data);
  if (!log) return std::unexpected(log.error());
  auto models = projections::ReadModels::open_read_only(models_directory(options.data), log->get());
  if (!models) return std::unexpected(models.error());
  api::Queries queries({**log, **models, {}});
  const auto wanted = queries.freshness(request);
  if (wanted && !wanted->reached(**models, wanted->timeout)) return queries.too_late("");
  return queries.answer(request, "");
}

// The end of the string that begins at `at`, with its closing quote.
std::size_t string_end(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\';
  return std::min(json.size(), at + 1);
}

// The answer with every "extra" as a text that holds its JSON: facts are shown as they were accepted, and a number of
// 23 digits is none to this library.
std::string with_extra_as_text(std::string_view answer) {
  constexpr std::string_view kExtra = "\"extra\":{";
  std::string text;
  for (std::size_t at = 0; at < answer.size();) {
    std::size_t end = answer[at] == '"' ? string_end(answer, at) : at + 1;
    if (!answer.substr(at).starts_with(kExtra)) {
      text.append(answer, at, end - at);
      at = end;
      continue;
    }
    const std::size_t object = at + kExtra.size() - 1;
    end = object;
    for (int depth = 0; end < answer.size();) {
      if (answer[end] == '{') ++depth;
      if (answer[end] == '}') --depth;
      end = answer[end] == '"' ? string_end(answer, end) : end + 1;
      if (depth == 0) break;
    }
    text.append(answer, at, object - at);
    api::append_json_string(text, answer.substr(object, end - object));
    at = end;
  }
  return text;
}

int show(const QueryOptions& options, const std::string& answer) {
  const Json json = Json::parse(with_extra_as_text(answer), nullptr, false);
  if (!json.is_object()) return print_error({ErrorKind::damaged, "the answer is no JSON: " + answer.substr(0, 200)});
  if (json.contains("status")) {
    if (options.json) std::cout << answer << '\n';
    return print_error({ErrorKind::io, json.value("text", "the service is busy; try again")});
  }
  if (options.json) {
    std::cout << answer << '\n';
    return kDone;
  }
  const std::string subject = options.what + (options.id.empty() ? "" : " '" + options.id + "'");
  const std::uint64_t as_of = json.value("as_of", std::uint64_t{0});
  if (json.contains("rows") && json["rows"].empty()) {
    std::cout << "no " << subject << " to show ";
  } else if (json.contains("row") && json["row"].is_null()) {
    std::cout << "nothing is known of " << subject << ' ';
  } else {
    std::cout << answer_text(json.contains("rows") ? json["rows"] : json.value("row", json));
  }
  std::cout << "(as of position " << as_of << ")\n";
  return kDone;
}

int query(const QueryOptions& options) {
  if (options.data.empty() == options.connect.empty()) {
    return print_usage_error("query needs either --connect ENDPOINT or --data DIR");
  }
  const Json asked = request_of(options);
  if (const auto wrong = wrong_with(options, asked)) return print_usage_error(*wrong);
  const std::string request = asked.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto answer = options.data.empty() ? ask_service(options, request) : ask_directory(options, request);
  return answer ? show(options, *answer) : print_error(answer.error());
}

void add_filters(CLI::App& command, QueryOptions& options) {
  command.add_option("--granularity", options.granularity, "aggregates: minute, hour or day (default)");
  command.add_option("--from", options.from, "aggregates: buckets that begin at this time or later");
  command.add_option("--to", options.to, "aggregates: buckets that begin before this time");
  command.add_option("--dimension", options.dimension,
                     "aggregates: all (default), status, category, country, currency or outcome");
  command.add_option("--value", options.value, "aggregates: one value of the dimension");
  command.add_option("--rule", options.rule, "alerts: of this rule");
  command.add_option("--severity", options.severity, "alerts: P0, P1, P2 or P3");
  command.add_option("--customer", options.customer, "alerts: of this customer");
  command.add_option("--code", options.code, "quarantine: with this reason code");
  command.add_option("--since", options.since, "alerts, quarantine: at this position or later");
  command.add_option("--limit", options.limit, "rows at most (alerts, quarantine: 100)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{api::kRowsMax}));
}

}  // namespace

void add_query(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<QueryOptions>();
  CLI::App* command = app.add_subcommand("query", "ask the read models, of a service or of a data directory");
  command
      ->add_option("what", options->what,
                   "customer ID, merchant ID, transaction ID (why it was decided so), aggregates, alerts, rules, "
                   "quarantine, data_quality or status")
      ->required();
  command->add_option("id", options->id, "of the customer, merchant or transaction");
  command->add_option("--data", options->data, "data directory");
  command->add_option("--connect", options->connect, "endpoint of a service");
  command->add_option("--as-of", options->as_of, "customer, merchant: as known at a position or a time");
  add_filters(*command, *options);
  command->add_option("--at-least", options->at_least, "wait until the answer knows this position");
  command->add_option("--timeout-ms", options->timeout_ms, "how long to wait for it (default 1000)");
  command->add_flag("--json", options->json, "the answer as JSON");
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil query --data " + data + " rules\n" + "build/vigil query --data " + data +
                                " aggregates --granularity day --dimension outcome\n" + "build/vigil query --data " +
                                data + " alerts --severity P1 --limit 5");
  command->callback([options, &exit_code] { exit_code = query(*options); });
}

}  // namespace vigil::tools
