#include "tools/log_archive.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <vector>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/backup.h"
#include "eventlog/storage/posix_environment.h"
#include "eventlog/storage/verify.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ArchiveReport;
using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

struct ArchiveArguments {
  std::string data, to;
  std::uint64_t keep = eventlog::kKeptMin;
  std::optional<std::uint64_t> before, from;
  bool json = false;
};

void print_report(const ArchiveReport& report, const char* verb, double seconds, bool json,
                  const std::vector<std::string>& left = {}) {
  if (json) {
    std::cout << nlohmann::ordered_json{{verb, report.segments},       {"replaced", report.replaced},
                                        {"left_elsewhere", left},      {"bytes_before", report.before},
                                        {"bytes_after", report.after}, {"archived_in_all", report.archived_all},
                                        {"seconds", seconds}}
                     .dump()
              << '\n';
    return;
  }
  if (report.replaced > 0) {
    std::cout << "replaced " << grouped(report.replaced) << " damaged segments by what their archives hold\n";
  }
  if (!left.empty()) {
    std::cout << grouped(left.size())
              << " archives stay where they are, as only the links to them were removed: " << left.front()
              << (left.size() > 1 ? " and others" : "") << '\n';
  }
  if (report.segments == 0) {
    if (report.replaced > 0) return;
    std::cout << "nothing to do: " << grouped(report.archived_all)
              << " segments are archived; the one being written and the newest sealed one never are\n";
    return;
  }
  std::cout << verb << ' ' << grouped(report.segments) << " segments: " << grouped(report.before) << " bytes became "
            << grouped(report.after) << ", in " << duration_text(seconds) << "; " << grouped(report.archived_all)
            << " are archived now\n";
}

// What is left where `archive --to` put it: removing a link removes no archive.
struct Elsewhere {
  explicit Elsewhere(const std::filesystem::path& log) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(log, error)) {
      if (entry.path().string().ends_with(eventlog::kArchiveSuffix) && entry.is_symlink(error)) {
        links[entry.path()] = std::filesystem::read_symlink(entry.path(), error);
      }
    }
  }
  // The archives whose links are gone since.
  std::vector<std::string> left() const {
    std::vector<std::string> archives;
    for (const auto& [link, archive] : links) {
      if (!std::filesystem::is_symlink(link)) archives.push_back(archive.string());
    }
    return archives;
  }
  std::map<std::filesystem::path, std::filesystem::path> links;
};

// A link under a temporary name that takes its own name at once, as every file of the log does.
Expected<void> make_link(const std::filesystem::path& target, const std::filesystem::path& link) {
  const std::filesystem::path temporary = link.string() + ".link" + std::string(eventlog::kArchivingSuffix);
  std::error_code error;
  std::filesystem::remove(temporary, error);
  const std::filesystem::path whole = std::filesystem::absolute(target, error);
  if (!error) std::filesystem::create_symlink(whole, temporary, error);
  if (!error) std::filesystem::rename(temporary, link, error);
  if (error) return fail(ErrorKind::io, link.string() + ": link: " + error.message());
  return {};
}

Expected<void> archive(const ArchiveArguments& arguments) {
  if (auto there = require_log(arguments.data); !there) return there;
  eventlog::PosixEnvironment environment;
  eventlog::ArchiveOptions options;
  options.keep = arguments.keep;
  if (arguments.before) options.before = eventlog::Position{*arguments.before};
  if (!arguments.to.empty()) {
    options.to = arguments.to;
    options.link = make_link;
    if (auto made = environment.create_directories(options.to); !made) return made;
  }
  Progress progress("archiving", "bytes");
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto report = eventlog::archive_log(environment, log_directory(arguments.data), options);
  progress.finish();
  if (!report) return std::unexpected(report.error());
  print_report(*report, "archived", progress.seconds(), arguments.json);
  return {};
}

Expected<void> unarchive(const ArchiveArguments& arguments) {
  if (auto there = require_log(arguments.data); !there) return there;
  eventlog::PosixEnvironment environment;
  eventlog::UnarchiveOptions options;
  if (arguments.from) options.from = eventlog::Position{*arguments.from};
  const Elsewhere elsewhere(log_directory(arguments.data));
  Progress progress("unarchiving", "segments");
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto report = eventlog::unarchive_log(environment, log_directory(arguments.data), options);
  progress.finish();
  if (!report) return std::unexpected(report.error());
  print_report(*report, "unarchived", progress.seconds(), arguments.json, elsewhere.left());
  return {};
}

struct RepairArguments {
  std::string data, from;
  bool json = false;
};

Expected<void> repair(const RepairArguments& arguments) {
  if (auto there = require_log(arguments.data); !there) return there;
  eventlog::PosixEnvironment environment;
  const std::filesystem::path directory = log_directory(arguments.data);
  Progress checking("checking", "segments");
  const auto report = eventlog::repair(environment, directory, arguments.from,
                                       [&](auto done, auto all) { checking.update(done, done, all); });
  checking.finish();
  if (!report) return std::unexpected(report.error());
  Progress verifying("verifying", "bytes");
  eventlog::VerifyOptions options;
  options.threads = std::max(1u, std::thread::hardware_concurrency());
  options.progress = [&](std::uint64_t done, std::uint64_t all) { verifying.update(done, done, all); };
  const auto verified = eventlog::verify_log(environment, directory, options);
  verifying.finish();
  if (!arguments.json) {
    for (const std::string& name : report->repaired) std::cout << "replaced " << name << '\n';
    for (const std::string& name : report->set_aside) std::cout << "kept the damaged one as " << name << '\n';
  }
  if (!verified) return std::unexpected(verified.error());
  if (arguments.json) {
    std::cout << nlohmann::ordered_json{{"checked", report->checked},
                                        {"repaired", report->repaired},
                                        {"set_aside", report->set_aside},
                                        {"position", verified->last.value()},
                                        {"head_hash", verified->log.head_hash_hex}}
                     .dump()
              << '\n';
    return {};
  }
  std::cout << (report->repaired.empty() ? "nothing was damaged" : "repaired") << ": the log is whole up to position "
            << grouped(verified->last.value()) << ", chain hash " << verified->log.head_hash_hex << '\n';
  return {};
}

int finished(const Expected<void>& done) { return done ? kDone : print_error(done.error()); }

int archived(const ArchiveArguments& arguments) {
  if (arguments.keep >= eventlog::kKeptMin) return finished(archive(arguments));
  return print_usage_error("--keep " + std::to_string(arguments.keep) +
                           ": the newest sealed segment always stays as it is; give 1 or more");
}

// Lines that make a log of several segments.
std::string example_of_segments(const std::string& commands) {
  const std::string data(kExampleData);
  return "build/vigil simulate --transactions 40000 --out " + data + ".jsonl\n" + "build/vigil ingest --data " + data +
         " --segment-mib 4 " + data + ".jsonl\n" + commands;
}

}  // namespace

void add_log_archive(CLI::App& log, int& exit_code) {
  const std::string data(kExampleData);
  auto arguments = std::make_shared<ArchiveArguments>();
  CLI::App* packing = log.add_subcommand(
      "archive",
      "Pack sealed segments with zstd; the log answers everything as before. Each archive is read back and "
      "compared before the segment goes. A service may run, and keeps the room on the disk until it is started "
      "anew; archiving can be interrupted and called again.");
  packing->add_option("--data", arguments->data, "data directory")->required();
  packing->add_option("--before", arguments->before, "only segments that end before this position");
  packing->add_option("--keep", arguments->keep, "so many of the newest sealed segments stay as they are")
      ->capture_default_str();
  packing->add_option("--to", arguments->to, "put the archives into this directory, with links in the log's");
  packing->add_flag("--json", arguments->json, "the result as JSON");
  packing->callback([arguments, &exit_code] { exit_code = archived(*arguments); });
  example(*packing, example_of_segments("build/vigil log archive --data " + data + " --keep 2"));

  CLI::App* unpacking =
      log.add_subcommand("unarchive",
                         "Unpack archived segments again, byte for byte. A service may run. Archives in "
                         "another directory (`archive --to`) stay there.");
  unpacking->add_option("--data", arguments->data, "data directory")->required();
  unpacking->add_option("--from", arguments->from, "only segments that hold this position or later ones");
  unpacking->add_flag("--json", arguments->json, "the result as JSON");
  unpacking->callback([arguments, &exit_code] { exit_code = finished(unarchive(*arguments)); });
  example(*unpacking, example_of_segments("build/vigil log archive --data " + data + "\n" +
                                          "build/vigil log unarchive --data " + data));

  auto repairing = std::make_shared<RepairArguments>();
  CLI::App* mending = log.add_subcommand(
      "repair",
      "Replace damaged or missing sealed segments by those of a backup of the same history. What is intact "
      "is not touched; a damaged file stays beside it as NAME.damaged. A log that ends before the backup is for "
      "`vigil restore`. Stop the service first.");
  mending->add_option("--data", repairing->data, "data directory")->required();
  mending->add_option("--from", repairing->from, "directory of the backup")->required();
  mending->add_flag("--json", repairing->json, "the result as JSON");
  mending->callback([repairing, &exit_code] { exit_code = finished(repair(*repairing)); });
  example(*mending, example_of_segments("build/vigil backup --data " + data + " --to " + data + ".backup\n" +
                                        "build/vigil log repair --data " + data + " --from " + data + ".backup"));
}

}  // namespace vigil::tools
