#include <mutex>
#include <utility>

#include "eventlog/storage/durable_view.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/recovery.h"

namespace vigil::eventlog {

namespace {

// Follows a log that another process may be writing.
class FollowingReader : public LogReader {
 public:
  FollowingReader(Environment& environment, std::filesystem::path directory)
      : environment_(environment), directory_(std::move(directory)) {}

  Position durable() const override { return view_.durable(); }
  std::string id() const override { return view_.id(); }
  Expected<std::unique_ptr<Cursor>> read_from(Position from) const override { return view_.read_from(from); }
  Expected<Record> at(Address address) const override { return view_.at(address); }
  Expected<Record> at(Position position) const override { return view_.at(position); }
  Expected<Position> first_at_or_after(IngestTime time) const override { return view_.first_at_or_after(time); }
  Expected<std::vector<Address>> find_key(std::uint64_t key) const override { return view_.find_key(key); }

  Expected<Position> refresh() override;

 private:
  Expected<void> take_over(const SegmentHeader& header, const SegmentHeader* following);
  Expected<void> follow(Segment& segment, const SegmentHeader* following);
  Expected<FrameFault> scan(Segment& segment, const SegmentHeader* following);
  bool frame_behind(const Segment& segment) const;

  Environment& environment_;
  const std::filesystem::path directory_;
  std::mutex refreshing_;
  DurableView view_;
  ChainState end_;
  std::size_t known_ = 0;  // segments in the view
  bool looked_behind_ = false;
};

// A segment that has a successor is complete; only its index may have to be found.
Expected<void> FollowingReader::take_over(const SegmentHeader& header, const SegmentHeader* following) {
  const bool sealed = following != nullptr;
  const std::uint64_t bytes = sealed ? following->previous_end_address - header.base_address : kBlockBytes;
  auto index = sealed ? nullptr : std::make_unique<GrowingIndex>(header.segment_bytes);
  view_.add(std::make_unique<Segment>(environment_, directory_, header, bytes, std::move(index)));
  ++known_;
  end_ = chain_before(header);
  if (!sealed) return {};
  end_ = chain_before(*following);
  view_.publish(bytes, Position{following->first_position - 1});
  return {};
}

// What the page cache shows counts once a sync begun after it was seen has returned, and only as far as the disk
// holds it then: an earlier sync of the writer's may have failed. A segment that has a successor was synced by its
// writer, and may even have been archived meanwhile.
Expected<FrameFault> FollowingReader::scan(Segment& segment, const SegmentHeader* following) {
  if (following != nullptr) {
    std::vector<KeyPlace> scratch;
    return scan_frames(segment, end_, FrameCheck::payload, [&](const Frame& frame, std::uint64_t offset) {
      add_to_index(segment.growing(), frame, offset, scratch);
    });
  }
  auto file = environment_.open(segment.path(), OpenMode::read);
  if (!file) return std::unexpected(file.error());
  return scan_to_the_end(segment, end_, **file);
}

bool FollowingReader::frame_behind(const Segment& segment) const {
  const auto bytes = segment.bytes();
  return bytes && inspect_tail(segment, *bytes, end_.address - segment.base(), FrameFault::magic).frame_behind;
}

Expected<void> FollowingReader::follow(Segment& segment, const SegmentHeader* following) {
  auto fault = scan(segment, following);
  // A frame half written a moment ago is whole once another stands behind it; one that then still is not
  // whole is damaged. Looking behind an end that is all zero costs the rest of the segment, so only once.
  while (fault && (*fault != FrameFault::absent || !std::exchange(looked_behind_, true)) && frame_behind(segment)) {
    const std::uint64_t before = end_.address;
    fault = scan(segment, following);
    if (fault && end_.address == before) {
      return std::unexpected(segment.damage(before - segment.base(), end_.next_position, text(*fault)));
    }
  }
  if (!fault) return std::unexpected(fault.error());
  if (following != nullptr && end_.address != following->previous_end_address) {
    return std::unexpected(segment.damage(end_.address - segment.base(), end_.next_position, text(*fault)));
  }
  view_.publish(end_.address - segment.base(), Position{end_.next_position - 1});
  return {};
}

Expected<Position> FollowingReader::refresh() {
  const std::lock_guard lock(refreshing_);
  auto headers = read_segment_headers(environment_, directory_);
  if (!headers) return std::unexpected(headers.error());
  if (headers->empty()) {
    return fail(ErrorKind::not_found, directory_.string() + ": no log here; check the path, or ingest something first");
  }
  if (headers->size() < known_ || (known_ > 0 && hex(headers->front().log_id) != view_.id())) {
    return fail(ErrorKind::damaged, directory_.string() + ": the log was replaced while it was read; open it again");
  }
  const auto following = [&](std::size_t i) { return i + 1 < headers->size() ? &(*headers)[i + 1] : nullptr; };
  if (known_ > 0) {
    if (auto done = follow(view_.last(), following(known_ - 1)); !done) return std::unexpected(done.error());
    if (following(known_ - 1) != nullptr) end_ = chain_before(*following(known_ - 1));
  }
  const bool grown = known_ < headers->size();
  while (known_ < headers->size()) {
    const std::size_t i = known_;
    if (auto done = take_over((*headers)[i], following(i)); !done) return std::unexpected(done.error());
  }
  if (grown) {
    if (auto done = follow(view_.last(), nullptr); !done) return std::unexpected(done.error());
  }
  return view_.durable();
}

}  // namespace

Expected<std::unique_ptr<LogReader>> LogReader::open(Environment& environment, const std::filesystem::path& directory) {
  auto reader = std::make_unique<FollowingReader>(environment, directory);
  if (auto found = reader->refresh(); !found) return std::unexpected(found.error());
  return reader;
}

}  // namespace vigil::eventlog
