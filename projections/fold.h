// Reading the log once for any number of models.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "eventlog/storage/log.h"
#include "projections/hosted_model.h"

namespace vigil::projections {

// Reads events in batches and applies them to every model that has not seen them; nothing is committed here but
// what a full overlay asks for. Events of a type no model folds are passed over undecoded. The others are decoded a
// few ahead, so that the models' entries are on their way from memory when their turn comes. Not thread-safe.
class Fold {
 public:
  // What one batch came to.
  struct Batch {
    std::size_t read = 0;     // events read, those passed over too
    std::size_t decoded = 0;  // of the last reading ahead, in readers_
    bool ended = false;       // nothing durable follows, or an error
    std::optional<Error> undecodable, unreadable;
    std::uint16_t undecodable_type = 0;
  };

  // Begins after the lowest position the models have applied.
  static Expected<Fold> begin(const eventlog::LogSource& log, std::vector<HostedModel*> models);
  // Begins after `at`, for no model yet.
  static Expected<Fold> begin_after(const eventlog::LogSource& log, Position at);

  // Applies what is durable, at most `count` events and none after `until`. How many there were; fewer than
  // `count` means the end. An error is the log's (the models then stay as they are) or, when an event cannot
  // be decoded, has parked them all.
  Expected<std::size_t> apply_batch(std::size_t count, Position until);
  // The same for a caller that holds the locks of all models and draws the consequences itself.
  Batch apply_locked(std::size_t count, Position until);
  // After an event that could not be decoded, once those it concerns were removed: goes on behind it.
  void pass_undecodable() { at_ = next(at_); }

  // `model` has seen at least what was read here. The order of models is that of their locks.
  void insert(std::size_t place, HostedModel& model);
  void remove(const HostedModel& model);

  // From now on: the time each model takes, in spent(), by model in their order.
  void measure() { spent_.assign(models_.size(), std::chrono::nanoseconds(0)); }
  void measure_no_more() { spent_.clear(); }
  const std::vector<std::chrono::nanoseconds>& spent() const { return spent_; }

  // Position of the event read last.
  Position at() const { return at_; }
  eventlog::Cursor& cursor() { return *cursor_; }

 private:
  Fold(const eventlog::LogSource& log, std::vector<HostedModel*> models);
  void choose_types();
  void read_ahead(std::size_t count, Position until, Batch& batch);
  void apply(std::size_t decoded);
  void apply_to(HostedModel& model, std::size_t decoded);

  std::vector<HostedModel*> models_;
  std::vector<EventReader> readers_;
  std::vector<const Event*> ahead_;  // by reader
  EventTypes wanted_ = 0;
  bool labelled_wanted_ = false;
  std::vector<std::chrono::nanoseconds> spent_;  // empty when not measuring
  std::unique_ptr<eventlog::Cursor> cursor_;
  Position at_;
};

// Whether a model that folds `wanted` folds events of `type`, or must not pass them over because nobody knows them.
bool concerns(EventTypes wanted, std::uint16_t type);

}  // namespace vigil::projections
