#include "commands/engine.h"

#include "commands/recorder.h"
#include "commands/state_image.h"
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
constexpr const char* kImageFile = "decision_state.image";

std::size_t record_bytes_max(const eventlog::LogOptions& options) {
  return std::min(options.frame_bytes_max, options.segment_bytes / 4) / 2;
}

class LiveEngine : public Engine {
 public:
  LiveEngine(eventlog::Environment& environment, std::unique_ptr<eventlog::Log> log, std::filesystem::path image,
             const EngineOptions& options)
      : environment_(environment),
        log_(std::move(log)),
        image_(std::move(image)),
        recorder_(environment, *log_, record_bytes_max(options.log)),
        images_(environment, *log_, image_, options.image_interval_bytes) {}

  Expected<void> start(const EngineOptions& options) {
    Expected<RestoredState> restored;
    Expected<void> nothing_behind;
    {
      // Comes from the disk, and takes about as long as the state.
      const auto looking = environment_.start_thread([&] { nothing_behind = log_->look_behind(); });
      restored = restore_state(environment_, image_, *log_, recorder_.undurable_bytes_max(), options.on_replay);
    }
    if (!nothing_behind) return nothing_behind;
    if (restored) {
      report_.image = restored->begun.position;
      recorder_.take_over(std::move(restored->state));
      images_.restored_from(restored->begun, restored->image_bytes, recorder_.state_number());
      return {};
    }
    if (restored.error().kind != ErrorKind::not_found) report_.image_refused = restored.error().text;
    if (auto replayed = recorder_.replay(options.on_replay); !replayed) return replayed;
    if (!recorder_.state().has_policy() || recorder_.state().rule_set() == nullptr) {
      if (auto begun = recorder_.bootstrap(options); !begun) return begun;
    }
    images_.take_if_due(recorder_.state(), recorder_.state_number());
    return {};
  }

  Expected<std::size_t> submit(std::span<const Command> commands, std::vector<Reply>& replies) override {
    replies.clear();
    texts_.clear();
    recorder_.forget_earlier_rule_sets();
    std::size_t taken = 0, announced = std::min(announced_, commands.size());
    for (; taken < commands.size(); ++taken) {
      if (announced == commands.size()) recorder_.prefetch_nothing();
      for (; announced < std::min(commands.size(), taken + 1 + kPrefetchAhead); ++announced) {
        recorder_.prefetch(commands[announced]);
      }
      const std::size_t needed = recorder_.bytes_needed(commands[taken]);
      const eventlog::FrameBuilder& frame = log_->builder();
      if (frame.bytes_free() < needed && !frame.empty() && !log_->try_commit()) break;
      auto reply = recorder_.record(commands[taken], texts_);
      if (!reply) return std::unexpected(reply.error());
      replies.push_back(*reply);
      texts_.close_reply();
    }
    texts_.resolve(replies);
    images_.advance(recorder_.state(), recorder_.state_number());
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
  const StateReport& state_report() const override { return report_; }
  eventlog::Log& log() override { return *log_; }
  const rules::Catalogue& catalogue() const override { return *recorder_.state().catalogue(); }
  const rules::RuleSet& rule_set() const override { return *recorder_.state().rule_set(); }
  const Policy& policy() const override { return recorder_.state().policy(); }
  rules::DecisionState& state() override { return recorder_.state().decision(); }

 private:
  eventlog::Environment& environment_;
  std::unique_ptr<eventlog::Log> log_;
  std::filesystem::path image_;
  Recorder recorder_;
  StateImages images_;
  StateReport report_;
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
  // What a read model or the state's image has seen was durable: asked before recovery may cut anything.
  const projections::NewestCheckpoint seen = projections::newest_checkpoint(data_directory / "models");
  eventlog::LogOptions log_options = options.log;
  if (seen.position > log_options.known_durable) {
    log_options.known_durable = seen.position;
    log_options.known_durable_of = seen.log_id;
  }
  const std::filesystem::path image = data_directory / "models" / kImageFile;
  if (const auto summary = peek_summary(environment, image);
      summary && summary->ended.position > log_options.known_durable) {
    log_options.known_durable = summary->ended.position;
    log_options.known_durable_of = summary->log_id;
  }
  log_options.look_behind_later = true;
  auto log = eventlog::Log::open(environment, data_directory / "log", log_options);
  if (!log) return std::unexpected(log.error());
  auto engine = std::make_unique<LiveEngine>(environment, std::move(*log), image, options);
  if (auto started = engine->start(options); !started) return std::unexpected(started.error());
  return engine;
}

}  // namespace vigil::commands
