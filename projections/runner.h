// The thread of one model: it commits while the convoy folds, and follows the log alone when it must.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "eventlog/storage/log.h"
#include "projections/convoy.h"
#include "projections/fold.h"
#include "projections/hosted_model.h"

namespace vigil::projections {

// When a model commits: at most once per `age`, and each model at a moment of its own, so that not all of them
// write at once. An event waits for its commit no longer than `age`.
struct CommitSlots {
  std::chrono::steady_clock::time_point origin;
  std::chrono::nanoseconds age{};
  std::chrono::nanoseconds phase{};  // below `age`
  // The first slot behind `now`.
  std::chrono::steady_clock::time_point after(std::chrono::steady_clock::time_point now) const;
};

// Owns a model and its thread from construction to stop(). Thread-safe but for stop().
class Runner final : private ConvoyMember {
 public:
  // `rank` as ConvoyMember wants it. `convoy` outlives the runner.
  Runner(const eventlog::LogSource& log, std::unique_ptr<HostedModel> model, Convoy& convoy, std::size_t rank,
         CommitSlots slots, Clock clock);
  ~Runner();  // stop()

  // Folds all that is durable now and commits it. Error: the model is parked or stopped.
  Expected<void> flush();
  // Waits until queries see `position`; false after `timeout` or when it is parked or stopped before.
  bool wait_for(Position position, std::chrono::milliseconds timeout);
  // Commits what is folded, syncs, ends the thread.
  Expected<void> stop();

  const HostedModel& model() const { return *model_; }

 private:
  class Waiter;
  HostedModel& hosted() override { return *model_; }
  std::size_t rank() const override { return rank_; }
  void folded(std::chrono::steady_clock::time_point now) override;
  void dismissed() override;

  void run();
  bool join();
  void follow_alone();
  void ride();
  bool reached(std::unique_lock<std::mutex>& held, Position position);
  void commit_riding();
  void note_batch(std::chrono::steady_clock::time_point now);
  void rest(Fold& fold, std::size_t applied);
  bool stopping() const;

  const eventlog::LogSource& log_;
  std::unique_ptr<HostedModel> model_;
  Convoy& convoy_;
  std::size_t rank_;
  CommitSlots slots_;
  Clock clock_;
  mutable std::mutex guard_;  // of the next seven
  std::condition_variable changed_;
  bool stopping_ = false;
  bool riding_ = false;  // with the convoy
  std::uint64_t flushes_wanted_ = 0, flushes_done_ = 0;
  std::size_t waiters_ = 0;
  std::optional<std::chrono::steady_clock::time_point> due_;  // of the commit of what is folded and uncommitted
  bool commit_due_ = false;
  std::optional<Expected<void>> end_;  // what stopping came to
  std::thread thread_;
};

}  // namespace vigil::projections
