#include "eventlog/storage/double_frame_builder.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/record_layout.h"

namespace vigil::eventlog {

static_assert(kRecordOverheadMax == record_bytes(kLinksMax, true, 0));

void FrameBuffer::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t{kBlockBytes});
}

FrameBuffer::FrameBuffer(std::size_t capacity_bytes)
    : capacity(capacity_bytes), bytes(new(std::align_val_t{kBlockBytes}) std::byte[capacity_bytes]) {
  // Touched now, so that the first commits do not wait for the kernel to hand out pages.
  std::memset(bytes.get(), 0, capacity);
  keys.reserve(capacity / 128);
}

DoubleFrameBuilder::DoubleFrameBuilder(std::uint64_t segment_bytes, std::uint64_t frame_bytes_max)
    : segment_bytes_(segment_bytes),
      frame_bytes_max_(frame_bytes_max),
      buffers_{FrameBuffer(frame_bytes_max), FrameBuffer(frame_bytes_max)},
      current_(&buffers_[0]),
      other_(&buffers_[1]) {}

FramePlan DoubleFrameBuilder::plan_after(const FramePlan& plan, std::uint64_t address, std::uint64_t position) const {
  FramePlan following = plan;
  following.address = address;
  following.first_position = position;
  following.new_segment = false;
  const std::uint64_t segment_end = plan.segment_base + plan.segment_bytes;
  if (segment_end - address < plan.frame_bytes_max) {
    following.segment_base = segment_end;
    following.segment_bytes = segment_bytes_;
    following.frame_bytes_max = frame_bytes_max_;
    following.address = segment_end + kBlockBytes;
    following.new_segment = true;
  }
  return following;
}

void DoubleFrameBuilder::reset(FrameBuffer& buffer, const FramePlan& plan) {
  buffer.plan = plan;
  buffer.ingest_time_us = previous_time_us_;
  buffer.payload_bytes = 0;
  buffer.event_count = 0;
  buffer.keys.clear();
  begun_ = false;
}

void DoubleFrameBuilder::start(const FramePlan& end, std::int64_t ingest_time_us) {
  previous_time_us_ = ingest_time_us;
  FramePlan plan = end;
  plan.frame_bytes_max = std::min(plan.frame_bytes_max, frame_bytes_max_);
  reset(*current_, plan_after(plan, end.address, end.first_position));
}

FrameBuffer& DoubleFrameBuilder::take() {
  invariant(!record_.open && !empty(), "a frame is committed between records, and only when it has some");
  FrameBuffer& built = *current_;
  previous_time_us_ = built.ingest_time_us;
  std::swap(current_, other_);
  reset(*current_, plan_after(built.plan, built.end_address(), built.plan.first_position + built.event_count));
  return built;
}

std::size_t DoubleFrameBuilder::bytes_free() const {
  return current_->plan.frame_bytes_max - kFrameHeaderBytes - kFrameTrailerBytes - current_->payload_bytes;
}

IngestTime DoubleFrameBuilder::begin(IngestTime now) {
  // A frame that has been begun but holds nothing yet may still move on with the clock.
  if (!begun_ || empty()) current_->ingest_time_us = std::max(previous_time_us_, now.value());
  begun_ = true;
  return ingest_time();
}

std::span<std::byte> DoubleFrameBuilder::begin_record(std::uint16_t type, std::uint16_t version,
                                                      std::span<const Link> links, std::optional<std::uint64_t> key,
                                                      std::size_t payload_bytes_max) {
  invariant(begun_ && !record_.open, "a record begins after its frame, and after the record before has ended");
  invariant(links.size() <= kLinksMax, "a record has at most kLinksMax links");
  invariant(payload_bytes_max % kAlignment == 0, "payloads are multiples of 8 bytes");
  invariant(record_bytes(links.size(), key.has_value(), payload_bytes_max) <= bytes_free(),
            "the caller asked bytes_free()");
  const std::size_t distance = kFrameHeaderBytes + current_->payload_bytes;
  std::byte* at = current_->bytes.get() + distance + kRecordHeaderBytes;
  if (key) {
    std::memcpy(at, &*key, sizeof *key);
    at += sizeof *key;
  }
  if (!links.empty()) std::memcpy(at, links.data(), links.size_bytes());
  at += links.size_bytes();
  std::memset(at, 0, payload_bytes_max);

  record_.open = true;
  record_.key = key;
  record_.payload_bytes_max = payload_bytes_max;
  record_.prefix_bytes = record_bytes(links.size(), key.has_value(), 0);
  record_.header.type = type;
  record_.header.version = version;
  record_.header.frame_distance = static_cast<std::uint32_t>(distance);
  record_.header.index_and_shape =
      current_->event_count << 8 | (key ? kHasKey : 0) | static_cast<std::uint32_t>(links.size());
  record_.placed = {Position{current_->plan.first_position + current_->event_count},
                    Address{current_->plan.address + distance}};
  return {at, payload_bytes_max};
}

Placed DoubleFrameBuilder::end_record(std::size_t payload_bytes) {
  invariant(record_.open, "a record ends after it began");
  invariant(payload_bytes <= record_.payload_bytes_max && payload_bytes % kAlignment == 0,
            "a payload stays within what was reserved");
  record_.header.record_bytes = static_cast<std::uint32_t>(record_.prefix_bytes + payload_bytes);
  const std::uint32_t distance = record_.header.frame_distance;
  std::memcpy(current_->bytes.get() + distance, &record_.header, sizeof record_.header);
  if (record_.key) {
    const std::uint64_t offset = current_->plan.address + distance - current_->plan.segment_base;
    current_->keys.push_back({*record_.key, static_cast<std::uint32_t>(offset / kAlignment)});
  }
  current_->payload_bytes += record_.header.record_bytes;
  ++current_->event_count;
  record_.open = false;
  return record_.placed;
}

std::optional<Record> DoubleFrameBuilder::find(Address address) const {
  for (const FrameBuffer* buffer : {current_, other_}) {
    const std::uint64_t from = buffer->plan.address + kFrameHeaderBytes;
    if (address.value() < from || address.value() >= from + buffer->payload_bytes) continue;
    const std::uint64_t distance = address.value() - buffer->plan.address;
    if (distance % kAlignment != 0) return std::nullopt;
    const std::size_t rest = kFrameHeaderBytes + buffer->payload_bytes - distance;
    const std::byte* at = buffer->bytes.get() + distance;
    RecordHeader claimed;
    if (rest < sizeof claimed) return std::nullopt;
    std::memcpy(&claimed, at, sizeof claimed);
    const std::uint32_t index = claimed.index_and_shape >> 8;
    const auto header = check_record({at, rest}, static_cast<std::uint32_t>(distance), index);
    if (!header || index >= buffer->event_count) return std::nullopt;
    return record_at(at, *header, buffer->plan.address, buffer->plan.first_position, buffer->ingest_time_us);
  }
  return std::nullopt;
}

}  // namespace vigil::eventlog
