#include "projections/runner.h"

#include <algorithm>
#include <utility>

#include "projections/pace.h"

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;
using eventlog::ErrorKind;
using eventlog::fail;

}  // namespace

std::chrono::steady_clock::time_point CommitSlots::after(std::chrono::steady_clock::time_point now) const {
  if (age <= 0ns) return now;
  const auto passed = now - origin - phase;
  const auto whole = passed < 0ns ? -1 : passed / age;
  return origin + phase + std::chrono::duration_cast<std::chrono::steady_clock::duration>((whole + 1) * age);
}

// Someone waits for this model: neither it nor the convoy rests, and it tells when it has come further.
class Runner::Waiter {
 public:
  explicit Waiter(Runner& runner) : runner_(runner) {
    runner_.convoy_.hurry();
    held_ = std::unique_lock(runner_.guard_);
    ++runner_.waiters_;
    runner_.changed_.notify_all();
  }
  ~Waiter() {
    --runner_.waiters_;
    runner_.convoy_.hurry_no_more();
  }
  std::unique_lock<std::mutex>& held() { return held_; }

 private:
  Runner& runner_;
  std::unique_lock<std::mutex> held_;
};

Runner::Runner(const eventlog::LogSource& log, std::unique_ptr<HostedModel> model, Convoy& convoy, std::size_t rank,
               CommitSlots slots, Clock clock)
    : log_(log), model_(std::move(model)), convoy_(convoy), rank_(rank), slots_(slots), clock_(std::move(clock)) {
  thread_ = std::thread([this] { run(); });
}

Runner::~Runner() { (void)stop(); }

bool Runner::stopping() const {
  const std::scoped_lock held(guard_);
  return stopping_;
}

void Runner::run() {
  begin_model_thread("m-" + model_->name());
  while (!stopping() && !model_->parked()) {
    if (!join()) follow_alone();
    ride();
  }
  auto end = model_->sync();
  const std::scoped_lock held(guard_);
  end_ = std::move(end);
  changed_.notify_all();
}

// A model that has to be looked after, or that fills a new generation, goes alone.
bool Runner::join() {
  if (model_->parked() || model_->rebuilding()) return false;
  {
    const auto held = model_->lock();
    if (model_->wants_care()) return false;
  }
  {
    const std::scoped_lock held(guard_);
    riding_ = true;
  }
  if (convoy_.join(*this)) return true;
  const std::scoped_lock held(guard_);
  riding_ = false;
  return false;
}

// Until the convoy takes the model in.
void Runner::follow_alone() {
  auto fold = Fold::begin(log_, {model_.get()});
  if (!fold) return model_->park(fold.error());
  model_->after_batch();  // a new model of an empty log is complete at once
  while (!stopping() && !model_->parked()) {
    std::uint64_t wanted = 0;
    {
      const std::scoped_lock held(guard_);
      wanted = flushes_wanted_;
    }
    const Position until = log_.durable();
    auto applied = fold->apply_batch(kEventsPerHold, kForever);
    if (!applied) model_->park(applied.error());
    const auto now = clock_();
    const bool reached = model_->applied() >= until || model_->parked();
    bool commit = false;
    {
      const std::scoped_lock held(guard_);
      note_batch(now);
      commit = std::exchange(commit_due_, false) || (reached && wanted > flushes_done_);
    }
    if (commit) (void)model_->flush();
    {
      const std::scoped_lock held(guard_);
      if (reached) flushes_done_ = std::max(flushes_done_, wanted);
      if (waiters_ > 0) changed_.notify_all();
    }
    if (reached && join()) return;
    rest(*fold, applied ? *applied : 0);
  }
}

// While the convoy folds this thread commits.
void Runner::ride() {
  std::unique_lock held(guard_);
  while (riding_) {
    const std::uint64_t wanted = flushes_wanted_;
    if (stopping_) {
      held.unlock();
      convoy_.leave(*this);
      held.lock();
      riding_ = false;
    } else if (wanted > flushes_done_ && !reached(held, log_.durable())) {
      continue;  // dismissed or stopping
    } else if (wanted > flushes_done_ || std::exchange(commit_due_, false)) {
      held.unlock();
      commit_riding();
      held.lock();
      flushes_done_ = std::max(flushes_done_, wanted);
      if (waiters_ > 0) changed_.notify_all();
    } else {
      changed_.wait(held);
    }
  }
}

// Waits until the convoy has come to `position`; false when the model must leave it before.
bool Runner::reached(std::unique_lock<std::mutex>& held, Position position) {
  changed_.wait(held, [&] { return model_->applied() >= position || !riding_ || stopping_; });
  return riding_ && !stopping_;
}

void Runner::commit_riding() {
  auto committed = model_->commit();
  if (committed) return;
  convoy_.leave(*this);
  model_->park(committed.error());
  const std::scoped_lock held(guard_);
  riding_ = false;
}

// Inside guard_.
void Runner::note_batch(std::chrono::steady_clock::time_point now) {
  if (!due_ && model_->dirty()) due_ = slots_.after(now);
  if (!due_ || now < *due_) return;
  due_.reset();
  commit_due_ = true;
}

void Runner::folded(std::chrono::steady_clock::time_point now) {
  const std::scoped_lock held(guard_);
  note_batch(now);
  if (waiters_ > 0 || commit_due_) changed_.notify_all();
}

void Runner::dismissed() {
  const std::scoped_lock held(guard_);
  riding_ = false;
  changed_.notify_all();
}

// Full batches follow each other at once; after a small one the thread rests a little unless someone waits.
void Runner::rest(Fold& fold, std::size_t applied) {
  if (applied == kEventsPerHold) return;
  std::unique_lock held(guard_);
  const auto called = [&] { return stopping_ || waiters_ > 0 || flushes_wanted_ > flushes_done_; };
  if (applied > 0 && changed_.wait_for(held, kBetweenSmallBatches, called)) return;
  if (applied > 0 || stopping_) return;
  const bool awaited = called();
  held.unlock();
  fold.cursor().wait(awaited ? kBetweenSmallBatches : kLookAround);
}

Expected<void> Runner::flush() {
  Waiter waiter(*this);
  const std::uint64_t mine = ++flushes_wanted_;
  changed_.notify_all();
  changed_.wait(waiter.held(), [&] { return flushes_done_ >= mine || end_; });
  const ModelStatus status = model_->status();
  if (status.state == ModelState::parked) {
    return fail(ErrorKind::damaged, "read model " + status.name + " is " + status.reason);
  }
  if (flushes_done_ < mine) return fail(ErrorKind::invalid, "read model " + status.name + " is closed");
  return {};
}

bool Runner::wait_for(Position position, std::chrono::milliseconds timeout) {
  if (model_->applied() >= position) return true;
  Waiter waiter(*this);
  changed_.wait_for(waiter.held(), timeout, [&] { return model_->applied() >= position || model_->parked() || end_; });
  return model_->applied() >= position;
}

Expected<void> Runner::stop() {
  {
    const std::scoped_lock held(guard_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock held(guard_);
  return *end_;
}

}  // namespace vigil::projections
