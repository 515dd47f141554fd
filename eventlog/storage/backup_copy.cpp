#include "eventlog/storage/backup_copy.h"

#include <algorithm>
#include <cstring>

#include "eventlog/storage/archive.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

namespace {

constexpr std::uint64_t kCopyAtOnce = 1 << 20;

SegmentCut cut_at(const ChainState& end) {
  return {end.address, end.hash, end.next_position - 1, end.ingest_time_us, end.epoch};
}

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

// What is wrong, after a copy was not what it should be: the source, which whoever copies has to know, or the copy
// alone.
Error culprit(Environment& environment, const std::filesystem::path& from, const SegmentCopy& copy,
              const std::filesystem::path& path, const Error& of_copy) {
  if (of_copy.kind != ErrorKind::damaged) return of_copy;
  SegmentCheck check{.environment = environment, .directory = from, .header = copy.segment.header};
  check.sealed = copy.whole;
  if (copy.whole) check.end_address = copy.end_address;
  const auto source = verify_segment(check);
  if (!source) return source.error();
  if (source->damage) return *source->damage;
  if (source->end.address < copy.end_address) {
    return Error{ErrorKind::damaged, (from / segment_name(copy.segment.header.first_position)).string() +
                                         ": damaged: ends before position " +
                                         std::to_string(source->end.next_position) + std::string(kRestoreHint)};
  }
  return Error{ErrorKind::damaged, path.string() +
                                       ": this copy did not read back as it was written, while its source is intact; "
                                       "check the disk it was written to, and call again"};
}

}  // namespace

Expected<std::optional<SegmentCut>> find_cut(Environment& environment, const std::filesystem::path& directory,
                                             const SegmentHeader& header, const CutLimit& limit) {
  auto reader = ForwardReader::open(environment, directory, header, {});
  if (!reader) return std::unexpected(reader.error());
  ChainState chain = chain_before(header);
  std::optional<SegmentCut> cut;
  while (chain.next_position <= limit.position) {
    const auto look = look_at_frame(*reader, header, chain);
    if (!look) return std::unexpected(look.error());
    const auto& frame = look->frame;
    if (!frame && frame.error() == FrameFault::absent && !limit.is_there) break;
    if (!frame) {
      const Segment segment(environment, directory, header, kBlockBytes, nullptr);
      return std::unexpected(
          segment.damage(chain.address - header.base_address, chain.next_position, text(frame.error())));
    }
    const std::uint64_t last = frame->header.first_position + frame->header.event_count - 1;
    if (last > limit.position || frame->header.ingest_time_us > limit.ingest_time_us) break;
    advance(chain, *frame);
    cut = cut_at(chain);
  }
  return cut;
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

Expected<CopiedFile> copy_segment(Environment& environment, const std::filesystem::path& from,
                                  const std::filesystem::path& to, const SegmentCopy& copy,
                                  const std::function<void(std::uint64_t)>& progress) {
  const std::uint64_t first = copy.segment.header.first_position;
  const bool packed = copy.segment.archive.has_value();
  const bool stays_packed = packed && copy.whole && copy.form == CopyForm::as_it_is;
  CopiedFile copied;
  copied.name = stays_packed ? archive_name(first) : segment_name(first);
  const std::filesystem::path path = to / (copied.name + std::string(copy.suffix));
  auto* const how = stays_packed ? copy_archive : packed ? copy_unpacked : copy_frames;
  auto done = how(environment, from, path, copy, progress);
  if (done) {
    SegmentCheck check{.environment = environment, .directory = to, .header = copy.segment.header};
    check.end_address = copy.end_address;
    check.suffix = copy.suffix;
    const auto end = require_intact(check, copy.hash);
    if (end) {
      copied.cut = cut_at(*end);
      copied.bytes = stays_packed ? copy.segment.archive->archive_bytes : copy.segment.header.segment_bytes;
      return copied;
    }
    done = std::unexpected(end.error());
  }
  static_cast<void>(environment.remove(path));
  return std::unexpected(culprit(environment, from, copy, path, done.error()));
}

}  // namespace vigil::eventlog
