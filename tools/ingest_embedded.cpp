// Ingest into a data directory that this process owns: decide here, record durably, follow with read models.
#include <span>

#include "commands/read_ahead.h"
#include "eventlog/storage/posix_environment.h"
#include "projections/read_models.h"
#include "tools/commit_wait.h"
#include "tools/data_directory.h"
#include "tools/ingest.h"
#include "tools/interruption.h"
#include "tools/progress.h"

namespace vigil::tools {
namespace {

using commands::Command;
using commands::Engine;
using eventlog::Expected;

constexpr std::uint64_t kMiB = 1 << 20;

commands::EngineOptions engine_options(const IngestOptions& options) {
  commands::EngineOptions engine;
  engine.log.segment_bytes = options.segment_mib * kMiB;
  // A new log begins with these; an old one gets them as activations.
  if (options.features) {
    engine.features_toml = options.features->text;
    engine.features_file = options.features->name;
  }
  if (options.rules) {
    engine.rules_toml = options.rules->text;
    engine.rules_file = options.rules->name;
  }
  auto progress = std::make_shared<Progress>("reading the log", "events");
  engine.on_replay = [progress](std::uint64_t done, std::uint64_t all) { progress->update(done, done, all); };
  return engine;
}

// One run over an open engine.
class Run {
 public:
  Run(Engine& engine, const IngestOptions& options) : engine_(engine), options_(options), commits_(engine.log()) {}

  Expected<IngestSummary> over(commands::InputReader& reader) {
    const std::string map_policy = reader.policy() ? reader.policy()->to_toml() : "";
    const auto wanted = activations(options_, map_policy);
    if (auto done = submit(wanted); !done) return std::unexpected(done.error());
    if (auto in_force = summary_.all_in_force(wanted.size()); !in_force) return std::unexpected(in_force.error());
    const std::uint64_t bytes_total = reader.bytes_total();
    commands::ReadAhead input([&]() -> Expected<commands::ReadAhead::Batch> {
      const auto read = reader.read(options_.batch);
      if (!read) return std::unexpected(read.error());
      return commands::ReadAhead::Batch{*read, reader.bytes_done()};
    });
    while (!interruption_.requested()) {
      const auto batch = input.next();
      if (!batch) return std::unexpected(batch.error());
      if (batch->commands.empty()) return summary_;
      if (auto done = submit(batch->commands); !done) return std::unexpected(done.error());
      progress_.update(summary_.transactions(), batch->bytes_done, bytes_total);
    }
    summary_.interrupted = true;
    return summary_;
  }

  double seconds() const { return progress_.seconds(); }

 private:
  Expected<void> submit(std::span<const Command> commands) {
    while (!commands.empty()) {
      const auto taken = engine_.submit(commands, replies_);
      if (!taken) return std::unexpected(taken.error());
      for (std::size_t n = 0; n < *taken; ++n) count(commands[n], replies_[n]);
      commands = commands.subspan(*taken);
      if (engine_.try_commit() || commands.empty()) continue;
      if (auto committed = commits_.wait(); !committed) return committed;
    }
    return {};
  }

  void count(const Command& command, const commands::Reply& reply) {
    Answer answer{reply.status, reply.repeat, reply.outcome, {}, {}};
    if (!reply.reasons.empty()) {
      answer.reason_code = reply.reasons.front().code;
      answer.reason_text = reply.reasons.front().text;
    }
    summary_.count(asked(command), command.source, answer);
  }

  Engine& engine_;
  const IngestOptions& options_;
  CommitWait commits_;
  Interruption interruption_;
  Progress progress_{"ingesting", "transactions"};
  std::vector<commands::Reply> replies_;
  IngestSummary summary_;
};

Expected<void> close_models(projections::ReadModels& models) {
  if (auto flushed = models.flush(); !flushed) return flushed;
  for (const projections::ModelStatus& status : models.status()) {
    if (status.state != projections::ModelState::parked) continue;
    return eventlog::fail(eventlog::ErrorKind::damaged,
                          "read model " + status.name + " is parked: " + status.reason +
                              "; the log is complete, `vigil rebuild` makes the model anew");
  }
  return models.close();
}

}  // namespace

Expected<IngestSummary> ingest_embedded(const IngestOptions& options, commands::InputReader& reader) {
  eventlog::PosixEnvironment environment;
  auto engine = Engine::open(environment, options.data, engine_options(options));
  if (!engine) return std::unexpected(engine.error());
  if (const auto& recovery = (*engine)->log().recovery(); !recovery.text.empty()) {
    std::fprintf(stderr, "%s\n", recovery.text.c_str());
  }
  // What opening appended (the first policy, features and rules) is not this stream's.
  const auto begun = (*engine)->settle();
  if (!begun) return std::unexpected(begun.error());
  auto models = projections::ReadModels::open(models_directory(options.data), (*engine)->log());
  if (!models) return std::unexpected(models.error());

  Run run(**engine, options);
  auto summary = run.over(reader);
  // Also after a bad input file: what was decided so far becomes durable and stays.
  const auto durable = (*engine)->settle();
  if (!durable) return std::unexpected(durable.error());
  if (!summary) return summary;
  summary->seconds = run.seconds();
  if (auto closed = close_models(**models); !closed) return std::unexpected(closed.error());
  summary->durable_position = durable->value();
  summary->alerts = durable->value() - begun->value() - summary->events();
  if (auto closed = (*engine)->close(); !closed) return std::unexpected(closed.error());
  return summary;
}

}  // namespace vigil::tools
