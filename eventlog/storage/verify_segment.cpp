#include "eventlog/storage/verify_segment.h"

#include "eventlog/storage/recovery.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

namespace {

class Checking {
 public:
  Checking(const SegmentCheck& check, ForwardReader reader) : check_(check), reader_(std::move(reader)) {
    found_.end = chain_before(check.header);
  }

  Expected<SegmentVerdict> run() {
    while (true) {
      const std::uint64_t before = found_.end.address;
      auto fault = scan();
      if (!fault) return failed(fault.error());
      const auto damage = check_tail(*fault);
      if (!damage) return failed(damage.error());
      if (damage->empty()) break;
      if (check_.sealed || (looked_again_ && found_.end.address == before)) {
        found_.damage = damaged(*damage);
        return std::move(found_);
      }
      // A frame half written a moment ago is whole once the writer has gone on.
      looked_again_ = true;
      reader_.forget();
    }
    if (!check_.sealed) {
      if (auto synced = reader_.sync(); !synced) return std::unexpected(synced.error());
    }
    return std::move(found_);
  }

 private:
  std::uint64_t base() const { return check_.header.base_address; }
  Error damaged(std::string_view what) const {
    return Error{ErrorKind::damaged, reader_.path().string() + ": damaged at offset " +
                                         std::to_string(found_.end.address - base()) + " (position " +
                                         std::to_string(found_.end.next_position) + "): " + std::string(what) +
                                         std::string(kRestoreHint)};
  }
  // An archive that does not unpack is damage as well.
  Expected<SegmentVerdict> failed(const Error& error) {
    if (error.kind != ErrorKind::damaged) return std::unexpected(error);
    found_.damage = error;
    return std::move(found_);
  }

  // Moves on over all intact frames. Returns the fault of what stands behind them.
  Expected<FrameFault> scan() {
    while (true) {
      auto look = look_at_frame(reader_, check_.header, found_.end);
      if (!look) return std::unexpected(look.error());
      auto& frame = look->frame;
      if (!frame) return frame.error();
      if (frame->header.first_position + frame->header.event_count > check_.from_position) {
        frame = check_frame(look->bytes, found_.end, FrameCheck::whole, &sha_);
        if (!frame) return frame.error();
        ++found_.frames;
        found_.records += frame->header.event_count;
        found_.bytes += frame->bytes;
      }
      if (!found_.first) found_.first = frame->header;
      if (check_.seen) check_.seen(*frame);
      advance(found_.end, *frame);
    }
  }

  // What is wrong with what stands behind the last intact frame; "" when nothing is.
  Expected<std::string> check_tail(FrameFault fault) {
    const std::uint64_t begin = found_.end.address - base();
    if (check_.end_address && found_.end.address != *check_.end_address) return std::string(text(fault));
    auto rest = read_rest(begin, fault);
    if (!rest) return std::unexpected(rest.error());
    if (rest->end == rest->begin) return std::string();
    if (check_.sealed) return std::string(text(fault == FrameFault::absent ? FrameFault::magic : fault));
    if (const auto reason = why_not_torn(*rest, check_.header)) {
      // A fault that no torn write can leave is its own reason.
      std::string what(text(rest->fault));
      if (*reason != what) what.append(": ").append(*reason);
      return what;
    }
    found_.torn_tail = reader_.path().string() + ": " + std::to_string(rest->end - rest->begin) + " bytes at offset " +
                       std::to_string(rest->begin) + ": " + std::string(text(rest->fault)) +
                       "; never acknowledged, or being written now";
    return std::string();
  }

  // As inspect_tail() (recovery.h), but read like everything else here.
  Expected<Tail> read_rest(std::uint64_t begin, FrameFault fault) {
    Tail tail{begin, begin, fault, std::nullopt};
    for (std::uint64_t at = begin; at + kBlockBytes <= check_.header.segment_bytes;) {
      auto bytes = reader_.at(at, kBlockBytes);
      if (!bytes) return std::unexpected(bytes.error());
      for (; bytes->size() >= kBlockBytes; at += kBlockBytes, bytes = bytes->subspan(kBlockBytes)) {
        const auto block = bytes->first(kBlockBytes);
        if (is_zero(block)) continue;
        tail.end = at + kBlockBytes;
        if (at > begin && !tail.frame_behind && is_frame_header(block, check_.header.log_id, base() + at)) {
          tail.frame_behind = at;
        }
      }
    }
    return tail;
  }

  const SegmentCheck& check_;
  ForwardReader reader_;
  Sha256 sha_;
  bool looked_again_ = false;
  SegmentVerdict found_;
};

}  // namespace

Expected<SegmentVerdict> verify_segment(const SegmentCheck& check) {
  auto reader = ForwardReader::open(check.environment, check.directory, check.header, check.after_piece, check.suffix);
  if (!reader) {
    if (reader.error().kind != ErrorKind::damaged) return std::unexpected(reader.error());
    SegmentVerdict cut;
    cut.end = chain_before(check.header);
    cut.damage = reader.error();
    return cut;
  }
  return Checking(check, std::move(*reader)).run();
}

Expected<ChainState> require_intact(const SegmentCheck& check, const Hash& hash) {
  auto verdict = verify_segment(check);
  if (!verdict) return std::unexpected(verdict.error());
  if (verdict->damage) return std::unexpected(*verdict->damage);
  if (verdict->end.hash == hash) return verdict->end;
  return fail(ErrorKind::damaged, (check.directory / segment_name(check.header.first_position)).string() +
                                      ": damaged: ends with the chain hash " + hex(verdict->end.hash) + ", not " +
                                      hex(hash) + std::string(kRestoreHint));
}

Expected<FrameLook> look_at_frame(ForwardReader& reader, const SegmentHeader& header, const ChainState& chain) {
  const std::uint64_t offset = chain.address - header.base_address;
  if (offset + kBlockBytes > header.segment_bytes) return FrameLook{{}, std::unexpected(FrameFault::absent)};
  for (std::uint64_t wanted = kBlockBytes;; wanted = header.frame_bytes_max) {
    auto bytes = reader.at(offset, wanted);
    if (!bytes) return std::unexpected(bytes.error());
    const auto frame = check_frame(*bytes, chain, FrameCheck::header);
    const bool cut_off = !frame && frame.error() == FrameFault::length && bytes->size() < header.frame_bytes_max;
    if (!cut_off || wanted == header.frame_bytes_max) return FrameLook{*bytes, frame};
  }
}

}  // namespace vigil::eventlog
