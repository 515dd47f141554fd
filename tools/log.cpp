// `vigil log`: what is in the log, event by event, and how much room it takes.
#include "eventlog/storage/log.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/activations.h"
#include "api/event_json.h"
#include "api/time_text.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/log_head.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::Expected;
using eventlog::Position;

struct LogArguments {
  std::string data;
  std::uint64_t from = 1;
  std::uint64_t count = UINT64_MAX;
  bool json = false;
};

struct TypeTotal {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;  // record headers, links, payloads
};

struct LogTotals {
  std::string id;
  std::uint64_t events = 0;
  std::uint64_t segments = 0;
  std::uint64_t disk_bytes = 0;  // all segment files, the zero-filled rest of the last one included
  std::int64_t first_us = 0, last_us = 0;  // ingest times
  std::map<std::string, TypeTotal> types;
};

Expected<void> measure_files(const std::filesystem::path& directory, LogTotals& totals) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".seg") continue;
    ++totals.segments;
    totals.disk_bytes += entry.file_size(error);
  }
  if (error) return eventlog::fail(eventlog::ErrorKind::io, directory.string() + ": " + error.message());
  return {};
}

Expected<LogTotals> measure(const LogArguments& arguments, const eventlog::LogSource& log) {
  LogTotals totals;
  totals.id = log.id();
  if (auto files = measure_files(log_directory(arguments.data), totals); !files) return std::unexpected(files.error());
  auto cursor = log.read_from(Position{1});
  if (!cursor) return std::unexpected(cursor.error());
  Progress progress("reading the log", "events");
  while (true) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return totals;
    const auto type = eventlog::type_of(**record);
    if (!type) return std::unexpected(type.error());
    TypeTotal& total = totals.types[std::string(eventlog::name(*type))];
    ++total.events;
    // A record's header is 24 bytes at most beside its links (frame_builder.h).
    total.bytes += eventlog::kRecordOverheadMax - eventlog::kLinksMax * sizeof(eventlog::Link) +
                   (*record)->links.size_bytes() + (*record)->payload.size();
    if (totals.events++ == 0) totals.first_us = (*record)->ingest_time.value();
    totals.last_us = (*record)->ingest_time.value();
    if (totals.events % 4096 == 0) progress.update(totals.events, totals.events, log.durable().value());
  }
}

void print_text(const LogTotals& totals) {
  std::printf("log           %s\nevents        %s\nsegments      %s, %s bytes on disk\n", totals.id.c_str(),
              grouped(totals.events).c_str(), grouped(totals.segments).c_str(), grouped(totals.disk_bytes).c_str());
  if (totals.events == 0) return;
  std::printf("taken         %s to %s\n\n%-24s %14s %16s %12s\n", api::time_text(totals.first_us).c_str(),
              api::time_text(totals.last_us).c_str(), "event", "events", "bytes", "bytes each");
  for (const auto& [type, total] : totals.types) {
    std::printf("%-24s %14s %16s %12.1f\n", type.c_str(), grouped(total.events).c_str(), grouped(total.bytes).c_str(),
                static_cast<double>(total.bytes) / static_cast<double>(total.events));
  }
}

void print_json(const LogTotals& totals) {
  nlohmann::ordered_json json = {{"log_id", totals.id}, {"events", totals.events}, {"segments", totals.segments},
                                 {"disk_bytes", totals.disk_bytes}};
  if (totals.events > 0) {
    json["first_ingest_time"] = api::time_text(totals.first_us);
    json["last_ingest_time"] = api::time_text(totals.last_us);
  }
  for (const auto& [type, total] : totals.types) {
    json["types"][type] = {{"events", total.events}, {"bytes", total.bytes}};
  }
  std::cout << json.dump() << '\n';
}

Expected<void> stat(const LogArguments& arguments, const eventlog::LogSource& log, eventlog::Environment&) {
  const auto totals = measure(arguments, log);
  if (!totals) return std::unexpected(totals.error());
  arguments.json ? print_json(*totals) : print_text(*totals);
  return {};
}

Expected<void> dump(const LogArguments& arguments, const eventlog::LogSource& log, eventlog::Environment&) {
  if (arguments.from < 1 || arguments.from > log.durable().value() + 1) {
    return eventlog::fail(eventlog::ErrorKind::not_found, "position " + std::to_string(arguments.from) +
                                                              ": the log ends at " +
                                                              std::to_string(log.durable().value()));
  }
  auto cursor = log.read_from(Position{arguments.from});
  if (!cursor) return std::unexpected(cursor.error());
  auto out = OutputFile::create("-");
  if (!out) return std::unexpected(out.error());
  api::Activations activations(log);
  std::string line;
  for (std::uint64_t n = 0; n < arguments.count && !(*out)->failed(); ++n) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    line.clear();
    if (auto text = api::append_event_json(line, **record, &activations); !text) return text;
    (*out)->write(line += '\n');
  }
  return (*out)->finish();
}

using Action = Expected<void> (*)(const LogArguments&, const eventlog::LogSource&, eventlog::Environment&);

int run(const LogArguments& arguments, Action action) {
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, arguments.data);
  if (!log) return print_error(log.error());
  const auto done = action(arguments, **log, environment);
  return done ? kDone : print_error(done.error());
}

CLI::App* add_action(CLI::App& command, const char* name, const char* what, Action action,
                     const std::shared_ptr<LogArguments>& arguments, int& exit_code) {
  CLI::App* added = command.add_subcommand(name, what);
  added->add_option("--data", arguments->data, "data directory")->required();
  added->callback([arguments, action, &exit_code] { exit_code = run(*arguments, action); });
  example_on_data(*added, "build/vigil log " + std::string(name) + " --data " + std::string(kExampleData));
  return added;
}

}  // namespace

void add_log(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<LogArguments>();
  CLI::App* command = app.add_subcommand("log", "Look into the log.");
  command->require_subcommand(1);
  add_action(*command, "stat", "how many events of which type, since when, in how many bytes", stat, arguments,
             exit_code)->add_flag("--json", arguments->json, "as JSON");
  add_log_head(*command, exit_code);
  CLI::App* dumping = add_action(*command, "dump", "its events as JSON lines (docs/protocol.md)", dump, arguments,
                                 exit_code);
  dumping->add_option("--from", arguments->from, "first position")->capture_default_str();
  dumping->add_option("--count", arguments->count, "at most so many events");
  dumping->add_flag("--json", arguments->json, "JSON lines, which it prints in any case");
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil log stat --data " + data + "\n" + "build/vigil log dump --data " + data +
                                " --from 100 --count 3\n");
}

}  // namespace vigil::tools
