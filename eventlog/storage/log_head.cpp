#include "eventlog/storage/log_head.h"

#include <algorithm>

#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

namespace {

std::unexpected<Error> ends_before(const std::filesystem::path& directory, Position last, Position wanted) {
  return fail(ErrorKind::not_found, directory.string() + ": the log ends at position " + std::to_string(last.value()) +
                                        ", before position " + std::to_string(wanted.value()));
}

}  // namespace

Expected<LogHead> head_at(Environment& environment, const std::filesystem::path& directory, Position position) {
  const auto headers = read_segment_headers(environment, directory);
  if (!headers) return std::unexpected(headers.error());
  if (headers->empty()) return fail(ErrorKind::not_found, directory.string() + ": no log here; check the path");
  if (position == Position{}) {
    return fail(ErrorKind::not_found,
                directory.string() + ": the log is empty, so it has no head; ingest something first");
  }
  auto after = std::ranges::upper_bound(*headers, position.value(), {}, &SegmentHeader::first_position);
  const SegmentHeader& header = *std::prev(after);  // the first one begins with 1
  const Segment segment(environment, directory, header, kBlockBytes, nullptr);
  const auto bytes = segment.bytes();
  if (!bytes) return std::unexpected(bytes.error());

  ChainState chain = chain_before(header);
  Sha256 sha;
  while (true) {
    const std::uint64_t offset = chain.address - segment.base();
    if (offset + kBlockBytes > bytes->size())
      return ends_before(directory, Position{chain.next_position - 1}, position);
    auto frame = check_frame(bytes->subspan(offset), chain, FrameCheck::header);
    const std::uint64_t last = frame ? frame->header.first_position + frame->header.event_count - 1 : 0;
    if (frame && last >= position.value()) frame = check_frame(bytes->subspan(offset), chain, FrameCheck::whole, &sha);
    if (!frame && frame.error() == FrameFault::absent) {
      return ends_before(directory, Position{chain.next_position - 1}, position);
    }
    if (!frame) return std::unexpected(segment.damage(offset, chain.next_position, text(frame.error())));
    if (last > position.value()) {
      return std::unexpected(segment.damage(offset, chain.next_position,
                                            "no commit ends at position " + std::to_string(position.value())));
    }
    advance(chain, *frame);
    if (last == position.value()) {
      return LogHead{chain.log_id,           chain.epoch, position,
                     Address{chain.address}, chain.hash,  IngestTime{chain.ingest_time_us},
                     environment.now()};
    }
  }
}

}  // namespace vigil::eventlog
