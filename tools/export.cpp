// `vigil export`: what was decided, row by row, for spreadsheets, models and other programs.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>

#include "api/activations.h"
#include "api/event_json.h"
#include "api/time_text.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/csv_text.h"
#include "tools/data_directory.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::EventTime;
using eventlog::EventType;
using eventlog::Expected;
using eventlog::fail;
using eventlog::Record;
using eventlog::TransactionDecided;
using eventlog::Value;

struct ExportOptions {
  std::string data, csv, json_lines;
  std::string from_time, to_time;
  std::uint32_t version = 0;  // of the features; 0: the newest
  EventTime from{INT64_MIN}, to{INT64_MAX};
};

bool completes(ExportOptions& options) {
  for (const auto& [text, time] : {std::pair(&options.from_time, &options.from), {&options.to_time, &options.to}}) {
    if (text->empty()) continue;
    const auto parsed = api::parse_time(*text);
    if (!parsed) {
      print_usage_error("'" + *text + "' is not a time such as 2026-03-01 or 2026-03-01T12:00:00Z");
      return false;
    }
    *time = EventTime{*parsed};
  }
  return true;
}

// Appends a row for one decision; false when it has none.
using RowOf = std::function<Expected<bool>(const TransactionDecided&, const Record&, std::string&)>;

Expected<void> write_rows(const ExportOptions& options, const eventlog::LogSource& log, const RowOf& row_of,
                          OutputFile& file) {
  auto cursor = log.read_from(eventlog::Position{1});
  if (!cursor) return std::unexpected(cursor.error());
  Progress progress("exporting", "decisions");
  std::uint64_t rows = 0;
  std::string row;
  while (!file.failed()) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    if (eventlog::type_of(**record) != EventType::transaction_decided) continue;
    const auto event = eventlog::decode<TransactionDecided>(**record);
    if (!event) return std::unexpected(event.error());
    const EventTime time = event->transaction.event_time;
    if (time < options.from || time >= options.to) continue;
    row.clear();
    const auto written = row_of(*event, **record, row);
    if (!written) return std::unexpected(written.error());
    if (!*written) continue;
    file.write(row += '\n');
    if (++rows % 4096 == 0) progress.update(rows, (*record)->position.value(), log.durable().value());
  }
  if (auto finished = file.finish(); !finished) return finished;
  progress.finish();
  std::cerr << "exported " << grouped(rows) << " decisions in " << duration_text(progress.seconds()) << '\n';
  return {};
}

// One column per feature of one catalogue; decisions made with another have no row.
Expected<void> export_features(const ExportOptions& options, const eventlog::LogSource& log) {
  api::Activations activations(log);
  std::uint32_t version = options.version;
  if (version == 0) {
    const auto newest = activations.in_force();
    if (!newest) return std::unexpected(newest.error());
    version = newest->features;
  }
  const auto catalogue = activations.catalogue(version);
  if (!catalogue) return std::unexpected(catalogue.error());
  auto file = OutputFile::create(options.csv);
  if (!file) return std::unexpected(file.error());
  std::string header = "transaction_id";
  for (const rules::Feature& feature : (*catalogue)->features()) {
    header += ',';
    append_csv_text(header, feature.name);
  }
  (*file)->write(header += '\n');
  std::vector<Value> values((*catalogue)->size());
  const RowOf row_of = [&](const TransactionDecided& event, const Record& record, std::string& row) -> Expected<bool> {
    if (event.features_version != version) return false;
    if (!eventlog::decode_values(event.features, values)) {
      return fail(ErrorKind::damaged, "position " + std::to_string(record.position.value()) +
                                          ": its feature values do not fit the catalogue; `vigil verify` tells more");
    }
    append_csv_text(row, event.transaction.id);
    for (const Value& value : values) append_csv_value(row += ',', value);
    return true;
  };
  return write_rows(options, log, row_of, **file);
}

constexpr std::string_view kDecisionColumns =
    "position,transaction_id,version,event_time,ingest_time,customer_id,merchant_id,device_id,amount_minor,currency,"
    "amount_base_minor,country,card_country,category,channel,status,latitude_e7,longitude_e7,outcome,score,rules,"
    "features_version,rules_version\n";

void append_facts(std::string& row, const eventlog::Transaction& transaction, std::int64_t amount_base_minor) {
  for (const std::string_view text : {transaction.customer_id, transaction.merchant_id, transaction.device_id}) {
    append_csv_text(row, text);
    row += ',';
  }
  append_csv_integer(row, transaction.amount.minor);
  append_csv_text(row += ',', transaction.amount.currency.text());
  append_csv_integer(row += ',', amount_base_minor);
  for (const std::string_view text : {transaction.country.text(), transaction.card_country.text(), transaction.category,
                                      transaction.channel, eventlog::name(transaction.status)}) {
    append_csv_text(row += ',', text);
  }
  row += ',';
  if (transaction.place) append_csv_integer(row, transaction.place->latitude_e7);
  row += ',';
  if (transaction.place) append_csv_integer(row, transaction.place->longitude_e7);
}

Expected<bool> append_decision(std::string& row, const TransactionDecided& event, const Record& record,
                               api::Activations& activations) {
  const auto rule_set = activations.rule_set(event.features_version, event.rules_version);
  if (!rule_set) return std::unexpected(rule_set.error());
  append_csv_integer(row, static_cast<std::int64_t>(record.position.value()));
  append_csv_text(row += ',', event.transaction.id);
  append_csv_integer(row += ',', event.transaction.version);
  api::append_time(row += ',', event.transaction.event_time.value());
  api::append_time(row += ',', record.ingest_time.value());
  append_facts(row += ',', event.transaction, event.amount_base_minor);
  append_csv_text(row += ',', eventlog::name(event.outcome));
  append_csv_integer(row += ',', event.score);
  std::string rules;
  for (const std::uint16_t index : event.matched) {
    if (index >= (*rule_set)->rules().size()) continue;
    if (!rules.empty()) rules += ' ';
    rules += (*rule_set)->rules()[index].id;
  }
  append_csv_text(row += ',', rules);
  append_csv_integer(row += ',', event.features_version);
  append_csv_integer(row += ',', event.rules_version);
  return true;
}

Expected<void> export_decisions(const ExportOptions& options, const eventlog::LogSource& log) {
  const bool csv = !options.csv.empty();
  auto file = OutputFile::create(csv ? options.csv : options.json_lines);
  if (!file) return std::unexpected(file.error());
  api::Activations activations(log);
  if (csv) (*file)->write(kDecisionColumns);
  const RowOf row_of = [&](const TransactionDecided& event, const Record& record, std::string& row) -> Expected<bool> {
    if (csv) return append_decision(row, event, record, activations);
    if (auto appended = api::append_event_json(row, record, &activations); !appended) {
      return std::unexpected(appended.error());
    }
    return true;
  };
  return write_rows(options, log, row_of, **file);
}

using Exporter = Expected<void> (*)(const ExportOptions&, const eventlog::LogSource&);

int run(ExportOptions& options, Exporter exporter) {
  if (!completes(options)) return kUsage;
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, options.data);
  if (!log) return print_error(log.error());
  const auto done = exporter(options, **log);
  return done ? kDone : print_error(done.error());
}

void add_shared_options(CLI::App& command, ExportOptions& options) {
  command.add_option("--data", options.data, "data directory")->required();
  command.add_option("--from-time", options.from_time, "only transactions with this event time or later");
  command.add_option("--to-time", options.to_time, "only transactions with an earlier event time");
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write what was decided to a file, in the order of the log.");
  command->require_subcommand(1);
  const std::string data(kExampleData);

  CLI::App* features = command->add_subcommand(
      "features", "the feature values each transaction was decided with, one column per feature");
  add_shared_options(*features, *options);
  features->add_option("--csv", options->csv, "file to write; .zst compresses; - is stdout")->required();
  features->add_option("--version", options->version, "of the feature catalogue (default: the newest)");
  features->callback([options, &exit_code] { exit_code = run(*options, export_features); });
  example_on_data(*features, "build/vigil export features --data " + data + " --csv " + data + ".features.csv");

  CLI::App* decisions = command->add_subcommand("decisions", "facts, outcome, score and matched rules");
  add_shared_options(*decisions, *options);
  auto* csv = decisions->add_option("--csv", options->csv, "CSV file to write; .zst compresses; - is stdout");
  auto* lines = decisions->add_option("--jsonl", options->json_lines, "JSON lines instead");
  csv->excludes(lines);
  decisions->callback([options, &exit_code] {
    exit_code = options->csv.empty() && options->json_lines.empty()
                    ? print_usage_error("export decisions needs --csv FILE or --jsonl FILE")
                    : run(*options, export_decisions);
  });
  example_on_data(*decisions, "build/vigil export decisions --data " + data + " --csv -");
  example_on_data(*command, "build/vigil export features --data " + data + " --csv " + data + ".features.csv\n" +
                                "build/vigil export decisions --data " + data + " --jsonl " + data +
                                ".decisions.jsonl.zst");
}

}  // namespace vigil::tools
