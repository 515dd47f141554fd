// SIGINT and SIGTERM for a service: the first asks it to stop, the second ends the process.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

#include "api/wakeup.h"

namespace vigil::tools {

// From construction on the two signals are blocked in this thread and in all it starts, and taken by a thread
// of this object. So it stands before everything that starts threads. While no stop function is set, a signal
// ends the process at once with exit code 1 (opening a log can be interrupted anywhere; it recovers).
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Called at most once, on the thread of this object; never after it was replaced.
  void on_stop(std::function<void()> stop);

 private:
  void run();

  int signals_;
  api::Wakeup closing_;
  std::mutex mutex_;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace vigil::tools
