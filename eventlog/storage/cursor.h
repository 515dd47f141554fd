// Reading forward, frame by frame, checking each once.
#pragma once

#include "eventlog/storage/durable_view.h"

namespace vigil::eventlog {

class FrameCursor : public Cursor {
 public:
  // Begins at the frame that `chain` leads to in `segment`, and returns records from `from` on.
  FrameCursor(const DurableView& view, const Segment& segment, const ChainState& chain, Position from)
      : view_(view), segment_(&segment), chain_(chain), from_(from.value()) {}

  Expected<std::optional<Record>> next() override;
  bool wait(std::chrono::milliseconds timeout) override;

 private:
  // True when there is a record in the frame entered; false when the cursor has caught up.
  Expected<bool> enter_frame();
  Expected<void> enter_segment();
  std::unexpected<Error> stop(Error error);

  const DurableView& view_;
  const Segment* segment_;
  ChainState chain_;
  std::uint64_t from_;
  std::span<const std::byte> bytes_;  // of the segment, once it is mapped

  Frame frame_{};
  const std::byte* at_ = nullptr;  // next record
  std::uint32_t index_ = 0;        // of the next record in the frame
  std::optional<Error> damage_;
};

}  // namespace vigil::eventlog
