// Turns commands into events and replies: the one place where the write side appends.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/command.h"
#include "commands/decide.h"
#include "commands/engine.h"
#include "commands/reply_texts.h"
#include "commands/write_state.h"
#include "eventlog/storage/log.h"

namespace vigil::commands {

// Not thread-safe. record() needs room in the frame being built: bytes_needed() of the command, or an empty frame.
class Recorder {
 public:
  Recorder(eventlog::Environment& environment, eventlog::Log& log, std::size_t record_bytes_max);

  // Replays the log into fresh state; called at open and after new features or a new policy.
  eventlog::Expected<void> replay(const std::function<void(std::uint64_t, std::uint64_t)>& progress);
  // Takes over a state that was restored as of the newest durable event.
  void take_over(std::unique_ptr<WriteState> state);
  // The replies so far are of no use any more: nobody points into rule sets of earlier states.
  void forget_earlier_rule_sets() { earlier_rule_sets_.clear(); }
  // How far behind the newest event the log may not be durable yet.
  std::uint64_t undurable_bytes_max() const;
  // Counts the states there were: another number, another state.
  std::uint64_t state_number() const { return state_number_; }
  // Records what is missing of a policy, features and rules. Followed by a replay.
  eventlog::Expected<void> bootstrap(const EngineOptions& options);

  // Brings what a transaction will touch towards the cache.
  void prefetch(const Command& command) const;
  void prefetch_nothing() const { state_->decision().prefetch_nothing(); }  // no command follows
  std::size_t bytes_needed(const Command& command) const;
  // Appends the events of `command`, if any. The reply's spans are ranges in `texts` until resolved.
  eventlog::Expected<Reply> record(const Command& command, ReplyTexts& texts);

  WriteState& state() { return *state_; }
  const WriteState& state() const { return *state_; }

 private:
  using Result = eventlog::Expected<Reply>;

  Result dispatch(const Command& command, ReplyTexts& texts);
  Result submit(const SubmitTransaction& command, const Command& whole, ReplyTexts& texts);
  Result decide_and_record(const eventlog::Transaction& transaction, std::int64_t amount_base_minor, ReplyTexts& texts);
  void raise_alerts(const eventlog::TransactionDecided& event, eventlog::Position decided_at);
  Result report(const ReportLabel& command, const Command& whole, ReplyTexts& texts);
  Result update(const eventlog::CustomerUpdated& event);
  Result update(const eventlog::MerchantUpdated& event);
  Result update(const eventlog::ListUpdated& event, ReplyTexts& texts);
  Result update(const eventlog::RateUpdated& event, ReplyTexts& texts);
  Result update(const UpdatePolicy& command, ReplyTexts& texts);
  Result activate(const ActivateFeatures& command, ReplyTexts& texts);
  Result activate(const ActivateRules& command, ReplyTexts& texts);
  Result quarantine(const Command& whole, std::string_view transaction_id, std::vector<Reason> reasons,
                    ReplyTexts& texts);
  Result answer_recorded(const eventlog::Record& record, const eventlog::TransactionDecided& event, ReplyStatus status,
                         ReplyTexts& texts);
  Result refuse(std::string_view code, std::string_view field, std::string text, ReplyTexts& texts);

  // The decided event of a transaction id: from memory while it was not forgotten, and on request from the whole log.
  struct Known {
    eventlog::Record record;
    eventlog::TransactionDecided event;
  };
  eventlog::Expected<std::optional<Known>> recall(std::string_view id) const;
  eventlog::Expected<std::optional<Known>> recall_from_history(std::string_view id) const;
  struct KnownLabel {
    eventlog::Position position;
    eventlog::LabelKind kind;
    eventlog::EventTime reported_at;
  };
  struct KnownLabels {
    std::optional<KnownLabel> newest;          // the one that holds
    std::optional<eventlog::Position> repeat;  // of the label that is being reported
  };
  eventlog::Expected<KnownLabels> known_labels(const ReportLabel& command) const;

  eventlog::FrameBuilder& frame();  // begun, with an ingest time
  // Whether the events fit into the frame being built.
  template <class... Events>
  bool fit(const Events&... events) {
    return (record_bytes_max(events) + ...) <= frame().bytes_free();
  }
  template <class Event>
  static std::size_t record_bytes_max(const Event& event) {
    return bytes_max(event) + 8;  // payloads are rounded up
  }
  eventlog::Expected<void> settle_and_replay();

  eventlog::Environment& environment_;
  eventlog::Log& log_;
  std::size_t record_bytes_max_;
  std::unique_ptr<WriteState> state_;
  std::uint64_t state_number_ = 0;
  std::vector<std::unique_ptr<rules::RuleSet>> earlier_rule_sets_;  // of states that ended since the last batch
  Decider decider_;
  std::vector<Reason> reasons_;
  eventlog::Position newest_;  // of all replies so far: what an answer about the present has to wait for
};

}  // namespace vigil::commands
