#include "eventlog/storage/durable_view.h"

#include <algorithm>

#include "eventlog/storage/cursor.h"
#include "eventlog/storage/invariant.h"
#include "eventlog/storage/record_layout.h"

namespace vigil::eventlog {

namespace {

std::unexpected<Error> no_position(Position position, Position durable) {
  return fail(ErrorKind::not_found, "log: no position " + std::to_string(position.value()) +
                                        "; the last durable one is " + std::to_string(durable.value()));
}

std::unexpected<Error> no_address(Address address) {
  return fail(ErrorKind::not_found, "log: no durable event stands at address " + std::to_string(address.value()));
}

}  // namespace

void DurableView::add(std::unique_ptr<Segment> segment) {
  segment->unpack_into(unpacked_);
  const std::unique_lock lock(segments_mutex_);
  segments_.push_back(std::move(segment));
}

void DurableView::publish(std::uint64_t bytes, Position position) {
  {
    const std::lock_guard lock(publish_mutex_);
    last().set_durable_bytes(bytes);
    durable_.store(position.value(), std::memory_order_release);
  }
  published_.ring();
}

void DurableView::close() {
  closed_ = true;
  published_.ring();
}

bool DurableView::wait_for(Position position, std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const Signal::Ticket ticket = published_.ticket();
    if (durable() >= position) return true;
    const auto left = deadline - std::chrono::steady_clock::now();
    if (closed_ || left <= std::chrono::nanoseconds(0)) return false;
    published_.wait(ticket, left);
  }
}

std::string DurableView::id() const {
  const std::shared_lock lock(segments_mutex_);
  return hex(segments_.front()->header().log_id);
}

Segment& DurableView::last() const {
  const std::shared_lock lock(segments_mutex_);
  return *segments_.back();
}

std::vector<Segment*> DurableView::segments() const {
  const std::shared_lock lock(segments_mutex_);
  std::vector<Segment*> all;
  for (const auto& segment : segments_) all.push_back(segment.get());
  return all;
}

const Segment* DurableView::segment_of(Position position) const {
  const std::shared_lock lock(segments_mutex_);
  auto above = std::upper_bound(segments_.begin(), segments_.end(), position.value(),
                                [](std::uint64_t p, const auto& s) { return p < s->header().first_position; });
  return above == segments_.begin() ? nullptr : (above - 1)->get();
}

const Segment* DurableView::segment_of(Address address) const {
  const std::shared_lock lock(segments_mutex_);
  auto above = std::upper_bound(segments_.begin(), segments_.end(), address.value(),
                                [](std::uint64_t a, const auto& s) { return a < s->base(); });
  return above == segments_.begin() ? nullptr : (above - 1)->get();
}

const Segment* DurableView::after(const Segment& segment) const {
  const std::shared_lock lock(segments_mutex_);
  auto above = std::upper_bound(segments_.begin(), segments_.end(), segment.base(),
                                [](std::uint64_t base, const auto& s) { return base < s->base(); });
  return above == segments_.end() ? nullptr : above->get();
}

Expected<std::unique_ptr<Cursor>> DurableView::read_from(Position from) const {
  if (from == Position{}) return fail(ErrorKind::invalid, "log: positions begin with 1");
  if (from > next(durable())) return no_position(from, durable());
  {
    // The end of the log and its position must be seen together.
    const std::lock_guard lock(publish_mutex_);
    if (from == next(durable())) {
      const Segment& segment = last();
      return std::make_unique<FrameCursor>(*this, segment, segment.chain_at({from.value(), 0, segment.durable_bytes()}),
                                           from);
    }
  }
  const Segment* segment = segment_of(from);
  auto place = segment->floor_by_position(from.value());
  if (!place) return std::unexpected(place.error());
  return std::make_unique<FrameCursor>(*this, *segment, segment->chain_at(*place), from);
}

Expected<Record> DurableView::at(Address address) const {
  const Segment* segment = segment_of(address);
  if (segment == nullptr) return no_address(address);
  const std::uint64_t offset = address.value() - segment->base();
  const std::uint64_t end = segment->durable_bytes();
  if (offset % kAlignment != 0 || offset < kBlockBytes + kFrameHeaderBytes || offset + kRecordHeaderBytes > end) {
    return no_address(address);
  }
  auto window = segment->window(offset);
  if (!window) return std::unexpected(window.error());
  const std::span<const std::byte> here = window->from(offset);
  RecordHeader claimed;
  if (here.size() < sizeof claimed) return no_address(address);
  std::memcpy(&claimed, here.data(), sizeof claimed);
  if (claimed.frame_distance > offset || (offset - claimed.frame_distance) % kBlockBytes != 0) {
    return no_address(address);
  }
  const std::uint64_t frame_offset = offset - claimed.frame_distance;
  const std::uint64_t frame_address = segment->base() + frame_offset;
  if (!window->covers(frame_offset)) return no_address(address);  // a frame and its records are in one window
  const std::span<const std::byte> frame_bytes = window->from(frame_offset);
  if (!is_frame_header(frame_bytes, segment->header().log_id, frame_address)) return no_address(address);
  FrameHeader frame;
  std::memcpy(&frame, frame_bytes.data(), sizeof frame);
  const std::uint64_t payload_end = frame_offset + kFrameHeaderBytes + frame.payload_bytes;
  const std::uint32_t index = claimed.index_and_shape >> 8;
  if (payload_end > std::min(end, window->begin + window->bytes.size()) || offset >= payload_end ||
      index >= frame.event_count) {
    return no_address(address);
  }
  const auto header = check_record(here.first(payload_end - offset), claimed.frame_distance, index);
  if (!header) return no_address(address);
  keep_for_this_thread(window->keep);
  return record_at(here.data(), *header, frame_address, frame.first_position, frame.ingest_time_us);
}

Expected<Record> DurableView::at(Position position) const {
  if (position == Position{} || position > durable()) return no_position(position, durable());
  const Segment& segment = *segment_of(position);
  auto place = segment.floor_by_position(position.value());
  if (!place) return std::unexpected(place.error());
  SegmentWindow window;
  ChainState chain = segment.chain_at(*place);
  while (true) {
    if (auto moved = segment.move(window, chain.address - segment.base()); !moved) {
      return std::unexpected(moved.error());
    }
    auto frame = segment.frame_at(window, chain, FrameCheck::header);
    if (!frame) return std::unexpected(frame.error());
    if (position.value() < chain.next_position + frame->header.event_count) {
      keep_for_this_thread(window.keep);
      return record_in(segment, *frame, position);
    }
    advance(chain, *frame);
  }
}

Expected<Record> DurableView::record_in(const Segment& segment, const Frame& frame, Position position) {
  std::span<const std::byte> rest = frame.payload;
  const FrameHeader& header = frame.header;
  for (std::uint32_t index = 0;; ++index) {
    const auto distance = static_cast<std::uint32_t>(kFrameHeaderBytes + frame.payload.size() - rest.size());
    const auto record = check_record(rest, distance, index);
    if (!record) {
      return std::unexpected(segment.damage(header.address - segment.base() + distance, header.first_position + index,
                                            text(FrameFault::records)));
    }
    if (header.first_position + index == position.value()) {
      return record_at(rest.data(), *record, header.address, header.first_position, header.ingest_time_us);
    }
    rest = rest.subspan(record->record_bytes);
  }
}

Expected<Position> DurableView::first_at_or_after(IngestTime time) const {
  const Position durable_now = durable();
  // The last segment whose first frame is before `time`: what is sought is in it, or begins the next one.
  const std::vector<Segment*> all = segments();
  std::size_t low = 0;
  std::size_t high = all.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const Segment& segment = *all[middle];
    bool before = false;
    if (Position{segment.header().first_position} <= durable_now) {
      auto window = segment.window(kBlockBytes);
      if (!window) return std::unexpected(window.error());
      auto frame = segment.frame_at(*window, segment.chain_at({segment.header().first_position, 0, kBlockBytes}),
                                    FrameCheck::header);
      if (!frame) return std::unexpected(frame.error());
      before = frame->header.ingest_time_us < time.value();
    }
    if (before) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return Position{1};

  const Segment& segment = *all[low - 1];
  auto place = segment.floor_by_time(time.value());
  if (!place) return std::unexpected(place.error());
  SegmentWindow window;
  ChainState chain = segment.chain_at(*place);
  while (Position{chain.next_position} <= durable_now && chain.address < segment.base() + segment.durable_bytes()) {
    if (auto moved = segment.move(window, chain.address - segment.base()); !moved) {
      return std::unexpected(moved.error());
    }
    auto frame = segment.frame_at(window, chain, FrameCheck::header);
    if (!frame) return std::unexpected(frame.error());
    if (frame->header.ingest_time_us >= time.value()) break;
    advance(chain, *frame);
  }
  // Frames beyond the durable position may be listed already, and are earlier than `time` too.
  return std::min(Position{chain.next_position}, next(durable_now));
}

Expected<std::vector<Address>> DurableView::find_key(std::uint64_t key) const {
  std::vector<Address> found;
  std::vector<std::uint32_t> places;
  const std::vector<Segment*> all = segments();
  for (auto segment = all.rbegin(); segment != all.rend(); ++segment) {
    places.clear();
    if (auto asked = (*segment)->find(key, places); !asked) return std::unexpected(asked.error());
    const std::uint64_t end = (*segment)->durable_bytes();
    for (auto place = places.rbegin(); place != places.rend(); ++place) {
      const std::uint64_t offset = *place * kAlignment;
      if (offset < end) found.push_back(Address{(*segment)->base() + offset});
    }
  }
  return found;
}

}  // namespace vigil::eventlog
