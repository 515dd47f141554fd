// `vigil restore`: a data directory made from a backup.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "api/time_text.h"
#include "eventlog/storage/backup.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
using eventlog::RestoreReport;

struct RestoreArguments {
  std::string from, to, time;
  std::optional<std::uint64_t> position;
  std::optional<std::int64_t> time_us;
  bool json = false;
};

// New or empty, but for what an interrupted restore left, or one that is at work.
Expected<void> require_empty(const std::filesystem::path& data) {
  std::error_code error;
  if (!std::filesystem::exists(data, error)) return {};
  for (const auto& entry : std::filesystem::directory_iterator(data, error)) {
    if (entry.path().filename().string().starts_with("log.restoring")) continue;
    return fail(ErrorKind::invalid, data.string() + ": is not empty (it holds '" + entry.path().filename().string() +
                                        "'), and nothing is ever written over; restore into a new directory, or move "
                                        "this one away first");
  }
  if (error) return fail(ErrorKind::io, data.string() + ": " + error.message());
  return {};
}

void print_text(const RestoreReport& report, const std::string& data, double seconds) {
  std::cout << "restored to position " << grouped(report.position) << ", taken "
            << api::time_text(report.ingest_time_us) << ", chain hash " << eventlog::hex(report.hash) << '\n'
            << grouped(report.segments) << " segments, all checked, in " << duration_text(seconds)
            << "; the next writer's epoch is " << report.epoch + 1 << "\n`vigil serve --data " << data
            << "` makes the read models anew when it starts; `vigil rebuild --data " << data << "` does so now\n";
}

void print_json(const RestoreReport& report, double seconds) {
  std::cout << nlohmann::ordered_json{{"log_id", eventlog::hex(report.log_id)},
                                      {"position", report.position},
                                      {"ingest_time", api::time_text(report.ingest_time_us)},
                                      {"hash", eventlog::hex(report.hash)},
                                      {"segments", report.segments},
                                      {"bytes", report.bytes},
                                      {"seconds", seconds}}
                   .dump()
            << '\n';
}

Expected<void> restore(const RestoreArguments& arguments) {
  if (auto empty = require_empty(arguments.to); !empty) return empty;
  eventlog::PosixEnvironment environment;
  Progress progress("restoring", "bytes");
  eventlog::RestoreOptions options;
  if (arguments.position) options.position = eventlog::Position{*arguments.position};
  if (arguments.time_us) options.time = eventlog::IngestTime{*arguments.time_us};
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto report = eventlog::restore(environment, arguments.from, log_directory(arguments.to), options);
  progress.finish();
  if (!report) return std::unexpected(report.error());
  arguments.json ? print_json(*report, progress.seconds()) : print_text(*report, arguments.to, progress.seconds());
  return {};
}

int run(RestoreArguments& arguments) {
  if (!arguments.time.empty()) {
    arguments.time_us = api::parse_time(arguments.time);
    if (!arguments.time_us) {
      return print_usage_error("'" + arguments.time + "' is not a time such as 2026-03-01 or 2026-03-01T12:00:00Z");
    }
  }
  const auto done = restore(arguments);
  return done ? kDone : print_error(done.error());
}

}  // namespace

void add_restore(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<RestoreArguments>();
  CLI::App* command = app.add_subcommand(
      "restore",
      "Make a data directory from a backup, as it was at its end, at a position or at a time. A commit is "
      "never cut: the log ends with the last one that ends at or before that. Everything is checked.");
  command->add_option("--from", arguments->from, "directory of the backup")->required();
  command->add_option("--to", arguments->to, "data directory to make: new or empty; nothing is ever written over")
      ->required();
  auto* position = command->add_option("--position", arguments->position, "the last event wanted");
  command->add_option("--time", arguments->time, "nothing taken later than this, such as 2026-03-01T12:00:00Z")
      ->excludes(position);
  command->add_flag("--json", arguments->json, "the result as JSON");
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil backup --data " + data + " --to " + data + ".backup\n" +
                                "build/vigil restore --from " + data + ".backup --to " + data +
                                ".restored --position 2000");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace vigil::tools
