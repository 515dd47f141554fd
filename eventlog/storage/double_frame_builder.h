// Two frames in memory: one is filled while the other is on its way to the disk.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "eventlog/storage/frame_builder.h"
#include "eventlog/storage/segment_index.h"

namespace vigil::eventlog {

// Where the next frame will stand; known as soon as the length of the one before is.
struct FramePlan {
  std::uint64_t segment_base = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t frame_bytes_max = 0;  // this frame's limit
  std::uint64_t address = 0;
  std::uint64_t first_position = 1;
  bool new_segment = false;  // the frame begins a segment that does not exist yet
};

// The memory of one frame. Filled by the deciding thread, sealed and written by the commit thread, and owned
// by one of the two at a time; records once built are read by the deciding thread in either case.
struct FrameBuffer {
  explicit FrameBuffer(std::size_t capacity_bytes);

  std::span<std::byte> memory() { return {bytes.get(), capacity}; }
  std::uint64_t end_address() const { return plan.address + frame_bytes(payload_bytes); }

  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::size_t capacity;
  std::unique_ptr<std::byte[], Free> bytes;  // header, records; block-aligned
  FramePlan plan;
  std::int64_t ingest_time_us = INT64_MIN;
  std::size_t payload_bytes = 0;
  std::uint32_t event_count = 0;
  std::vector<KeyPlace> keys;  // in the order of the records
};

class DoubleFrameBuilder : public FrameBuilder {
 public:
  // A frame must leave room for a next one of `frame_bytes_max` in a segment, or the next one begins a new
  // segment of `segment_bytes`.
  DoubleFrameBuilder(std::uint64_t segment_bytes, std::uint64_t frame_bytes_max);

  // Before the first record: the segment in which the log ends, and where and when it ends.
  void start(const FramePlan& end, std::int64_t ingest_time_us);
  // Hands out the frame built, and begins to build in the other buffer. Requires that it is not in use.
  FrameBuffer& take();
  // A record in either buffer, durable or not.
  std::optional<Record> find(Address address) const;

  bool empty() const override { return current_->event_count == 0; }
  std::size_t bytes_free() const override;
  IngestTime ingest_time() const override { return IngestTime{current_->ingest_time_us}; }
  IngestTime begin(IngestTime now) override;
  std::span<std::byte> begin_record(std::uint16_t type, std::uint16_t version, std::span<const Link> links,
                                    std::optional<std::uint64_t> key, std::size_t payload_bytes_max) override;
  Placed placed() const override { return record_.placed; }
  Placed end_record(std::size_t payload_bytes) override;

 private:
  FramePlan plan_after(const FramePlan& plan, std::uint64_t address, std::uint64_t position) const;
  void reset(FrameBuffer& buffer, const FramePlan& plan);

  const std::uint64_t segment_bytes_;
  const std::uint64_t frame_bytes_max_;
  std::array<FrameBuffer, 2> buffers_;
  FrameBuffer* current_;
  FrameBuffer* other_;
  bool begun_ = false;
  std::int64_t previous_time_us_ = INT64_MIN;

  struct Open {
    bool open = false;
    RecordHeader header;
    std::size_t prefix_bytes = 0;  // header, key and links
    std::size_t payload_bytes_max = 0;
    std::optional<std::uint64_t> key;
    Placed placed;
  } record_;
};

}  // namespace vigil::eventlog
