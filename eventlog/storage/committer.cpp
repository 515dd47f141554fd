#include "eventlog/storage/committer.h"

#include <cstring>
#include <utility>

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/planted_bug.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::eventlog {

Committer::Committer(Environment& environment, DurableView& view, SegmentSupply& supply, const ChainState& end,
                     std::unique_ptr<File> file)
    : environment_(environment),
      view_(view),
      supply_(supply),
      chain_(end),
      file_(std::move(file)),
      monitor_(environment.make_monitor()) {
  thread_ = environment_.start_thread([this] { work(); });
}

Committer::~Committer() { stop(); }

void Committer::stop() {
  {
    const std::lock_guard lock(*monitor_);
    stop_ = true;
  }
  monitor_->notify_all();
  thread_.reset();
}

void Committer::on_commit(Listener listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
}

void Committer::submit(FrameBuffer& buffer) {
  invariant(!committing(), "at most one commit is on its way");
  {
    const std::lock_guard lock(*monitor_);
    job_ = &buffer;
    committing_.store(true, std::memory_order_relaxed);
  }
  monitor_->notify_all();
}

void Committer::wait_until_idle() {
  std::unique_lock lock(*monitor_);
  monitor_->wait_until([this] { return !committing_.load(std::memory_order_acquire); });
}

std::optional<Error> Committer::failure() const {
  const std::lock_guard lock(*monitor_);
  return failure_;
}

void Committer::work() {
  take_role(ThreadRole::prompt);
  while (true) {
    FrameBuffer* job = nullptr;
    {
      std::unique_lock lock(*monitor_);
      monitor_->wait_until([this] { return stop_ || job_ != nullptr; });
      if (job_ == nullptr) return;
      job = std::exchange(job_, nullptr);
    }
    finish(commit(*job));
  }
}

void Committer::finish(const Expected<void>& committed) {
  {
    const std::lock_guard lock(*monitor_);
    if (!committed) {
      failure_ = committed.error();
      poisoned_.store(true, std::memory_order_release);
    }
    // Before the listener is called, so that whoever it wakes can hand over the next frame at once.
    committing_.store(false, std::memory_order_release);
  }
  monitor_->notify_all();
  const std::lock_guard listening(listener_mutex_);
  if (!listener_) return;
  if (committed) {
    listener_(Position{chain_.next_position - 1});
  } else {
    listener_(std::unexpected(committed.error()));
  }
}

Expected<void> Committer::begin_segment(const FramePlan& plan) {
  SegmentHeader header;
  header.frame_bytes_max = static_cast<std::uint32_t>(plan.frame_bytes_max);
  header.log_id = chain_.log_id;
  header.epoch = chain_.epoch;
  header.first_position = plan.first_position;
  header.base_address = plan.segment_base;
  header.segment_bytes = plan.segment_bytes;
  header.created_us = environment_.now().value();
  header.previous_end_address = chain_.address;
  header.previous_hash = chain_.hash;
  auto file = supply_.take(header);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  Segment& sealed = view_.last();
  view_.add(std::make_unique<Segment>(environment_, sealed.path().parent_path(), header, kBlockBytes,
                                      std::make_unique<GrowingIndex>(header.segment_bytes)));
  supply_.seal_index(sealed);
  spare_asked_ = false;
  chain_.address = plan.address;
  return {};
}

Expected<void> Committer::commit(FrameBuffer& buffer) {
  const FramePlan& plan = buffer.plan;
  if (plan.new_segment) {
    if (auto begun = begin_segment(plan); !begun) return begun;
  }
  invariant(chain_.address == plan.address && chain_.next_position == plan.first_position,
            "frames are built where the log ends");
  const std::uint64_t bytes = frame_bytes(buffer.payload_bytes);
  const auto frame = buffer.memory().first(bytes);
  const std::size_t used = kFrameHeaderBytes + buffer.payload_bytes;
  std::memset(frame.data() + used, 0, bytes - used);
  FrameHeader header;
  header.payload_bytes = static_cast<std::uint32_t>(buffer.payload_bytes);
  header.address = plan.address;
  header.first_position = plan.first_position;
  header.epoch = chain_.epoch;
  header.ingest_time_us = buffer.ingest_time_us;
  header.durable_through = chain_.next_position - 1;
  header.log_id = chain_.log_id;
  header.previous_hash = chain_.hash;
  header.event_count = buffer.event_count;
  const Hash hash = seal_frame(frame, header, sha_);

  const std::uint64_t offset = plan.address - plan.segment_base;
  if (auto written = file_->write_at(offset, frame); !written) return written;
  const std::uint64_t last = header.first_position + header.event_count - 1;
  if (planted(Bug::acknowledge_before_sync)) view_.publish(offset + bytes, Position{last});
  auto synced = file_->sync();
  if (!synced && planted(Bug::retry_failed_sync)) synced = file_->sync();
  if (!synced) return synced;

  advance(chain_, Frame{header, {}, hash, bytes});
  view_.last().growing().add({header.first_position, header.ingest_time_us, offset}, buffer.keys);
  view_.publish(offset + bytes, Position{chain_.next_position - 1});
  if (!std::exchange(spare_asked_, true)) supply_.prepare();
  return {};
}

}  // namespace vigil::eventlog
