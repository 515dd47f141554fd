#include "eventlog/storage/recovery.h"

#include <algorithm>
#include <cstring>

#include "eventlog/storage/segment_supply.h"

namespace vigil::eventlog {

namespace {

// Disks write whole sectors, and a misdirected write begins at any of them.
constexpr std::uint64_t kSectorBytes = 512;

// Whether only the writing of the frame itself, not what it says, is in doubt.
bool may_be_torn(FrameFault fault) {
  return fault == FrameFault::absent || fault == FrameFault::magic || fault == FrameFault::header_checksum ||
         fault == FrameFault::payload_checksum || fault == FrameFault::trailer || fault == FrameFault::hash ||
         fault == FrameFault::not_on_disk;
}

// The frame header of this log that `bytes` begin with, wherever it says that it belongs.
std::optional<FrameHeader> intact_header(std::span<const std::byte> bytes, const LogId& log_id) {
  FrameHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (!is_frame_header(bytes, log_id, header.address)) return std::nullopt;
  return header;
}

bool is_whole(std::span<const std::byte> bytes, const FrameHeader& header) {
  ChainState chain;
  chain.log_id = header.log_id;
  chain.address = header.address;
  chain.next_position = header.first_position;
  chain.anchored = false;
  return check_frame(bytes, chain, FrameCheck::payload).has_value();
}

void inspect_sector(const Segment& segment, std::span<const std::byte> rest, std::uint64_t at, Tail& tail) {
  const auto header = intact_header(rest, segment.header().log_id);
  if (!header) return;
  const bool in_place = header->address == segment.base() + at;
  tail.durable_through = std::max(tail.durable_through, header->durable_through);
  if (at == tail.begin) {
    if (in_place) tail.commit_bytes = frame_bytes(header->payload_bytes);
    return;
  }
  if (!tail.frame_behind) tail.frame_behind = at;
  tail.whole_frame_behind = tail.whole_frame_behind || !in_place || is_whole(rest, *header);
}

}  // namespace

Expected<FrameFault> scan_frames(const Segment& segment, ChainState& chain, FrameCheck check,
                                 const std::function<void(const Frame&, std::uint64_t)>& seen) {
  auto bytes = segment.bytes();
  if (!bytes) return std::unexpected(bytes.error());
  Sha256 sha;
  std::uint64_t offset = chain.address - segment.base();
  while (offset + kBlockBytes <= bytes->size()) {
    auto frame = check_frame(bytes->subspan(offset), chain, check, &sha);
    if (!frame) return frame.error();
    if (check != FrameCheck::whole) {
      // What follows proves a trailer's hash; the last one must be recomputed, for the next frame builds on it.
      const std::uint64_t behind = offset + frame->bytes;
      const bool last = behind + kBlockBytes > bytes->size() ||
                        !is_frame_header(bytes->subspan(behind), chain.log_id, segment.base() + behind);
      if (last && sha.of({bytes->subspan(offset, kFrameHeaderBytes), frame->payload}) != frame->hash) {
        return FrameFault::hash;
      }
    }
    if (seen) seen(*frame, offset);
    advance(chain, *frame);
    offset += frame->bytes;
  }
  return FrameFault::absent;
}

namespace {

Expected<bool> stands_on_disk(File& file, std::uint64_t offset, std::span<const std::byte> seen) {
  std::vector<std::byte> held(seen.size());
  if (auto read = file.read_from_disk(offset, held); !read) return std::unexpected(read.error());
  return std::ranges::equal(held, seen);
}

}  // namespace

Expected<FrameFault> scan_to_the_end(Segment& segment, ChainState& chain, File& file) {
  struct Last {
    Frame frame;
    std::uint64_t offset;
    ChainState before;
  };
  std::optional<Last> last;
  std::vector<KeyPlace> scratch;
  auto fault = scan_frames(segment, chain, FrameCheck::payload, [&](const Frame& frame, std::uint64_t offset) {
    if (last) add_to_index(segment.growing(), last->frame, last->offset, scratch);
    last = Last{frame, offset, chain};
  });
  if (!fault || !last) return fault;
  if (auto synced = file.sync(); !synced) return std::unexpected(synced.error());
  const auto held = stands_on_disk(file, last->offset, segment.bytes()->subspan(last->offset, last->frame.bytes));
  if (!held) return std::unexpected(held.error());
  if (*held) {
    add_to_index(segment.growing(), last->frame, last->offset, scratch);
    return fault;
  }
  chain = last->before;
  return FrameFault::not_on_disk;
}

Tail inspect_tail(const Segment& segment, std::span<const std::byte> bytes, std::uint64_t begin, FrameFault fault) {
  Tail tail;
  tail.begin = tail.end = begin;
  tail.fault = fault;
  inspect_tail(segment, bytes, begin, bytes.size(), tail);
  return tail;
}

void inspect_tail(const Segment& segment, std::span<const std::byte> bytes, std::uint64_t from, std::uint64_t to,
                  Tail& tail) {
  for (std::uint64_t at = from; at + kBlockBytes <= to; at += kBlockBytes) {
    if (is_zero(bytes.subspan(at, kBlockBytes))) continue;
    tail.end = at + kBlockBytes;
    for (std::uint64_t sector = at; sector < tail.end; sector += kSectorBytes) {
      inspect_sector(segment, bytes.subspan(sector), sector, tail);
    }
  }
}

EndFacts facts_of(const Tail& tail, const SegmentHeader& header, std::uint64_t next_position) {
  EndFacts facts;
  if (!may_be_torn(tail.fault)) {
    facts.behind = Behind::wrong;
  } else if (tail.end > tail.begin) {
    facts.behind = Behind::torn;
  }
  facts.frame_behind = tail.whole_frame_behind;
  facts.durable_through_reaches = tail.durable_through >= next_position;
  const std::uint64_t commit_bytes_max = tail.commit_bytes > 0 ? tail.commit_bytes : header.frame_bytes_max;
  facts.larger_than_one_commit = tail.end - tail.begin > commit_bytes_max;
  return facts;
}

std::optional<std::string_view> why_not_torn(const Tail& tail, const SegmentHeader& header) {
  EndFacts facts = facts_of(tail, header, UINT64_MAX);
  facts.frame_behind = tail.frame_behind.has_value();
  const EndDecision decision = decide_end(facts);
  if (!refuses(decision)) return std::nullopt;
  return decision == EndDecision::refuse_wrong ? text(tail.fault) : text(decision);
}

namespace {

std::string why_refused(EndDecision refusal, const Tail& tail) {
  if (refusal == EndDecision::refuse_wrong) return std::string(text(tail.fault));
  std::string why;
  if (tail.end > tail.begin) why.append(text(tail.fault)).append(": ");
  return why.append(text(refusal));
}

// One log's recovery, step by step.
class Recovery {
 public:
  Recovery(Environment& environment, const std::filesystem::path& directory, bool look_behind_later)
      : environment_(environment), directory_(directory), look_behind_later_(look_behind_later) {}

  Expected<Recovered> run(Position known_durable, const std::string& known_durable_of) {
    if (auto done = prepare_directory(); !done) return std::unexpected(done.error());
    auto headers = read_segment_headers(environment_, directory_);
    if (!headers) return std::unexpected(headers.error());
    if (!headers->empty()) {
      if (auto done = scan(*headers); !done) return std::unexpected(done.error());
      const bool of_this_log = known_durable_of.empty() || known_durable_of == hex(found_.end.log_id);
      if (auto done = settle_end(of_this_log ? known_durable : Position{}); !done) return std::unexpected(done.error());
    } else if (auto done = check_nothing_was_here(known_durable); !done) {
      return std::unexpected(done.error());
    }
    if (auto done = remove_marker(); !done) return std::unexpected(done.error());
    return std::move(found_);
  }

 private:
  // Unfinished files go, and what the last writer left in the page cache comes to the disk before it counts.
  Expected<void> prepare_directory() {
    auto names = environment_.list(directory_);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (name.ends_with(kTemporarySuffix)) {
        if (auto done = environment_.remove(directory_ / name); !done) return done;
      }
      if (name.ends_with(kSegmentSuffix)) tail_name_ = name;
      if (name == kCleanName) read_marker();
    }
    if (!tail_name_.empty()) {
      auto file = environment_.open(directory_ / tail_name_, OpenMode::write);
      if (!file) return std::unexpected(file.error());
      if (auto done = (*file)->sync(); !done) return done;
      tail_file_ = std::move(*file);
    }
    return environment_.sync_directory(directory_);
  }

  void read_marker() {
    CleanMarker marker;
    auto file = environment_.open(directory_ / kCleanName, OpenMode::read);
    if (!file || !(*file)->read_at(0, std::as_writable_bytes(std::span(&marker, 1)))) return;
    if (marker.magic == kCleanMagic && marker.marker_crc == crc32c(checked_bytes(marker))) marker_ = marker;
  }

  Expected<void> scan(const std::vector<SegmentHeader>& headers) {
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const bool last = i + 1 == headers.size();
      const std::uint64_t bytes = last ? kBlockBytes : headers[i + 1].previous_end_address - headers[i].base_address;
      auto index = last ? std::make_unique<GrowingIndex>(headers[i].segment_bytes) : nullptr;
      found_.segments.push_back(
          std::make_unique<Segment>(environment_, directory_, headers[i], bytes, std::move(index)));
    }
    Segment& segment = *found_.segments.back();
    // Only segments that have a successor are archived.
    if (segment.path().filename() != tail_name_) {
      return fail(ErrorKind::damaged, segment.path().string() +
                                          ": damaged: the last segment is here only as an archive" +
                                          std::string(kRestoreHint));
    }
    found_.end = chain_before(segment.header());
    if (headers.size() > 1) {
      if (auto done = last_time_before(headers[headers.size() - 2], headers.back()); !done) return done;
    }
    auto fault = scan_to_the_end(segment, found_.end, *tail_file_);
    if (!fault) return std::unexpected(fault.error());
    segment.set_durable_bytes(found_.end.address - segment.base());
    inspect(segment, *fault);
    return {};
  }

  // Whatever one commit may have left is near; if nothing is, the rest can wait.
  void inspect(const Segment& segment, FrameFault fault) {
    const auto bytes = *segment.bytes();
    tail_.begin = tail_.end = segment.durable_bytes();
    tail_.fault = fault;
    const std::uint64_t near = tail_.begin + segment.header().frame_bytes_max + kBlockBytes;
    found_.looked_at = look_behind_later_ && !marker_ ? std::min<std::uint64_t>(near, bytes.size()) : bytes.size();
    inspect_tail(segment, bytes, tail_.begin, found_.looked_at, tail_);
    if (tail_.end != tail_.begin) inspect_rest();
  }
  void inspect_rest() {
    const Segment& segment = *found_.segments.back();
    const auto bytes = *segment.bytes();
    inspect_tail(segment, bytes, found_.looked_at, bytes.size(), tail_);
    found_.looked_at = bytes.size();
  }

  // Times never decrease across segments either.
  Expected<void> last_time_before(const SegmentHeader& before, const SegmentHeader& header) {
    auto file = environment_.open(directory_ / segment_name(before.first_position), OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const std::uint64_t end = header.previous_end_address - before.base_address;
    FrameTrailer trailer;
    FrameHeader last;
    if (auto read = (*file)->read_at(end - sizeof trailer, std::as_writable_bytes(std::span(&trailer, 1))); !read) {
      return read;
    }
    if (auto read = (*file)->read_at(end - trailer.frame_bytes, std::as_writable_bytes(std::span(&last, 1))); !read) {
      return read;
    }
    found_.end.ingest_time_us = last.ingest_time_us;
    return {};
  }

  MarkerSays what_marker_says() const {
    const std::uint64_t last = found_.end.next_position - 1;
    if (!marker_ || marker_->log_id != found_.end.log_id) return MarkerSays::nothing;
    if (marker_->last_position != last) return marker_->last_position > last ? MarkerSays::more : MarkerSays::less;
    const bool same = marker_->end_address == found_.end.address && marker_->hash == found_.end.hash;
    return same ? MarkerSays::ends_here : MarkerSays::otherwise;
  }

  EndFacts end_facts(Position known_durable) const {
    EndFacts facts = facts_of(tail_, found_.segments.back()->header(), found_.end.next_position);
    facts.checkpoint_reaches = known_durable.value() >= found_.end.next_position;
    facts.marker = what_marker_says();
    return facts;
  }

  // Decides what the end of the log is, and does it.
  Expected<void> settle_end(Position known_durable) {
    const Segment& segment = *found_.segments.back();
    EndFacts facts = end_facts(known_durable);
    if (refuses(decide_end(facts))) {
      inspect_rest();  // the reason comes from the first row that fits, whatever was left for later
      facts = end_facts(known_durable);
    }
    const EndDecision decision = decide_end(facts);
    if (refuses(decision)) {
      return std::unexpected(
          segment.damage(tail_.begin, found_.end.next_position, why_not_opened(decision, known_durable)));
    }
    found_.report.clean_shutdown = decision == EndDecision::whole_and_clean;
    if (facts.marker != MarkerSays::nothing) found_.end.epoch = std::max(found_.end.epoch, marker_->epoch);
    if (auto mended = mend_padding(); !mended) return mended;
    return decision == EndDecision::cut ? cut_tail() : Expected<void>{};
  }

  // A commit cut short by a power loss may be whole in all that counts, with garbage left between its records and its
  // trailer: no checksum covers that, so it is made what it was meant to be.
  Expected<void> mend_padding() {
    const Segment& segment = *found_.segments.back();
    const std::uint64_t end = segment.durable_bytes();
    if (end == kBlockBytes) return {};
    const auto bytes = *segment.bytes();
    FrameTrailer trailer;
    FrameHeader header;
    std::memcpy(&trailer, bytes.data() + end - sizeof trailer, sizeof trailer);
    const std::uint64_t begin = end - trailer.frame_bytes;
    std::memcpy(&header, bytes.data() + begin, sizeof header);
    const std::uint64_t records_end = begin + kFrameHeaderBytes + header.payload_bytes;
    const std::vector<std::byte> zeros(end - sizeof trailer - records_end);
    if (std::ranges::equal(zeros, bytes.subspan(records_end, zeros.size()))) return {};
    if (auto done = tail_file_->write_at(records_end, zeros); !done) return done;
    return tail_file_->sync();
  }

  std::string why_not_opened(EndDecision refusal, Position known_durable) const {
    std::string why = why_refused(refusal, tail_);
    if (refusal == EndDecision::refuse_checkpoint_ahead) why += seen(known_durable.value());
    if (refusal == EndDecision::refuse_marker_ahead) why += seen(marker_->last_position);
    return why;
  }
  std::string seen(std::uint64_t position) const {
    return ": the log ends at position " + std::to_string(found_.end.next_position - 1) + ", it has seen position " +
           std::to_string(position);
  }

  // Without a single segment the log is new, unless somebody has seen it.
  Expected<void> check_nothing_was_here(Position known_durable) const {
    const bool marked = marker_ && marker_->last_position > 0;
    if (!marked && known_durable == Position{}) return {};
    const EndDecision refusal = marked ? EndDecision::refuse_marker_ahead : EndDecision::refuse_checkpoint_ahead;
    return fail(ErrorKind::damaged, directory_.string() + ": damaged: no segment is here: " +
                                        why_not_opened(refusal, known_durable) + std::string(kRestoreHint));
  }

  Expected<void> cut_tail() {
    const Segment& segment = *found_.segments.back();
    const std::vector<std::byte> zeros(tail_.end - tail_.begin);
    if (auto done = tail_file_->write_at(tail_.begin, zeros); !done) return done;
    if (auto done = tail_file_->sync(); !done) return done;
    found_.report.torn_bytes_cut = zeros.size();
    found_.report.text = segment.path().string() + ": cut " + std::to_string(zeros.size()) + " bytes at offset " +
                         std::to_string(tail_.begin) + " behind position " +
                         std::to_string(found_.end.next_position - 1) + ": " + std::string(text(tail_.fault)) +
                         "; a commit that was never acknowledged";
    return {};
  }

  Expected<void> remove_marker() {
    auto names = environment_.list(directory_);
    if (!names) return std::unexpected(names.error());
    if (!std::binary_search(names->begin(), names->end(), kCleanName)) return {};
    if (auto done = environment_.remove(directory_ / kCleanName); !done) return done;
    return environment_.sync_directory(directory_);
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const bool look_behind_later_;
  std::string tail_name_;  // the newest segment file: what was written last
  std::unique_ptr<File> tail_file_;
  std::optional<CleanMarker> marker_;
  Tail tail_;
  Recovered found_;
};

}  // namespace

Expected<Recovered> recover(Environment& environment, const std::filesystem::path& directory, Position known_durable,
                            const std::string& known_durable_of, bool look_behind_later) {
  return Recovery(environment, directory, look_behind_later).run(known_durable, known_durable_of);
}

Expected<void> look_behind(const Segment& last, const ChainState& end, std::uint64_t looked_at) {
  const auto bytes = last.bytes();
  if (!bytes) return std::unexpected(bytes.error());
  Tail tail;
  tail.begin = tail.end = end.address - last.base();
  inspect_tail(last, *bytes, looked_at, bytes->size(), tail);
  if (tail.end == tail.begin) return {};
  // Further away than one commit reaches: never a torn one.
  const EndDecision refusal = decide_end(facts_of(tail, last.header(), end.next_position));
  return std::unexpected(last.damage(tail.begin, end.next_position, why_refused(refusal, tail)));
}

Expected<void> write_clean_marker(Environment& environment, const std::filesystem::path& directory,
                                  const ChainState& end) {
  CleanMarker marker;
  marker.log_id = end.log_id;
  marker.epoch = end.epoch;
  marker.last_position = end.next_position - 1;
  marker.end_address = end.address;
  marker.hash = end.hash;
  marker.marker_crc = crc32c(checked_bytes(marker));
  const std::filesystem::path path = directory / kCleanName;
  std::filesystem::path temporary = path;
  temporary += kTemporarySuffix;
  auto file = environment.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->write_at(0, std::as_bytes(std::span(&marker, 1))); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = environment.rename(temporary, path); !done) return done;
  return environment.sync_directory(directory);
}

}  // namespace vigil::eventlog
