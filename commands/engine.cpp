#include "commands/engine.h"

#include "commands/recorder.h"
#include "eventlog/storage/environment.h"
#include "projections/newest_checkpoint.h"

namespace vigil::commands {

using eventlog::ErrorKind;
using eventlog::Expected;

namespace {

// A frame is at most a quarter of a segment and must hold the largest record twice (log.h).
constexpr std::uint64_t kSegmentBytesMin = 4ull << 20;
// How many transactions ahead their state is brought into the cache, and how many may be announced before they are
// submitted: what they touch must stay in the second level.
constexpr std::size_t kPrefetchAhead = 16;
constexpr std::size_t kAnnouncedMax = 64;

std::size_t record_bytes_max(const eventlog::LogOptions& options) {
  return std::min(options.frame_bytes_max, options.segment_bytes / 4) / 2;
}

class LiveEngine : public Engine {
 public:
  LiveEngine(eventlog::Environment& environment, std::unique_ptr<eventlog::Log> log, std::size_t record_max)
      : log_(std::move(log)), recorder_(environment, *log_, record_max) {}

  Expected<void> start(const EngineOptions& options) {
    if (auto replayed = recorder_.replay(options.on_replay); !replayed) return replayed;
    if (recorder_.state().has_policy() && recorder_.state().rule_set() != nullptr) return {};
    return recorder_.bootstrap(options);
  }

  Expected<std::size_t> submit(std::span<const Command> commands, std::vector<Reply>& replies) override {
    replies.clear();
    texts_.clear();
    std::size_t taken = 0, announced = std::min(announced_, commands.size());
    for (; taken < commands.size(); ++taken) {
      if (announced == commands.size()) recorder_.prefetch_nothing();
      for (; announced < std::min(commands.size(), taken + 1 + kPrefetchAhead); ++announced) {
        recorder_.prefetch(commands[announced]);
      }
      const std::size_t needed = recorder_.bytes_needed(commands[taken]);
      if (log_->builder().bytes_free() < needed && !log_->try_commit()) break;
      auto reply = recorder_.record(commands[taken], texts_);
      if (!reply) return std::unexpected(reply.error());
      replies.push_back(*reply);
      texts_.close_reply();
    }
    texts_.resolve(replies);
    announced_ = std::max(announced, announced_) - taken;
    return taken;
  }

  void announce(std::span<const Command> commands) override {
    for (const Command& command : commands.first(std::min(commands.size(), kAnnouncedMax - announced_))) {
      recorder_.prefetch(command);
      ++announced_;
    }
  }

  bool try_commit() override { return log_->try_commit(); }
  Expected<eventlog::Position> settle() override { return log_->settle(); }
  Expected<void> close() override { return log_->close(); }
  eventlog::Log& log() override { return *log_; }
  const rules::Catalogue& catalogue() const override { return *recorder_.state().catalogue(); }
  const rules::RuleSet& rule_set() const override { return *recorder_.state().rule_set(); }
  const Policy& policy() const override { return recorder_.state().policy(); }
  rules::DecisionState& state() override { return recorder_.state().decision(); }

 private:
  std::unique_ptr<eventlog::Log> log_;
  Recorder recorder_;
  ReplyTexts texts_;
  std::size_t announced_ = 0;  // of the commands that come next
};

}  // namespace

std::string_view name(ReplyStatus status) {
  switch (status) {
    case ReplyStatus::decided: return "decided";
    case ReplyStatus::conflict: return "conflict";
    case ReplyStatus::quarantined: return "quarantined";
    case ReplyStatus::applied: return "applied";
    case ReplyStatus::unchanged: return "unchanged";
    case ReplyStatus::refused: return "refused";
  }
  return "";
}

Expected<std::unique_ptr<Engine>> Engine::open(eventlog::Environment& environment,
                                               const std::filesystem::path& data_directory,
                                               const EngineOptions& options) {
  if (options.log.segment_bytes < kSegmentBytesMin) {
    return eventlog::fail(ErrorKind::invalid,
                          "segments must be at least " + std::to_string(kSegmentBytesMin >> 20) + " MiB");
  }
  // What a read model has seen was durable: asked before recovery may cut anything.
  const projections::NewestCheckpoint seen = projections::newest_checkpoint(data_directory / "models");
  eventlog::LogOptions log_options = options.log;
  if (seen.position > log_options.known_durable) {
    log_options.known_durable = seen.position;
    log_options.known_durable_of = seen.log_id;
  }
  auto log = eventlog::Log::open(environment, data_directory / "log", log_options);
  if (!log) return std::unexpected(log.error());
  auto engine = std::make_unique<LiveEngine>(environment, std::move(*log), record_bytes_max(options.log));
  if (auto started = engine->start(options); !started) return std::unexpected(started.error());
  return engine;
}

}  // namespace vigil::commands
