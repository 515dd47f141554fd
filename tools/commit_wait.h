// Lets the deciding thread wait for the log's commit thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "eventlog/storage/log.h"

namespace vigil::tools {

// Takes the log's on_commit listener. wait() belongs to the deciding thread; `log` outlives the object.
class CommitWait {
 public:
  explicit CommitWait(eventlog::Log& log);
  // Returns when no commit is under way. Error: poisoned, once a commit failed.
  eventlog::Expected<void> wait();

 private:
  // Shared with the listener, which the log keeps longer than this object lives.
  struct State {
    std::mutex mutex;
    std::condition_variable committed;
    std::optional<eventlog::Error> failure;
  };
  eventlog::Log& log_;
  std::shared_ptr<State> state_;
};

}  // namespace vigil::tools
