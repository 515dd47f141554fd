// `vigil rebuild`: read models made anew from the log, and whether they equal the ones in service.
#include "projections/rebuild.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using projections::RebuiltModel;

struct RebuildArguments {
  std::string data;
  std::vector<std::string> models;
  std::size_t threads = 2;
  bool json = false;
};

void print_json(const std::vector<RebuiltModel>& models) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const RebuiltModel& model : models) {
    nlohmann::ordered_json row = {{"name", model.name},
                                  {"events", model.events},
                                  {"seconds", model.seconds},
                                  {"checkpoint", model.checkpoint.value()},
                                  {"digest", model.digest},
                                  {"compared_at", nullptr},
                                  {"digest_in_service", model.old_digest},
                                  {"digest_rebuilt_there", model.new_digest_there},
                                  {"equal", nullptr}};
    if (model.old_checkpoint) row["compared_at"] = model.old_checkpoint->value();
    if (model.equal) row["equal"] = *model.equal;
    rows.push_back(std::move(row));
  }
  std::cout << nlohmann::ordered_json{{"models", std::move(rows)}}.dump() << '\n';
}

void print_table(const std::vector<RebuiltModel>& models) {
  std::printf("%-18s %12s %9s %12s  %-32s  %-32s  %s\n", "model", "events", "seconds", "events/s", "digest in service",
              "digest rebuilt", "equal");
  for (const RebuiltModel& model : models) {
    const double rate = model.seconds > 0 ? static_cast<double>(model.events) / model.seconds : 0;
    const char* equal = !model.equal ? "nothing to compare" : *model.equal ? "yes" : "NO";
    std::printf("%-18s %12s %9.2f %12s  %-32s  %-32s  %s\n", model.name.c_str(), grouped(model.events).c_str(),
                model.seconds, grouped(static_cast<std::uint64_t>(rate)).c_str(),
                model.old_digest.empty() ? "-" : model.old_digest.c_str(),
                model.new_digest_there.empty() ? model.digest.c_str() : model.new_digest_there.c_str(), equal);
  }
}

int rebuild(const RebuildArguments& arguments) {
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, arguments.data);
  if (!log) return print_error(log.error());
  Progress progress("rebuilding", "events");
  projections::RebuildOptions options;
  options.threads = arguments.threads;
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto models = projections::rebuild(models_directory(arguments.data), **log, arguments.models, options);
  progress.finish();
  if (!models) return print_error(models.error());
  arguments.json ? print_json(*models) : print_table(*models);
  for (const RebuiltModel& model : *models) {
    if (!model.equal || *model.equal) continue;
    return print_error({eventlog::ErrorKind::damaged,
                        model.name + ": the model that was in service differed from the log; the rebuilt one is in its "
                                     "place now"});
  }
  return kDone;
}

}  // namespace

void add_rebuild(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<RebuildArguments>();
  CLI::App* command = app.add_subcommand(
      "rebuild",
      "Make read models anew from the log, compare them with the ones in service, and put them in their "
      "place. Fails (1) when one differed.");
  command->add_option("--data", arguments->data, "data directory")->required();
  command->add_option("models", arguments->models, "which (default: all)");
  command->add_option("--threads", arguments->threads, "the models are shared out among them")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command->add_flag("--json", arguments->json, "the table as JSON");
  example_on_data(*command, "build/vigil rebuild --data " + std::string(kExampleData));
  command->callback([arguments, &exit_code] { exit_code = rebuild(*arguments); });
}

}  // namespace vigil::tools
