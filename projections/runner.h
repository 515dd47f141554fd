// The thread that follows the log for one model.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "eventlog/storage/log.h"
#include "projections/hosted_model.h"

namespace vigil::projections {

// Reads events in batches and applies them to every model that has not seen them; nothing is committed here but
// what a full overlay asks for. Events of a type no model folds are passed over undecoded. The others are decoded a
// few ahead, so that the models' entries are on their way from memory when their turn comes. Not thread-safe.
class Fold {
 public:
  // Begins after the lowest position the models have applied.
  static Expected<Fold> begin(const eventlog::LogSource& log, std::vector<HostedModel*> models);

  // Applies what is durable, at most `count` events and none after `until`. How many there were; fewer than
  // `count` means the end. An error is the log's (the models then stay as they are) or, when an event cannot
  // be decoded, has parked them all.
  Expected<std::size_t> apply_batch(std::size_t count, Position until);
  // Position of the event read last.
  Position at() const { return at_; }
  eventlog::Cursor& cursor() { return *cursor_; }

 private:
  // What one reading ahead came to.
  struct Stretch {
    std::size_t read = 0;    // events read, those passed over too
    std::size_t events = 0;  // of them decoded, in readers_
    bool ended = false;      // nothing durable follows, or an error
    std::optional<Error> undecodable, unreadable;
  };

  Fold(const eventlog::LogSource& log, std::vector<HostedModel*> models);
  void choose_types();
  Stretch read_ahead(std::size_t count, Position until);
  void apply(const Stretch& stretch);

  std::vector<HostedModel*> models_;
  std::vector<EventReader> readers_;
  std::vector<const Event*> ahead_;  // by reader
  EventTypes wanted_ = 0;
  bool labelled_wanted_ = false;
  std::unique_ptr<eventlog::Cursor> cursor_;
  Position at_;
};

struct RunnerOptions {
  std::chrono::milliseconds flush_age{1000};
  std::function<std::chrono::steady_clock::time_point()> clock;
};

// Owns a model and its thread from construction to stop(). Thread-safe but for stop().
class Runner {
 public:
  Runner(const eventlog::LogSource& log, std::unique_ptr<HostedModel> model, RunnerOptions options);
  ~Runner();  // stop()

  // Folds all that is durable now and commits it. Error: the model is parked or stopped.
  Expected<void> flush();
  // Waits until queries see `position`; false after `timeout` or when it is parked or stopped before.
  bool wait_for(Position position, std::chrono::milliseconds timeout);
  // Commits what is folded, syncs, ends the thread.
  Expected<void> stop();

  const HostedModel& model() const { return *model_; }

 private:
  void run();
  void follow(Fold& fold);
  void commit_when_due();
  void rest(Fold& fold, std::size_t applied);
  bool stopping() const;

  const eventlog::LogSource& log_;
  std::unique_ptr<HostedModel> model_;
  RunnerOptions options_;
  mutable std::mutex guard_;  // of the next four
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t flushes_wanted_ = 0, flushes_done_ = 0;
  std::size_t waiters_ = 0;
  std::optional<Expected<void>> end_;  // what stopping came to
  std::optional<std::chrono::steady_clock::time_point> oldest_uncommitted_;
  std::thread thread_;
};

}  // namespace vigil::projections
