#include "eventlog/storage/archive.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "eventlog/storage/segment_supply.h"

namespace vigil::eventlog {

namespace {

// Held while segments are packed or unpacked; the writer's own lock is another, so that a service may run.
constexpr std::string_view kArchiveLockName = "LOCK.archive";
// The zeros behind a segment's last frame.
constexpr std::uint64_t kZerosAtOnce = 16 << 20;

std::filesystem::path temporary(std::filesystem::path path) {
  path += kTemporarySuffix;
  return path;
}

// Packs the frames of `segment` up to the hash and place `following` names, checking each.
Expected<void> pack(const Segment& segment, const SegmentHeader& following, ArchiveWriter& writer,
                    ArchiveHeader& header) {
  auto bytes = segment.bytes();
  if (!bytes) return std::unexpected(bytes.error());
  Sha256 sha;
  ChainState chain = chain_before(segment.header());
  header.segment = segment.header();
  header.segment_end = following.previous_end_address - segment.base();
  std::uint64_t begun = 0;  // of the chunk
  std::uint64_t at = kBlockBytes;
  while (at < header.segment_end) {
    auto frame = check_frame(bytes->subspan(at), chain, FrameCheck::whole, &sha);
    if (!frame) return std::unexpected(segment.damage(at, chain.next_position, text(frame.error())));
    advance(chain, *frame);
    header.last_frame = frame->header;
    at += frame->bytes;
    std::memcpy(&header.last_trailer, bytes->data() + at - sizeof(FrameTrailer), sizeof(FrameTrailer));
    if (at - begun < kArchiveChunkBytes && at < header.segment_end) continue;
    if (auto added = writer.add(bytes->subspan(begun, at - begun)); !added) return added;
    begun = at;
  }
  if (at != header.segment_end || chain.hash != following.previous_hash || !is_zero(bytes->subspan(at))) {
    return std::unexpected(segment.damage(at, chain.next_position, text(FrameFault::hash)));
  }
  for (; at < bytes->size(); at += kZerosAtOnce) {
    const auto zeros = bytes->subspan(at, std::min(kZerosAtOnce, bytes->size() - at));
    if (auto added = writer.add(zeros); !added) return added;
  }
  return {};
}

// That `archive` gives back exactly `bytes`.
Expected<void> compare(Environment& environment, const std::filesystem::path& path, std::span<const std::byte> bytes) {
  auto archive = ArchiveFile::open(environment, path);
  if (!archive) return std::unexpected(archive.error());
  if ((*archive)->header().segment.segment_bytes != bytes.size()) {
    return fail(ErrorKind::damaged, path.string() + ": damaged: the archive of another segment");
  }
  std::vector<std::byte> unpacked;
  for (std::size_t i = 0; i < (*archive)->chunks().size(); ++i) {
    const ArchiveFile::Chunk& chunk = (*archive)->chunks()[i];
    unpacked.resize(chunk.end - chunk.begin);
    if (auto done = (*archive)->unpack(i, unpacked); !done) return done;
    if (std::memcmp(unpacked.data(), bytes.data() + chunk.begin, unpacked.size()) != 0) {
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
    auto lock = environment_.lock(directory_ / kArchiveLockName);
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
    const Segment segment(environment_, directory_, stored.header, kBlockBytes, nullptr);
    auto bytes = segment.bytes();
    if (!bytes) return std::unexpected(bytes.error());
    const std::filesystem::path path = directory_ / archive_name(stored.header.first_position);
    if (!stored.archived_too || !compare(environment_, path, *bytes)) {
      if (auto made = make(segment, following, path); !made) return made;
    }
    if (auto synced = environment_.sync_directory(directory_); !synced) return synced;
    if (auto removed = environment_.remove(segment.path()); !removed) return removed;
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

  Expected<void> make(const Segment& segment, const SegmentHeader& following, const std::filesystem::path& path) {
    const std::filesystem::path place = options_.to.empty() ? path : options_.to / path.filename();
    auto written = write(segment, following, temporary(place));
    if (written) written = environment_.rename(temporary(place), place);
    if (!written) {
      static_cast<void>(environment_.remove(temporary(place)));
      return written;
    }
    if (options_.to.empty()) return {};
    if (auto synced = environment_.sync_directory(options_.to); !synced) return synced;
    return options_.link(place, path);
  }

  Expected<void> write(const Segment& segment, const SegmentHeader& following, const std::filesystem::path& path) {
    auto file = environment_.open(path, OpenMode::create);
    if (!file) return std::unexpected(file.error());
    ArchiveWriter writer(**file);
    ArchiveHeader header;
    if (auto packed = pack(segment, following, writer, header); !packed) return packed;
    if (auto finished = writer.finish(header); !finished) return finished;
    if (auto synced = (*file)->sync(); !synced) return synced;
    (*file)->forget_cached();  // what is compared is what is on the disk
    return compare(environment_, path, *segment.bytes());
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const ArchiveOptions& options_;
  std::uint64_t bytes_in_all_ = 0;
  std::uint64_t bytes_done_ = 0;
  ArchiveReport report_;
};

// The frames of a segment file up to where its archive says it ends.
Expected<void> check_unpacked(Environment& environment, const std::filesystem::path& path,
                              const ArchiveHeader& header) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  (*file)->forget_cached();
  auto mapping = (*file)->map();
  if (!mapping) return std::unexpected(mapping.error());
  const auto bytes = (*mapping)->bytes();
  Sha256 sha;
  ChainState chain = chain_before(header.segment);
  std::uint64_t at = kBlockBytes;
  while (at < header.segment_end) {
    auto frame = check_frame(bytes.subspan(at), chain, FrameCheck::whole, &sha);
    if (!frame) {
      return fail(ErrorKind::damaged, path.string() + ": damaged at offset " + std::to_string(at) + " (position " +
                                          std::to_string(chain.next_position) +
                                          "): " + std::string(text(frame.error())) + "; the archive stays as it is");
    }
    advance(chain, *frame);
    at += frame->bytes;
  }
  if (chain.hash != header.last_trailer.hash || !is_zero(bytes.subspan(at))) {
    return fail(ErrorKind::damaged, path.string() +
                                        ": damaged: does not end with the frame its archive names; the "
                                        "archive stays as it is");
  }
  return {};
}

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
  return check_unpacked(environment, path, header);
}

Expected<ArchiveReport> unarchive_log(Environment& environment, const std::filesystem::path& directory,
                                      const UnarchiveOptions& options) {
  auto lock = environment.lock(directory / kArchiveLockName);
  if (!lock) return std::unexpected(lock.error());
  auto segments = read_segments(environment, directory);
  if (!segments) return std::unexpected(segments.error());
  ArchiveReport report;
  std::vector<std::size_t> chosen;
  for (std::size_t i = segments->size(); i-- > 0;) {
    const StoredSegment& segment = (*segments)[i];
    if (!segment.archive && !segment.archived_too) continue;
    const bool wanted =
        !options.from || i + 1 == segments->size() || (*segments)[i + 1].header.first_position > options.from->value();
    wanted ? chosen.push_back(i) : void(++report.archived_all);
  }
  for (std::size_t done = 0; done < chosen.size(); ++done) {
    const StoredSegment& segment = (*segments)[chosen[done]];
    const std::filesystem::path archive = directory / archive_name(segment.header.first_position);
    const std::filesystem::path path = directory / segment_name(segment.header.first_position);
    if (segment.archive) {
      auto made = unpack_segment(environment, archive, temporary(path));
      if (made) made = environment.rename(temporary(path), path);
      if (!made) {
        static_cast<void>(environment.remove(temporary(path)));
        return std::unexpected(made.error());
      }
      ++report.segments;
      report.before += segment.archive->archive_bytes;
      report.after += segment.header.segment_bytes;
    }
    if (auto synced = environment.sync_directory(directory); !synced) return std::unexpected(synced.error());
    if (auto removed = environment.remove(archive); !removed) return std::unexpected(removed.error());
    if (auto synced = environment.sync_directory(directory); !synced) return std::unexpected(synced.error());
    if (options.progress) options.progress(done + 1, chosen.size());
  }
  return report;
}

}  // namespace vigil::eventlog
