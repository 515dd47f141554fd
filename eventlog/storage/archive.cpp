#include "eventlog/storage/archive.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

namespace {

// The writer's own lock is another, so that a service may run.
constexpr std::string_view kArchiveLockName = "LOCK.archive";
// The zeros behind a segment's last frame.
constexpr std::uint64_t kZerosAtOnce = 16 << 20;

std::filesystem::path unfinished(std::filesystem::path path) {
  path += kArchivingSuffix;
  return path;
}

// Held while segments are packed or unpacked; what an interrupted call left is gone then.
Expected<std::unique_ptr<Lock>> lock_archives(Environment& environment, const std::filesystem::path& directory) {
  auto lock = environment.lock(directory / kArchiveLockName);
  if (!lock) return lock;
  const auto names = environment.list(directory);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    if (!name.ends_with(kArchivingSuffix)) continue;
    if (auto removed = environment.remove(directory / name); !removed) return std::unexpected(removed.error());
  }
  return lock;
}

// Packs a segment up to the hash and place `following` names, checking each frame.
class Packing {
 public:
  Packing(Environment& environment, const std::filesystem::path& directory, const SegmentHeader& segment,
          const SegmentHeader& following, ArchiveWriter& writer)
      : segment_(environment, directory, segment, kBlockBytes, nullptr),
        following_(following),
        writer_(writer),
        chain_(chain_before(segment)) {}

  Expected<ArchiveHeader> pack(ForwardReader& reader) {
    header_.segment = segment_.header();
    header_.segment_end = following_.previous_end_address - segment_.base();
    const auto first = reader.at(0, kBlockBytes);
    if (!first) return std::unexpected(first.error());
    chunk_.assign(first->begin(), first->begin() + kBlockBytes);
    while (chain_.address < following_.previous_end_address) {
      if (auto packed = pack_frame(reader); !packed) return std::unexpected(packed.error());
    }
    if (chain_.address != following_.previous_end_address || chain_.hash != following_.previous_hash) {
      return damage(text(FrameFault::hash));
    }
    if (auto packed = pack_zeros(reader); !packed) return std::unexpected(packed.error());
    return header_;
  }

 private:
  std::unexpected<Error> damage(std::string_view what) const {
    return std::unexpected(segment_.damage(chain_.address - segment_.base(), chain_.next_position, what));
  }

  Expected<void> pack_frame(ForwardReader& reader) {
    const auto look = look_at_frame(reader, segment_.header(), chain_);
    if (!look) return std::unexpected(look.error());
    const auto frame = look->frame ? check_frame(look->bytes, chain_, FrameCheck::whole, &sha_) : look->frame;
    if (!frame) return damage(text(frame.error()));
    const auto bytes = look->bytes.first(frame->bytes);
    advance(chain_, *frame);
    header_.last_frame = frame->header;
    std::memcpy(&header_.last_trailer, bytes.last(sizeof(FrameTrailer)).data(), sizeof(FrameTrailer));
    chunk_.insert(chunk_.end(), bytes.begin(), bytes.end());
    if (chunk_.size() < kArchiveChunkBytes && chain_.address < following_.previous_end_address) return {};
    auto added = writer_.add(chunk_);
    chunk_.clear();
    return added;
  }

  Expected<void> pack_zeros(ForwardReader& reader) {
    const std::uint64_t end = segment_.header().segment_bytes;
    for (std::uint64_t at = header_.segment_end; at < end; at += kZerosAtOnce) {
      const std::uint64_t wanted = std::min(kZerosAtOnce, end - at);
      const auto bytes = reader.at(at, wanted);
      if (!bytes) return std::unexpected(bytes.error());
      if (!is_zero(bytes->first(wanted))) return damage(text(FrameFault::magic));
      if (auto added = writer_.add(bytes->first(wanted)); !added) return added;
    }
    return {};
  }

  const Segment segment_;  // for its name
  const SegmentHeader& following_;
  ArchiveWriter& writer_;
  ChainState chain_;
  Sha256 sha_;
  std::vector<std::byte> chunk_;
  ArchiveHeader header_;
};

// That `archive` gives back exactly what `segment` holds.
Expected<void> compare(Environment& environment, const std::filesystem::path& path,
                       const std::filesystem::path& segment) {
  auto archive = ArchiveFile::open(environment, path);
  if (!archive) return std::unexpected(archive.error());
  auto file = environment.open(segment, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto bytes = (*file)->size();
  if (!bytes) return std::unexpected(bytes.error());
  if ((*archive)->header().segment.segment_bytes != *bytes) {
    return fail(ErrorKind::damaged, path.string() + ": damaged: the archive of another segment");
  }
  std::vector<std::byte> unpacked, original;
  for (std::size_t i = 0; i < (*archive)->chunks().size(); ++i) {
    const ArchiveFile::Chunk& chunk = (*archive)->chunks()[i];
    unpacked.resize(chunk.end - chunk.begin);
    original.resize(unpacked.size());
    if (auto done = (*archive)->unpack(i, unpacked); !done) return done;
    if (auto read = (*file)->read_at(chunk.begin, original); !read) return read;
    if (unpacked != original) {
      return fail(ErrorKind::damaged, path.string() + ": damaged at offset " + std::to_string(chunk.place) +
                                          ": it does not give back what was packed; the segment stays as it is");
    }
  }
  return {};
}

class Archiving {
 public:
  Archiving(Environment& environment, const std::filesystem::path& directory, const ArchiveOptions& options)
      : environment_(environment), directory_(directory), options_(options) {}

  Expected<ArchiveReport> run() {
    auto lock = lock_archives(environment_, directory_);
    if (!lock) return std::unexpected(lock.error());
    auto segments = read_segments(environment_, directory_);
    if (!segments) return std::unexpected(segments.error());
    std::vector<std::size_t> chosen;
    const std::size_t sealed = segments->empty() ? 0 : segments->size() - 1;
    const std::size_t end = sealed - std::min<std::size_t>(sealed, std::max(options_.keep, kKeptMin));
    for (std::size_t i = 0; i < end; ++i) {
      if (options_.before && (*segments)[i + 1].header.first_position > options_.before->value()) break;
      (*segments)[i].file ? chosen.push_back(i) : void(++report_.archived_all);
    }
    for (const std::size_t i : chosen) bytes_in_all_ += (*segments)[i].header.segment_bytes;
    for (const std::size_t i : chosen) {
      if (auto done = archive((*segments)[i], (*segments)[i + 1].header); !done) return std::unexpected(done.error());
    }
    return report_;
  }

 private:
  // An archive is there when its name is; the segment's file goes only after that name is durable.
  Expected<void> archive(const StoredSegment& stored, const SegmentHeader& following) {
    const std::filesystem::path segment = directory_ / segment_name(stored.header.first_position);
    const std::filesystem::path path = directory_ / archive_name(stored.header.first_position);
    if (!stored.archived_too || !compare(environment_, path, segment)) {
      if (auto made = make(stored.header, following, path); !made) return made;
    }
    if (auto synced = environment_.sync_directory(directory_); !synced) return synced;
    if (auto removed = environment_.remove(segment); !removed) return removed;
    if (auto synced = environment_.sync_directory(directory_); !synced) return synced;
    ++report_.segments;
    ++report_.archived_all;
    report_.before += stored.header.segment_bytes;
    auto file = environment_.open(path, OpenMode::read);
    if (file) report_.after += (*file)->size().value_or(0);
    bytes_done_ += stored.header.segment_bytes;
    if (options_.progress) options_.progress(bytes_done_, bytes_in_all_);
    return {};
  }

  Expected<void> make(const SegmentHeader& segment, const SegmentHeader& following, const std::filesystem::path& path) {
    const std::filesystem::path place = options_.to.empty() ? path : options_.to / path.filename();
    if (auto free = options_.to.empty() ? Expected<void>() : require_place(segment, place); !free) return free;
    auto written = write(segment, following, unfinished(place));
    if (written) written = environment_.rename(unfinished(place), place);
    if (!written) {
      static_cast<void>(environment_.remove(unfinished(place)));
      return written;
    }
    if (options_.to.empty()) return {};
    if (auto synced = environment_.sync_directory(options_.to); !synced) return synced;
    return options_.link(place, path);
  }

  // Segments of all logs have the same names: the only copy of another log's may be there.
  Expected<void> require_place(const SegmentHeader& segment, const std::filesystem::path& place) const {
    const auto there = read_segment(environment_, options_.to, segment.first_position);
    if (!there && there.error().kind == ErrorKind::not_found) return {};
    if (there && std::ranges::equal(checked_bytes(there->header), checked_bytes(segment))) return {};
    return fail(ErrorKind::invalid, place.string() +
                                        ": is there already, and no archive of this log's segment; give every log a "
                                        "directory of its own for its archives");
  }

  Expected<void> write(const SegmentHeader& segment, const SegmentHeader& following,
                       const std::filesystem::path& path) {
    auto reader = ForwardReader::open(environment_, directory_, segment, {});
    if (!reader) return std::unexpected(reader.error());
    auto file = environment_.open(path, OpenMode::create);
    if (!file) return std::unexpected(file.error());
    ArchiveWriter writer(**file);
    const auto header = Packing(environment_, directory_, segment, following, writer).pack(*reader);
    if (!header) return std::unexpected(header.error());
    if (auto finished = writer.finish(*header); !finished) return finished;
    if (auto synced = (*file)->sync(); !synced) return synced;
    (*file)->forget_cached();  // what is compared is what is on the disk
    return compare(environment_, path, directory_ / segment_name(segment.first_position));
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const ArchiveOptions& options_;
  std::uint64_t bytes_in_all_ = 0;
  std::uint64_t bytes_done_ = 0;
  ArchiveReport report_;
};

class Unarchiving {
 public:
  Unarchiving(Environment& environment, const std::filesystem::path& directory, const UnarchiveOptions& options)
      : environment_(environment), directory_(directory), options_(options) {}

  Expected<ArchiveReport> run() {
    auto lock = lock_archives(environment_, directory_);
    if (!lock) return std::unexpected(lock.error());
    auto segments = read_segments(environment_, directory_);
    if (!segments) return std::unexpected(segments.error());
    std::vector<std::size_t> chosen;
    for (std::size_t i = segments->size(); i-- > 0;) {
      if (!(*segments)[i].archive && !(*segments)[i].archived_too) continue;
      is_wanted(*segments, i) ? chosen.push_back(i) : void(++report_.archived_all);
    }
    for (std::size_t done = 0; done < chosen.size(); ++done) {
      auto unarchived = unarchive((*segments)[chosen[done]]);
      if (!unarchived) return std::unexpected(unarchived.error());
      if (options_.progress) options_.progress(done + 1, chosen.size());
    }
    return report_;
  }

 private:
  bool is_wanted(const std::vector<StoredSegment>& segments, std::size_t i) const {
    return !options_.from || i + 1 == segments.size() || segments[i + 1].header.first_position > options_.from->value();
  }

  // The archive goes only after the segment's file was found whole, and its name is durable.
  Expected<void> unarchive(const StoredSegment& segment) {
    const std::filesystem::path archive = directory_ / archive_name(segment.header.first_position);
    auto file = environment_.open(archive, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    const auto header = read_archive_header(**file, archive);
    if (!header) return std::unexpected(header.error());
    SegmentCheck check{.environment = environment_, .directory = directory_, .header = segment.header};
    check.end_address = segment.header.base_address + header->segment_end;
    const Hash& hash = header->last_trailer.hash;
    const bool intact = segment.file && require_intact(check, hash);
    if (!intact) {
      if (auto unpacked = unpack(archive, check, hash); !unpacked) return unpacked;
      ++(segment.file ? report_.replaced : report_.segments);
      report_.before += header->archive_bytes;
      report_.after += segment.header.segment_bytes;
    }
    if (auto synced = environment_.sync_directory(directory_); !synced) return synced;
    if (auto removed = environment_.remove(archive); !removed) return removed;
    return environment_.sync_directory(directory_);
  }

  Expected<void> unpack(const std::filesystem::path& archive, SegmentCheck check, const Hash& hash) const {
    const std::filesystem::path path = directory_ / segment_name(check.header.first_position);
    check.suffix = kArchivingSuffix;
    auto made = unpack_segment(environment_, archive, unfinished(path));
    if (made) {
      const auto intact = require_intact(check, hash);
      if (!intact) {
        made = fail(intact.error().kind,
                    archive.string() + ": stays as it is, as what it unpacks to is not intact: " + intact.error().text);
      }
    }
    if (made) made = environment_.rename(unfinished(path), path);
    if (!made) static_cast<void>(environment_.remove(unfinished(path)));
    return made;
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const UnarchiveOptions& options_;
  ArchiveReport report_;
};

}  // namespace

Expected<ArchiveReport> archive_log(Environment& environment, const std::filesystem::path& directory,
                                    const ArchiveOptions& options) {
  return Archiving(environment, directory, options).run();
}

Expected<void> unpack_segment(Environment& environment, const std::filesystem::path& archive,
                              const std::filesystem::path& path) {
  auto packed = ArchiveFile::open(environment, archive);
  if (!packed) return std::unexpected(packed.error());
  const ArchiveHeader& header = (*packed)->header();
  auto file = environment.open(path, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto room = (*file)->allocate(header.segment.segment_bytes); !room) return room;
  std::vector<std::byte> unpacked;
  for (std::size_t i = 0; i < (*packed)->chunks().size(); ++i) {
    const ArchiveFile::Chunk& chunk = (*packed)->chunks()[i];
    unpacked.resize(chunk.end - chunk.begin);
    if (auto done = (*packed)->unpack(i, unpacked); !done) return done;
    if (auto written = (*file)->write_at(chunk.begin, unpacked); !written) return written;
  }
  if (auto synced = (*file)->sync(); !synced) return synced;
  (*file)->forget_cached();
  return {};
}

Expected<ArchiveReport> unarchive_log(Environment& environment, const std::filesystem::path& directory,
                                      const UnarchiveOptions& options) {
  return Unarchiving(environment, directory, options).run();
}

}  // namespace vigil::eventlog
