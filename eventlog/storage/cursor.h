// Reading forward, frame by frame, checking each once.
#pragma once

#include <deque>

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
  // To the window that holds the next frame.
  Expected<void> enter_window();
  void leave_window();
  std::unexpected<Error> stop(Error error);

  const DurableView& view_;
  const Segment* segment_;
  ChainState chain_;
  std::uint64_t from_;
  SegmentWindow window_;  // of the segment
  // What was unpacked of archived segments, each with the position behind its last record: records stay valid until
  // kRecordsKept more were read.
  struct Passed {
    std::shared_ptr<const void> chunk;
    std::uint64_t next_position = 0;
  };
  static constexpr std::uint64_t kRecordsKept = 4096;
  std::deque<Passed> passed_;

  Frame frame_{};
  const std::byte* at_ = nullptr;  // next record
  std::uint32_t index_ = 0;        // of the next record in the frame
  std::optional<Error> damage_;
};

}  // namespace vigil::eventlog
