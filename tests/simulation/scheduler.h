// Threads that take turns: one runs at a time, and a seed says which.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "eventlog/storage/environment.h"
#include "tests/simulation/random.h"

namespace vigil::simulation {

// The thread that makes the scheduler is the first to run; it must also be the last, and destroys it. Every wait,
// notification and disk access is a point where another thread may go on. Time is virtual: it passes with every
// step, and jumps ahead when all threads wait.
class Scheduler {
 public:
  explicit Scheduler(Random& random);
  ~Scheduler();

  std::unique_ptr<eventlog::Thread> start(std::function<void()> body);
  std::unique_ptr<eventlog::Monitor> make_monitor();
  // Another thread may run before this returns.
  void yield();
  // Others run for so long, if they want to.
  void sleep(std::int64_t microseconds);
  std::int64_t now_us() const { return now_us_; }
  // Called when all threads wait for ever: a deadlock in what is tested. Must not return.
  std::function<void()> on_deadlock;

 private:
  class SimulatedMonitor;
  class SimulatedThread;
  struct Task {
    std::condition_variable turn;
    bool done = false;
    const void* waits_for = nullptr;          // a monitor's lock, its notification, or another task's end
    std::optional<std::int64_t> deadline_us;  // of a wait that also ends by itself
    std::thread thread;
  };

  static Task*& self();
  bool ready(const Task& task) const { return !task.done && task.waits_for == nullptr && !task.deadline_us; }
  // Gives the turn to a thread that is ready, and returns when it is this one's again.
  void switch_from(Task& task, std::unique_lock<std::mutex>& held);
  Task& choose();
  void wait_on(const void* what, std::optional<std::int64_t> deadline_us, std::unique_lock<std::mutex>& held);
  void wake_all(const void* what);
  void finish(Task& task);

  Random& random_;
  std::mutex mutex_;  // handed over with the turn
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<Task*> candidates_;
  Task* running_ = nullptr;
  std::int64_t now_us_ = 0;
};

}  // namespace vigil::simulation
