#include "commands/read_ahead.h"

#include <pthread.h>

#include <utility>

#include "commands/command_copy.h"

namespace vigil::commands {

using eventlog::Expected;

ReadAhead::ReadAhead(Source source) : source_(std::move(source)) {
  thread_ = std::thread([this] { run(); });
}

ReadAhead::~ReadAhead() {
  {
    const std::scoped_lock held(guard_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ReadAhead::run() {
  static_cast<void>(::pthread_setname_np(::pthread_self(), "read"));
  for (std::uint64_t batch = 0;; ++batch) {
    {
      std::unique_lock held(guard_);
      changed_.wait(held, [&] { return stopping_ || batch < freed_ + kBatches; });
      if (stopping_) return;
    }
    const bool more = fill(ring_[batch % kBatches]);
    const std::scoped_lock held(guard_);
    filled_ += more ? 1 : 0;
    ended_ = !more;
    changed_.notify_all();
    if (!more) return;
  }
}

// False at the end, or when the source failed.
bool ReadAhead::fill(Kept& kept) {
  const auto batch = source_();
  if (!batch) {
    const std::scoped_lock held(guard_);
    error_ = batch.error();
    return false;
  }
  kept.texts.reset();
  kept.commands.assign(batch->commands.begin(), batch->commands.end());
  for (Command& command : kept.commands) keep_texts(command, kept.texts);
  kept.bytes_done = batch->bytes_done;
  return !kept.commands.empty();
}

Expected<ReadAhead::Batch> ReadAhead::next() {
  std::unique_lock held(guard_);
  if (std::exchange(lent_, false)) {
    ++freed_;
    changed_.notify_all();
  }
  changed_.wait(held, [&] { return filled_ > freed_ || ended_; });
  if (filled_ == freed_) {
    if (error_) return std::unexpected(*error_);
    return Batch{};
  }
  lent_ = true;
  const Kept& kept = ring_[freed_ % kBatches];
  return Batch{kept.commands, kept.bytes_done};
}

}  // namespace vigil::commands
