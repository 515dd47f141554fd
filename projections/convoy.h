// The thread that follows the log for all models that keep up.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "eventlog/storage/log.h"
#include "projections/fold.h"

namespace vigil::projections {

using Clock = std::function<std::chrono::steady_clock::time_point()>;

// What the convoy needs to know of a model's own thread. dismissed() and folded() come from the convoy's thread and
// must not call it.
class ConvoyMember {
 public:
  virtual HostedModel& hosted() = 0;
  virtual std::size_t rank() const = 0;  // no two members have the same; the locks of models are taken in this order
  // A batch has been applied, perhaps an empty one.
  virtual void folded(std::chrono::steady_clock::time_point now) = 0;
  // The model is left to its own thread: it fails, is full, holds the others up, or an event of its types cannot be
  // decoded. The convoy touches it no more.
  virtual void dismissed() = 0;

 protected:
  ~ConvoyMember() = default;
};

// Models that stand at the same position, folded together: each event is read, checked and decoded once, by one
// thread that wakes once. Who cannot keep up leaves, follows the log alone, and joins again when it has caught up;
// so none holds up the others for longer than its lock is patiently waited for, or than it takes to find that it is the
// reason why the convoy falls behind.
// join(), leave() and hurry() belong to the members' threads.
class Convoy {
 public:
  // It begins after `at`, or where its first member stands.
  Convoy(const eventlog::LogSource& log, Position at, Clock clock);
  ~Convoy();  // all members have left

  // Folds `member`'s model from now on, until dismissed() or leave(). False when the two stand too far apart, or the
  // log cannot be read: nothing has changed then.
  bool join(ConvoyMember& member);
  // Afterwards the convoy does not touch the model, also if it was dismissed before.
  void leave(ConvoyMember& member);
  // While someone waits the convoy does not rest between small batches.
  void hurry();
  void hurry_no_more() { --hurries_; }
  // How many models it folds now. Thread-safe.
  std::size_t size();

 private:
  class Call;
  void run();
  bool round();
  std::vector<std::unique_lock<std::shared_mutex>> lock_members();
  std::unique_lock<std::shared_mutex> lock_patiently(HostedModel& model);
  void dismiss(ConvoyMember& member);
  void dismiss_slow();
  template <class Wanted>
  void dismiss_if(Wanted wanted);
  void rest(bool some);
  bool near(Position position) const;
  bool catch_up(HostedModel& model);

  const eventlog::LogSource& log_;
  Clock clock_;
  std::mutex guard_;  // held while folding; of the next five
  std::condition_variable changed_;
  std::optional<Fold> fold_;
  std::vector<ConvoyMember*> members_;  // by rank
  std::size_t lagging_batches_ = 0;     // in a row
  bool watching_ = false;               // the convoy's thread waits at the cursor, outside the guard
  std::atomic<std::size_t> calls_{0};   // join() and leave() under way: they go before the next batch
  std::atomic<std::uint64_t> at_;       // of fold_
  std::atomic<std::size_t> hurries_{0};
  std::atomic<bool> stopping_{false};
  std::mutex rest_guard_;
  std::condition_variable rest_over_;
  std::thread thread_;
};

// Which model takes so much of the time that the others would be rid of most of it without this one; none when the
// time is spread.
std::optional<std::size_t> slow_one(const std::vector<std::chrono::nanoseconds>& spent);

// A thread of read models steps back before others and has a name that an operator sees.
void begin_model_thread(const std::string& name);

}  // namespace vigil::projections
