#include "eventlog/storage/backup_copy.h"

#include <algorithm>
#include <cstring>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

constexpr std::uint64_t kCopyAtOnce = 1 << 20;

// Walks the frames of a segment, unpacking what is archived piece by piece.
class Walk {
 public:
  Walk(Environment& environment, const std::filesystem::path& directory, const SegmentHeader& header)
      : segment_(environment, directory, header, kBlockBytes, nullptr), chain_(chain_before(header)) {
    segment_.unpack_into(chunks_);
  }

  const Segment& segment() const { return segment_; }
  const ChainState& chain() const { return chain_; }
  std::uint64_t offset() const { return chain_.address - segment_.base(); }

  // The frame there, or why there is none. Does not move. Error: io, damaged archive.
  using Look = std::expected<Frame, FrameFault>;
  Expected<Look> look(FrameCheck check) {
    if (offset() >= segment_.header().segment_bytes) return Look(std::unexpected(FrameFault::absent));
    if (auto moved = segment_.move(window_, offset()); !moved) return std::unexpected(moved.error());
    return check_frame(window_.from(offset()), chain_, check, &sha_);
  }
  void pass(const Frame& frame) { advance(chain_, frame); }

  // That there is nothing from here to the end.
  Expected<bool> rest_is_zero() {
    for (std::uint64_t at = offset(); at < segment_.header().segment_bytes;) {
      if (auto moved = segment_.move(window_, at); !moved) return std::unexpected(moved.error());
      const auto rest = window_.from(at);
      if (!is_zero(rest)) return false;
      at += rest.size();
    }
    return true;
  }

  SegmentCut here() const {
    return {chain_.address, chain_.hash, chain_.next_position - 1, chain_.ingest_time_us, chain_.epoch};
  }

 private:
  UnpackedChunks chunks_;
  Segment segment_;
  SegmentWindow window_;
  ChainState chain_;
  Sha256 sha_;
};

Expected<void> copy_bytes(File& from, File& to, std::uint64_t bytes,
                          const std::function<void(std::uint64_t)>& progress) {
  std::vector<std::byte> buffer(kCopyAtOnce);
  for (std::uint64_t at = 0; at < bytes; at += kCopyAtOnce) {
    const auto part = std::span(buffer).first(std::min(kCopyAtOnce, bytes - at));
    if (auto read = from.read_at(at, part); !read) return read;
    if (auto written = to.write_at(at, part); !written) return written;
    if (progress) progress(part.size());
  }
  return {};
}

// The frames up to the wanted end; what is behind them is a hole, which reads as zeros.
Expected<void> copy_frames(Environment& environment, const std::filesystem::path& from, const std::filesystem::path& to,
                           const SegmentCopy& copy, const std::function<void(std::uint64_t)>& progress) {
  const SegmentHeader& header = copy.segment.header;
  auto source = environment.open(from / segment_name(header.first_position), OpenMode::read);
  if (!source) return std::unexpected(source.error());
  auto target = environment.open(to, OpenMode::create);
  if (!target) return std::unexpected(target.error());
  const std::uint64_t bytes = copy.end_address - header.base_address;
  if (auto copied = copy_bytes(**source, **target, bytes, progress); !copied) return copied;
  if (bytes < header.segment_bytes) {
    const std::vector<std::byte> zeros(kBlockBytes);
    if (auto grown = (*target)->write_at(header.segment_bytes - kBlockBytes, zeros); !grown) return grown;
  }
  if (auto synced = (*target)->sync(); !synced) return synced;
  (*target)->forget_cached();
  return {};
}

Expected<void> copy_archive(Environment& environment, const std::filesystem::path& from,
                            const std::filesystem::path& to, const SegmentCopy& copy,
                            const std::function<void(std::uint64_t)>& progress) {
  auto source = environment.open(from / archive_name(copy.segment.header.first_position), OpenMode::read);
  if (!source) return std::unexpected(source.error());
  auto target = environment.open(to, OpenMode::create);
  if (!target) return std::unexpected(target.error());
  if (auto copied = copy_bytes(**source, **target, copy.segment.archive->archive_bytes, progress); !copied) {
    return copied;
  }
  if (auto synced = (*target)->sync(); !synced) return synced;
  (*target)->forget_cached();
  return {};
}

// Unpacks, and forgets the frames behind the wanted end.
Expected<void> copy_unpacked(Environment& environment, const std::filesystem::path& from,
                             const std::filesystem::path& to, const SegmentCopy& copy,
                             const std::function<void(std::uint64_t)>& progress) {
  const SegmentHeader& header = copy.segment.header;
  auto unpacked = unpack_segment(environment, from / archive_name(header.first_position), to);
  if (!unpacked) return unpacked;
  if (progress) progress(copy.segment.archive->archive_bytes);
  if (copy.whole) return {};
  auto file = environment.open(to, OpenMode::write);
  if (!file) return std::unexpected(file.error());
  const std::uint64_t keep = copy.end_address - header.base_address;
  const std::uint64_t end = copy.segment.archive->segment_end;
  if (auto cut = (*file)->write_zeros(keep, end - keep); !cut) return cut;
  if (auto synced = (*file)->sync(); !synced) return synced;
  (*file)->forget_cached();
  return {};
}

}  // namespace

Expected<std::optional<SegmentCut>> find_cut(Environment& environment, const std::filesystem::path& directory,
                                             const SegmentHeader& header,
                                             const std::function<bool(const FrameHeader&)>& wanted) {
  Walk walk(environment, directory, header);
  std::optional<SegmentCut> cut;
  while (true) {
    auto frame = walk.look(FrameCheck::header);
    if (!frame) return std::unexpected(frame.error());
    if (!*frame && frame->error() != FrameFault::absent) {
      return std::unexpected(walk.segment().damage(walk.offset(), walk.chain().next_position, text(frame->error())));
    }
    if (!*frame || !wanted((*frame)->header)) return cut;
    walk.pass(**frame);
    cut = walk.here();
  }
}

Expected<bool> ends_at(Environment& environment, const std::filesystem::path& directory, const StoredSegment& segment,
                       std::uint64_t end_address, const Hash& hash) {
  FrameTrailer trailer;
  const std::uint64_t end = end_address - segment.header.base_address;
  if (end > segment.header.segment_bytes || end < 2 * kBlockBytes) return false;
  if (segment.archive) {
    return segment.archive->segment_end == end && segment.archive->last_trailer.hash == hash;
  }
  auto file = environment.open(directory / segment_name(segment.header.first_position), OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto bytes = std::as_writable_bytes(std::span(&trailer, 1));
  if (auto read = (*file)->read_at(end - sizeof trailer, bytes); !read) return std::unexpected(read.error());
  return trailer.magic == kTrailerMagic && trailer.hash == hash;
}

Expected<SegmentCut> check_segment(Environment& environment, const std::filesystem::path& directory,
                                   const SegmentHeader& header, std::uint64_t end_address, const Hash& hash) {
  Walk walk(environment, directory, header);
  const auto damage = [&](std::string_view what) {
    return std::unexpected(walk.segment().damage(walk.offset(), walk.chain().next_position, what));
  };
  while (walk.chain().address < end_address) {
    auto frame = walk.look(FrameCheck::whole);
    if (!frame) return std::unexpected(frame.error());
    if (!*frame) return damage(text(frame->error()));
    walk.pass(**frame);
  }
  if (walk.chain().address != end_address || walk.chain().hash != hash) return damage(text(FrameFault::hash));
  const auto zero = walk.rest_is_zero();
  if (!zero) return std::unexpected(zero.error());
  if (!*zero) return damage("something stands behind the last frame");
  return walk.here();
}

Expected<CopiedFile> copy_segment(Environment& environment, const std::filesystem::path& from,
                                  const std::filesystem::path& to, const SegmentCopy& copy,
                                  const std::function<void(std::uint64_t)>& progress) {
  const std::uint64_t first = copy.segment.header.first_position;
  const bool packed = copy.segment.archive.has_value();
  const bool stays_packed = packed && copy.whole && copy.form == CopyForm::as_it_is;
  CopiedFile copied;
  copied.name = stays_packed ? archive_name(first) : segment_name(first);
  const std::filesystem::path path = to / copied.name;
  auto* const how = stays_packed ? copy_archive : packed ? copy_unpacked : copy_frames;
  const auto attempt = [&]() -> Expected<CopiedFile> {
    if (auto done = how(environment, from, path, copy, progress); !done) return std::unexpected(done.error());
    auto checked = check_segment(environment, to, copy.segment.header, copy.end_address, copy.hash);
    if (!checked) return std::unexpected(checked.error());
    copied.cut = *checked;
    copied.bytes = stays_packed ? copy.segment.archive->archive_bytes : copy.segment.header.segment_bytes;
    return copied;
  };
  auto done = attempt();
  if (!done) static_cast<void>(environment.remove(path));
  return done;
}

}  // namespace vigil::eventlog
