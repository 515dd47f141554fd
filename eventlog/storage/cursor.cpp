#include "eventlog/storage/cursor.h"

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/record_layout.h"

namespace vigil::eventlog {

std::unexpected<Error> FrameCursor::stop(Error error) {
  damage_ = std::move(error);
  return std::unexpected(*damage_);
}

void FrameCursor::leave_window() {
  if (window_.keep != nullptr) passed_.push_back({std::move(window_.keep), chain_.next_position});
  window_ = {};
  while (!passed_.empty() && passed_.front().next_position + kRecordsKept < chain_.next_position) passed_.pop_front();
}

Expected<void> FrameCursor::enter_window() {
  if (chain_.address - segment_->base() == segment_->durable_bytes()) {
    const Segment* following = view_.after(*segment_);
    invariant(following != nullptr, "what is durable stands in a segment the view knows");
    if (chain_.anchored && following->header().previous_hash != chain_.hash) {
      return std::unexpected(following->damage(0, chain_.next_position, "segment of another history"));
    }
    leave_window();
    segment_ = following;
    chain_.address = segment_->base() + kBlockBytes;
  }
  const std::uint64_t offset = chain_.address - segment_->base();
  if (window_.covers(offset)) return {};
  leave_window();
  return segment_->move(window_, offset);
}

Expected<bool> FrameCursor::enter_frame() {
  if (damage_) return std::unexpected(*damage_);
  while (Position{chain_.next_position} <= view_.durable()) {
    if (auto entered = enter_window(); !entered) return stop(entered.error());
    // Frames that are only passed on the way to `from` need no checksum of their payload.
    const FrameCheck check = chain_.next_position < from_ ? FrameCheck::header : FrameCheck::payload;
    auto frame = segment_->frame_at(window_, chain_, check);
    if (frame && chain_.next_position + frame->header.event_count <= from_) {
      advance(chain_, *frame);
      continue;
    }
    if (check == FrameCheck::header) frame = segment_->frame_at(window_, chain_, FrameCheck::payload);
    if (!frame) return stop(frame.error());
    advance(chain_, *frame);
    frame_ = *frame;
    at_ = frame_.payload.data();
    index_ = 0;
    return true;
  }
  return false;
}

Expected<std::optional<Record>> FrameCursor::next() {
  while (true) {
    if (index_ == frame_.header.event_count) {
      auto entered = enter_frame();
      if (!entered) return std::unexpected(entered.error());
      if (!*entered) return std::optional<Record>{};
    }
    const std::span<const std::byte> rest(at_, frame_.payload.data() + frame_.payload.size());
    const auto distance = static_cast<std::uint32_t>(kFrameHeaderBytes + (at_ - frame_.payload.data()));
    const auto header = check_record(rest, distance, index_);
    if (!header) {
      index_ = frame_.header.event_count;
      return stop(segment_->damage(frame_.header.address - segment_->base() + distance,
                                   frame_.header.first_position + index_, text(FrameFault::records)));
    }
    const std::byte* here = at_;
    at_ += header->record_bytes;
    ++index_;
    if (frame_.header.first_position + index_ <= from_) continue;
    return record_at(here, *header, frame_.header.address, frame_.header.first_position, frame_.header.ingest_time_us);
  }
}

bool FrameCursor::wait(std::chrono::milliseconds timeout) {
  if (damage_) return false;
  if (index_ < frame_.header.event_count) return true;
  return view_.wait_for(Position{chain_.next_position > from_ ? chain_.next_position : from_}, timeout);
}

}  // namespace vigil::eventlog
