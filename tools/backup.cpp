// `vigil backup`: a copy of the log, kept up segment by segment, while the service runs.
#include "eventlog/storage/backup.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "api/time_text.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::BackupReport;
using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

struct BackupArguments {
  std::string data, to;
  bool check_all = false;
  bool json = false;
};

// Links and dots resolved as far as the path is there.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return error ? path : (whole / "").parent_path();
}

bool is_inside(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

Expected<void> require_apart(const BackupArguments& arguments) {
  const auto data = resolved(arguments.data), to = resolved(arguments.to);
  if (!is_inside(to, data) && !is_inside(data, to)) return {};
  return fail(ErrorKind::invalid, arguments.to +
                                      ": a backup cannot be inside the data directory, nor hold it; give "
                                      "another directory, on another disk if there is one");
}

void print_text(const BackupReport& report, double seconds) {
  std::cout << "backed up to position " << grouped(report.manifest.position) << ", taken "
            << api::time_text(report.manifest.ingest_time_us) << ", chain hash " << eventlog::hex(report.manifest.hash)
            << "\ncopied " << grouped(report.copied) << " segments, " << grouped(report.copied_bytes) << " bytes, in "
            << duration_text(seconds) << "; " << grouped(report.kept) << " sealed ones were there already\nchecked "
            << grouped(report.checked) << " segments after reading them back\n";
}

void print_json(const BackupReport& report, double seconds) {
  std::cout << nlohmann::ordered_json{{"log_id", eventlog::hex(report.manifest.log_id)},
                                      {"position", report.manifest.position},
                                      {"ingest_time", api::time_text(report.manifest.ingest_time_us)},
                                      {"hash", eventlog::hex(report.manifest.hash)},
                                      {"copied_segments", report.copied},
                                      {"copied_bytes", report.copied_bytes},
                                      {"kept_segments", report.kept},
                                      {"kept_bytes", report.kept_bytes},
                                      {"checked_segments", report.checked},
                                      {"seconds", seconds}}
                   .dump()
            << '\n';
}

Expected<void> back_up(const BackupArguments& arguments) {
  if (auto there = require_log(arguments.data); !there) return there;
  if (auto apart = require_apart(arguments); !apart) return apart;
  eventlog::PosixEnvironment environment;
  Progress progress("backing up", "bytes");
  eventlog::BackupOptions options;
  options.check_all = arguments.check_all;
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto report = eventlog::back_up(environment, log_directory(arguments.data), arguments.to, options);
  progress.finish();
  if (!report) return std::unexpected(report.error());
  arguments.json ? print_json(*report, progress.seconds()) : print_text(*report, progress.seconds());
  return {};
}

}  // namespace

void add_backup(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<BackupArguments>();
  CLI::App* command = app.add_subcommand(
      "backup",
      "Copy the log to another directory, also while the service runs: all that is durable now. The next call "
      "copies only what is new. Every copy is read back and checked. Read models and keys are not in it.");
  command->add_option("--data", arguments->data, "data directory")->required();
  command->add_option("--to", arguments->to, "directory of the backup: new, empty, or of an earlier backup of this log")
      ->required();
  command->add_flag("--check-all", arguments->check_all,
                    "also read back what earlier calls copied, and copy anew what is damaged");
  command->add_flag("--json", arguments->json, "the result as JSON");
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil backup --data " + data + " --to " + data + ".backup\n" +
                                "build/vigil backup --data " + data + " --to " + data + ".backup --check-all");
  command->callback([arguments, &exit_code] {
    const auto done = back_up(*arguments);
    exit_code = done ? kDone : print_error(done.error());
  });
}

}  // namespace vigil::tools
