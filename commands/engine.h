// The write side in one object: takes commands in order, decides, records, and says when it is durable.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "commands/command.h"
#include "commands/policy.h"
#include "eventlog/storage/log.h"
#include "rules/features/decision_state.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

struct EngineOptions {
  eventlog::LogOptions log;
  // Used when the log has none yet; "" means the built-in defaults.
  std::string features_toml, features_file = "built-in features";
  std::string rules_toml, rules_file = "built-in rules";
  Policy policy;
  // How much the log grows between two images of the state (state_image.h), which a start begins from. 0: none is
  // taken.
  std::uint64_t image_interval_bytes = 64ull << 20;
  // Called while the state is replayed at open: events done, events in all.
  std::function<void(std::uint64_t, std::uint64_t)> on_replay;
};

// Where the state at open came from.
struct StateReport {
  eventlog::Position image;   // of the image it began from; 0: it is a replay of the whole log
  std::string image_refused;  // why an image that was there was of no use; "" otherwise
};

enum class ReplyStatus : std::uint8_t {
  decided,      // outcome, score and matched are set
  conflict,     // the id is known with other content; outcome … are those of the recorded decision
  quarantined,  // reasons are set; position is the quarantine event's
  applied,      // a label, update or activation was recorded
  unchanged,    // it was already so; nothing was appended
  refused,      // a text that does not parse, a policy that cannot be: reasons are set, nothing was appended
};
std::string_view name(ReplyStatus status);

// Views live until the next call of submit().
struct Reply {
  ReplyStatus status = ReplyStatus::decided;
  bool repeat = false;  // decided earlier; this is the recorded answer
  std::string_view transaction_id;
  eventlog::Outcome outcome = eventlog::Outcome::approve;
  std::int32_t score = 0;
  std::span<const std::uint16_t> matched;    // indexes into `rule_set`
  const rules::RuleSet* rule_set = nullptr;  // by which it was decided
  eventlog::Position position;               // of the event that answers; 0 when there is none
  std::span<const Reason> reasons;
};
// A reply may leave once the log's durable position has reached `Reply::position`.

// Not thread-safe: one thread owns it. The log it holds may be read by any thread (log()).
class Engine {
 public:
  // Opens DIR/log, which must reach what the read models and the state's image in DIR/models have seen. The decision
  // state comes from that image and the events behind it; without a trustworthy image, from a replay of the whole log.
  // Errors as Log::open, and `damaged` when an event cannot be folded.
  static eventlog::Expected<std::unique_ptr<Engine>> open(eventlog::Environment& environment,
                                                          const std::filesystem::path& data_directory,
                                                          const EngineOptions& options);
  virtual ~Engine() = default;

  // Decides `commands` in order and appends one Reply each to `replies` (cleared first). Takes fewer when the
  // frame being built is full and a commit is under way; returns how many were taken. Call again with the
  // rest after the next commit. Error: damaged or io when the log cannot be read, poisoned; nothing of the
  // batch may be answered then.
  virtual eventlog::Expected<std::size_t> submit(std::span<const Command> commands, std::vector<Reply>& replies) = 0;

  // Says which commands the next calls of submit() will bring, in order, so that the state they need is on its way to
  // the cache while the caller is busy with something else, such as parsing the next ones. No visible effect.
  virtual void announce(std::span<const Command> commands) = 0;

  // Hands over what is built if no commit is under way. True when a commit was started.
  virtual bool try_commit() = 0;
  // Waits until all that was submitted is durable.
  virtual eventlog::Expected<eventlog::Position> settle() = 0;
  // Settles and closes the log cleanly.
  virtual eventlog::Expected<void> close() = 0;

  virtual const StateReport& state_report() const = 0;
  virtual eventlog::Log& log() = 0;
  virtual const rules::Catalogue& catalogue() const = 0;
  virtual const rules::RuleSet& rule_set() const = 0;
  virtual const Policy& policy() const = 0;
  virtual rules::DecisionState& state() = 0;
};

}  // namespace vigil::commands
