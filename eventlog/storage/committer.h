// The commit thread: writes and syncs one frame at a time, then makes it visible.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "eventlog/storage/double_frame_builder.h"
#include "eventlog/storage/durable_view.h"
#include "eventlog/storage/segment_supply.h"

namespace vigil::eventlog {

// submit() and on_commit() belong to the deciding thread. Invariants: (1) at most one frame is on its way;
// (2) a position is published only after its frame's sync returned without error; (3) after a failure
// nothing is written or synced any more.
class Committer {
 public:
  using Listener = std::function<void(const Expected<Position>&)>;

  // `end`: where the log ends, with this writer's epoch. `file`: the last segment's, or none when the first
  // frame begins a new segment.
  Committer(Environment& environment, DurableView& view, SegmentSupply& supply, const ChainState& end,
            std::unique_ptr<File> file);
  ~Committer();

  void on_commit(Listener listener);
  // Requires that no commit is on its way. The buffer is the commit thread's until committing() is false.
  void submit(FrameBuffer& buffer);
  bool committing() const { return committing_.load(std::memory_order_acquire); }
  void wait_until_idle();
  // The failure that poisoned the log, if one did.
  std::optional<Error> failure() const;
  bool poisoned() const { return poisoned_.load(std::memory_order_acquire); }
  // Where the log ends. Only while nothing is on its way.
  const ChainState& end() const { return chain_; }
  // Ends the thread after the commit on its way.
  void stop();

 private:
  void work();
  Expected<void> commit(FrameBuffer& buffer);
  Expected<void> begin_segment(const FramePlan& plan);
  void finish(const Expected<void>& committed);

  Environment& environment_;
  DurableView& view_;
  SegmentSupply& supply_;
  ChainState chain_;
  std::unique_ptr<File> file_;
  Sha256 sha_;
  bool spare_asked_ = false;

  const std::unique_ptr<Monitor> monitor_;  // guards what follows; notified when it changes
  FrameBuffer* job_ = nullptr;
  std::optional<Error> failure_;
  std::mutex listener_mutex_;  // held while the listener runs, so that it may be replaced and its owner go
  Listener listener_;
  bool stop_ = false;
  std::atomic<bool> committing_{false};
  std::atomic<bool> poisoned_{false};

  std::unique_ptr<Thread> thread_;  // last: ends before what it uses
};

}  // namespace vigil::eventlog
