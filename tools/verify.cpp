// `vigil verify`: every byte of the log checked, and on request the read models against it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "eventlog/storage/posix_environment.h"
#include "projections/rebuild.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

struct VerifyOptions {
  std::string data;
  bool models = false;
  bool json = false;
};

// Folded anew from the log in a directory of its own, which is removed afterwards.
class Scratch {
 public:
  explicit Scratch(const std::filesystem::path& data) : path_(data / "verify-scratch") { remove(); }
  ~Scratch() { remove(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void remove() {
    std::error_code ignored;  // what cannot be removed is reported by the rebuild that meets it
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path path_;
};

struct ModelVerdict {
  std::string name, digest, rebuilt;
  std::string text;  // "equal", or why it is not known
  bool differs = false;
};

Expected<std::vector<ModelVerdict>> verify_models(eventlog::Environment& environment, const VerifyOptions& options) {
  const auto log = open_log(environment, options.data);
  if (!log) return std::unexpected(log.error());
  const auto live = projections::ReadModels::open_read_only(models_directory(options.data));
  if (!live) return std::unexpected(live.error());
  const Scratch scratch(options.data);
  Progress progress("folding the log again", "events");
  projections::RebuildOptions how;
  how.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto rebuilt = projections::rebuild(scratch.path(), **log, {}, how);
  if (!rebuilt) return std::unexpected(rebuilt.error());
  std::vector<ModelVerdict> verdicts;
  for (const projections::ModelStatus& status : (*live)->status()) {
    const auto again = std::ranges::find(*rebuilt, status.name, &projections::RebuiltModel::name);
    if (again == rebuilt->end()) continue;
    ModelVerdict verdict{status.name, status.digest, again->digest, "equal", false};
    if (status.checkpoint != again->checkpoint) {
      verdict.text = "not compared: it stands at position " + std::to_string(status.checkpoint.value()) +
                     ", the log ends at " + std::to_string(again->checkpoint.value());
    } else if (status.digest != again->digest) {
      verdict.text = "DIFFERS from the log; `vigil rebuild` mends it";
      verdict.differs = true;
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

void print_text(const eventlog::Verification& log, const std::vector<ModelVerdict>& models, double seconds) {
  std::cout << "the log is whole: " << grouped(log.records) << " events in " << grouped(log.frames) << " frames and "
            << grouped(log.segments) << " segments, " << grouped(log.bytes) << " bytes, checked in "
            << duration_text(seconds) << "\nchain hash at its end: " << log.head_hash_hex << '\n';
  if (!log.torn_tail.empty()) std::cout << "behind it, never acknowledged: " << log.torn_tail << '\n';
  for (const ModelVerdict& model : models) std::cout << "read model " << model.name << ": " << model.text << '\n';
}

void print_json(const eventlog::Verification& log, const std::vector<ModelVerdict>& models, double seconds) {
  nlohmann::ordered_json json = {{"segments", log.segments}, {"frames", log.frames},
                                 {"events", log.records},    {"bytes", log.bytes},
                                 {"head_hash", log.head_hash_hex}, {"torn_tail", log.torn_tail},
                                 {"seconds", seconds}};
  for (const ModelVerdict& model : models) {
    json["models"].push_back({{"name", model.name}, {"digest", model.digest}, {"rebuilt", model.rebuilt},
                              {"verdict", model.text}, {"differs", model.differs}});
  }
  std::cout << json.dump() << '\n';
}

Expected<bool> verify(const VerifyOptions& options) {
  if (auto there = require_log(options.data); !there) return std::unexpected(there.error());
  eventlog::PosixEnvironment environment;
  Progress progress("verifying", "bytes");
  const auto log = eventlog::verify(environment, log_directory(options.data),
                                    [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); });
  progress.finish();
  if (!log) return std::unexpected(log.error());
  const double seconds = progress.seconds();
  std::vector<ModelVerdict> models;
  if (options.models) {
    auto verdicts = verify_models(environment, options);
    if (!verdicts) return std::unexpected(verdicts.error());
    models = std::move(*verdicts);
  }
  options.json ? print_json(*log, models, seconds) : print_text(*log, models, seconds);
  return std::ranges::none_of(models, &ModelVerdict::differs);
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check every byte of the log: checksums, hash chain, positions, times. Names the place of any damage.");
  command->add_option("--data", options->data, "data directory")->required();
  command->add_flag("--models", options->models, "also fold the log again and compare the read models with it");
  command->add_flag("--json", options->json, "the result as JSON");
  example_on_data(*command, "build/vigil verify --data " + std::string(kExampleData) + " --models");
  command->callback([options, &exit_code] {
    const auto whole = verify(*options);
    exit_code = !whole ? print_error(whole.error()) : *whole ? kDone : kFailed;
  });
}

}  // namespace vigil::tools
