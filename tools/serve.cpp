#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>
#include <optional>

#include "api/server.h"
#include "commands/engine.h"
#include "eventlog/storage/posix_environment.h"
#include "eventlog/storage/scrub.h"
#include "projections/read_models.h"
#include "tools/data_directory.h"
#include "tools/progress.h"
#include "tools/stop_signal.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;

struct ServeOptions {
  std::string data;
  std::string bind = "tcp://127.0.0.1:7701";
  std::string publish = "tcp://127.0.0.1:7702";
  std::string features, rules, policy;
  std::uint64_t segment_mib = 256;
  std::size_t queue = 16'384;
  std::uint64_t scrub_rate = 8 << 20;  // bytes a second; 0 is off
};

struct Texts {
  std::optional<std::string> features, rules, policy;
};

Expected<void> read_if_given(const std::string& file, std::optional<std::string>& text) {
  if (file.empty()) return {};
  auto read = read_text_file(file);
  if (!read) return std::unexpected(read.error());
  text = std::move(*read);
  return {};
}

Expected<Texts> read_texts(const ServeOptions& options) {
  Texts texts;
  for (auto [file, text] : {std::pair(&options.features, &texts.features), std::pair(&options.rules, &texts.rules),
                            std::pair(&options.policy, &texts.policy)}) {
    if (auto read = read_if_given(*file, *text); !read) return std::unexpected(read.error());
  }
  return texts;
}

Expected<commands::EngineOptions> engine_options(const ServeOptions& options, const Texts& texts, Progress& progress) {
  commands::EngineOptions engine;
  engine.log.segment_bytes = options.segment_mib << 20;
  if (texts.features) engine.features_toml = *texts.features, engine.features_file = options.features;
  if (texts.rules) engine.rules_toml = *texts.rules, engine.rules_file = options.rules;
  if (texts.policy) {
    auto policy = commands::Policy::parse(*texts.policy, options.policy);
    if (!policy) return std::unexpected(policy.error());
    engine.policy = *policy;
  }
  engine.on_replay = [&progress](std::uint64_t done, std::uint64_t total) { progress.update(done, done, total); };
  return engine;
}

// What was given replaces what the log has in force; what is equal changes nothing.
Expected<void> activate(commands::Engine& engine, const ServeOptions& options, const Texts& texts) {
  std::vector<commands::Command> wanted;
  if (texts.policy) wanted.push_back({commands::UpdatePolicy{*texts.policy, options.policy}, {}, "serve"});
  if (texts.features) wanted.push_back({commands::ActivateFeatures{*texts.features, options.features}, {}, "serve"});
  if (texts.rules) wanted.push_back({commands::ActivateRules{*texts.rules, options.rules}, {}, "serve"});
  std::vector<commands::Reply> replies;
  for (const commands::Command& command : wanted) {
    const auto taken = engine.submit({&command, 1}, replies);
    if (!taken) return std::unexpected(taken.error());
    for (const commands::Reply& reply : replies) {
      if (reply.status == commands::ReplyStatus::applied || reply.status == commands::ReplyStatus::unchanged) continue;
      return fail(ErrorKind::invalid, reply.reasons.empty() ? "could not be activated" : reply.reasons.front().text);
    }
    if (auto settled = engine.settle(); !settled) return std::unexpected(settled.error());
  }
  return {};
}

Expected<std::unique_ptr<commands::Engine>> open_engine(eventlog::Environment& environment,
                                                        const ServeOptions& options) {
  const auto texts = read_texts(options);
  if (!texts) return std::unexpected(texts.error());
  Progress progress("replaying", "events");
  const auto how = engine_options(options, *texts, progress);
  if (!how) return std::unexpected(how.error());
  auto engine = commands::Engine::open(environment, options.data, *how);
  if (!engine) return engine;
  progress.finish();
  const eventlog::RecoveryReport& recovery = (*engine)->log().recovery();
  if (!recovery.text.empty()) spdlog::warn("{}", recovery.text);
  const commands::StateReport& state = (*engine)->state_report();
  if (!state.image_refused.empty()) {
    spdlog::warn("the image of the decision state was of no use, so the whole log was replayed: {}",
                 state.image_refused);
  } else if (state.image.value() != 0) {
    spdlog::info("decision state: its image of position {} and the {} events behind it", state.image.value(),
                 (*engine)->log().durable().value() - state.image.value());
  }
  if (auto done = activate(**engine, options, *texts); !done) return std::unexpected(done.error());
  return engine;
}

void say_ready(const api::Server& server, const ServeOptions& options, const commands::Engine& engine) {
  std::string ready = "ready: commands and queries on " + server.commands_endpoint();
  if (!server.events_endpoint().empty()) ready += ", live events on " + server.events_endpoint();
  ready += '\n';
  // Past the buffer: nobody needs to read it, and a service does not end with an error for that.
  if (::write(STDOUT_FILENO, ready.data(), ready.size()) < 0) spdlog::warn("nobody reads stdout: {}", ready);
  spdlog::info("serving {} with {} features and {} rules", options.data, engine.catalogue().size(),
               engine.rule_set().rules().size());
}

// Nothing when it is turned off. Reads cold history until its end.
std::unique_ptr<eventlog::Scrub> start_scrub(eventlog::Environment& environment, const ServeOptions& options) {
  if (options.scrub_rate == 0) return nullptr;
  eventlog::ScrubOptions how;
  how.bytes_per_second = options.scrub_rate;
  how.progress_file = std::filesystem::path(options.data) / "scrub";
  auto scrub = std::make_unique<eventlog::Scrub>(environment, log_directory(options.data), how);
  scrub->start();
  return scrub;
}

Expected<void> serve_until_stopped(const ServeOptions& options, StopSignal& signal) {
  eventlog::PosixEnvironment environment;
  auto engine = open_engine(environment, options);
  if (!engine) return std::unexpected(engine.error());
  auto models = projections::ReadModels::open(models_directory(options.data), (*engine)->log());
  if (!models) return std::unexpected(models.error());
  api::ServerOptions how;
  how.commands_endpoint = options.bind;
  how.events_endpoint = options.publish;
  how.limits.pending_replies_max = options.queue;
  const auto scrub = start_scrub(environment, options);
  if (scrub) how.scrub = [&scrub] { return scrub->status(); };
  {
    auto server = api::Server::open(**engine, **models, how);
    if (!server) return std::unexpected(server.error());
    signal.on_stop([&server] { (*server)->stop(); });
    say_ready(**server, options, **engine);
    const auto served = (*server)->run();
    // A second signal still ends the process, so that nothing has to be waited for below.
    signal.on_stop([] {});
    if (!served) return served;
  }
  spdlog::info("stopping: all that was accepted is answered");
  // They take in all that is durable, so that whoever opens them next sees it; a parked one stays where it is.
  static_cast<void>((*models)->flush());
  if (auto closed = (*models)->close(); !closed) return closed;
  return (*engine)->close();
}

int serve(const ServeOptions& options) {
#ifdef VIGIL_NO_CHAIN
  return print_error({ErrorKind::invalid,
                      "this build leaves the hash chain out, to measure what it costs; it must not "
                      "serve: build without -DVIGIL_NO_CHAIN=ON"});
#endif
  std::signal(SIGPIPE, SIG_IGN);  // whoever read its messages may leave: they are lost, the service goes on
  spdlog::set_default_logger(spdlog::stderr_color_mt("vigil"));
  StopSignal signal;
  const auto served = serve_until_stopped(options, signal);
  return served ? kDone : print_error(served.error());
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "decide what arrives over ZeroMQ, answer queries, publish events");
  command->add_option("--data", options->data, "data directory; created when missing")->required();
  command->add_option("--bind", options->bind, "endpoint for commands and queries; port * chooses one")
      ->capture_default_str();
  command->add_option("--publish", options->publish, "endpoint for live events; \"\" publishes none")
      ->capture_default_str();
  command->add_option("--features", options->features, "feature catalogue to put in force (TOML)");
  command->add_option("--rules", options->rules, "rule set to put in force (TOML)");
  command->add_option("--policy", options->policy, "validation policy to put in force (TOML)");
  add_segment_mib(*command, options->segment_mib);
  command->add_option("--queue", options->queue, "messages that may wait for the disk; more are answered busy")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--scrub-rate", options->scrub_rate,
                   "bytes per second, such as 8MiB, at which cold log segments are read and checked in the "
                   "background, once a day; 0 for never")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("8MiB");
  example(*command, "build/vigil serve --data " + std::string(kExampleData));
  command->callback([options, &exit_code] { exit_code = serve(*options); });
}

}  // namespace vigil::tools
