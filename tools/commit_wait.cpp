#include "tools/commit_wait.h"

namespace vigil::tools {

CommitWait::CommitWait(eventlog::Log& log) : log_(log), state_(std::make_shared<State>()) {
  log.on_commit([state = state_](const eventlog::Expected<eventlog::Position>& committed) {
    {
      const std::lock_guard lock(state->mutex);
      if (!committed) state->failure = committed.error();
    }
    state->committed.notify_all();
  });
}

eventlog::Expected<void> CommitWait::wait() {
  std::unique_lock lock(state_->mutex);
  // The log stops committing before it calls the listener, so no wake-up is missed.
  state_->committed.wait(lock, [this] { return state_->failure || !log_.committing(); });
  if (state_->failure) return std::unexpected(*state_->failure);
  return {};
}

}  // namespace vigil::tools
