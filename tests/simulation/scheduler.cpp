#include "tests/simulation/scheduler.h"

#include <algorithm>
#include <utility>

#include "eventlog/storage/invariant.h"

namespace vigil::simulation {

namespace {

constexpr std::uint64_t kStayPerMille = 600;  // how often a thread that could give way goes on
constexpr std::uint64_t kStepMaxUs = 40;

}  // namespace

class Scheduler::SimulatedMonitor : public eventlog::Monitor {
 public:
  explicit SimulatedMonitor(Scheduler& scheduler) : scheduler_(scheduler) {}

  void lock() override {
    std::unique_lock held(scheduler_.mutex_);
    take(held);
  }
  void unlock() override {
    std::unique_lock held(scheduler_.mutex_);
    release();
  }
  void wait() override { wait_until_us(std::nullopt); }
  void wait_for(std::chrono::milliseconds timeout) override {
    wait_until_us(scheduler_.now_us_ + timeout.count() * 1000);
  }
  void notify_all() override {
    {
      std::unique_lock held(scheduler_.mutex_);
      scheduler_.wake_all(&notified_);
    }
    scheduler_.yield();
  }

 private:
  void take(std::unique_lock<std::mutex>& held) {
    while (owned_) scheduler_.wait_on(this, std::nullopt, held);
    owned_ = true;
  }
  void release() {
    owned_ = false;
    scheduler_.wake_all(this);
  }
  void wait_until_us(std::optional<std::int64_t> deadline_us) {
    std::unique_lock held(scheduler_.mutex_);
    release();
    scheduler_.wait_on(&notified_, deadline_us, held);
    take(held);
  }

  Scheduler& scheduler_;
  bool owned_ = false;
  char notified_ = 0;  // only its address is used
};

class Scheduler::SimulatedThread : public eventlog::Thread {
 public:
  SimulatedThread(Scheduler& scheduler, Task& task) : scheduler_(scheduler), task_(task) {}
  ~SimulatedThread() override {
    {
      std::unique_lock held(scheduler_.mutex_);
      while (!task_.done) scheduler_.wait_on(&task_, std::nullopt, held);
    }
    task_.thread.join();
  }

 private:
  Scheduler& scheduler_;
  Task& task_;
};

Scheduler::Scheduler(Random& random) : random_(random) {
  tasks_.push_back(std::make_unique<Task>());
  running_ = self() = tasks_.back().get();
}

Scheduler::~Scheduler() {
  for (const auto& task : tasks_) {
    eventlog::invariant(task.get() == self() || task->done, "simulated threads end before their scheduler");
  }
  self() = nullptr;
}

Scheduler::Task*& Scheduler::self() {
  thread_local Task* task = nullptr;
  return task;
}

std::unique_ptr<eventlog::Thread> Scheduler::start(std::function<void()> body) {
  Task* task;
  {
    std::unique_lock held(mutex_);
    task = tasks_.emplace_back(std::make_unique<Task>()).get();
    task->thread = std::thread([this, task, work = std::move(body)] {
      self() = task;
      {
        std::unique_lock mine(mutex_);
        task->turn.wait(mine, [&] { return running_ == task; });
      }
      work();
      finish(*task);
    });
  }
  yield();
  return std::make_unique<SimulatedThread>(*this, *task);
}

std::unique_ptr<eventlog::Monitor> Scheduler::make_monitor() { return std::make_unique<SimulatedMonitor>(*this); }

Scheduler::Task& Scheduler::choose() {
  for (;;) {
    candidates_.clear();
    for (const auto& task : tasks_) {
      if (ready(*task)) candidates_.push_back(task.get());
    }
    if (!candidates_.empty()) return *candidates_[random_.below(candidates_.size())];
    // Everybody waits: the next deadline comes.
    Task* next = nullptr;
    for (const auto& task : tasks_) {
      if (!task->done && task->deadline_us && (next == nullptr || *task->deadline_us < *next->deadline_us)) {
        next = task.get();
      }
    }
    if (next == nullptr) on_deadlock();
    now_us_ = std::max(now_us_, *next->deadline_us);
    next->deadline_us.reset();
    next->waits_for = nullptr;
  }
}

void Scheduler::switch_from(Task& task, std::unique_lock<std::mutex>& held) {
  now_us_ += static_cast<std::int64_t>(random_.between(1, kStepMaxUs));
  for (const auto& other : tasks_) {
    if (!other->done && other->deadline_us && *other->deadline_us <= now_us_) {
      other->deadline_us.reset();
      other->waits_for = nullptr;
    }
  }
  if (ready(task) && random_.per_mille(kStayPerMille)) return;
  Task& next = choose();
  if (&next == &task) return;
  running_ = &next;
  next.turn.notify_one();
  if (task.done) return;
  task.turn.wait(held, [&] { return running_ == &task; });
}

void Scheduler::yield() {
  std::unique_lock held(mutex_);
  switch_from(*self(), held);
}

void Scheduler::sleep(std::int64_t microseconds) {
  std::unique_lock held(mutex_);
  wait_on(nullptr, now_us_ + microseconds, held);
}

void Scheduler::wait_on(const void* what, std::optional<std::int64_t> deadline_us, std::unique_lock<std::mutex>& held) {
  Task& task = *self();
  task.waits_for = what;
  task.deadline_us = deadline_us;
  switch_from(task, held);
}

void Scheduler::wake_all(const void* what) {
  for (const auto& task : tasks_) {
    if (task->waits_for != what) continue;
    task->waits_for = nullptr;
    task->deadline_us.reset();
  }
}

void Scheduler::finish(Task& task) {
  std::unique_lock held(mutex_);
  task.done = true;
  wake_all(&task);
  switch_from(task, held);
}

}  // namespace vigil::simulation
