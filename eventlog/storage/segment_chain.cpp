#include "eventlog/storage/segment_chain.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

std::unexpected<Error> damaged_chain(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorKind::damaged, path.string() + ": damaged: " + what + std::string(kRestoreHint));
}

Expected<SegmentHeader> read_file_header(Environment& environment, const std::filesystem::path& path) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  auto bytes = (*file)->size();
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < kBlockBytes) return damaged_chain(path, "the file was cut off at offset " + std::to_string(*bytes));
  std::vector<std::byte> block(kBlockBytes);
  if (auto read = (*file)->read_at(0, block); !read) return std::unexpected(read.error());
  auto header = decode_segment_header(block, path);
  if (!header) return header;
  if (*bytes != header->segment_bytes) {
    return damaged_chain(path, "the file has " + std::to_string(*bytes) + " bytes, its header says " +
                                   std::to_string(header->segment_bytes));
  }
  return header;
}

// The end of a segment, as the header behind it says: its last frame.
struct SegmentEnd {
  FrameHeader frame;
  FrameTrailer trailer;
};

bool trailer_fits(const FrameTrailer& trailer, const SegmentHeader& following, std::uint64_t end_offset) {
  return trailer.magic == kTrailerMagic && trailer.hash == following.previous_hash &&
         trailer.frame_bytes >= kBlockBytes && trailer.frame_bytes <= end_offset - kBlockBytes;
}

// Nothing when no frame ends there with the hash that `following` names.
Expected<std::optional<SegmentEnd>> read_end(Environment& environment, const std::filesystem::path& directory,
                                             const StoredSegment& segment, const SegmentHeader& following) {
  const std::uint64_t end_offset = following.previous_end_address - segment.header.base_address;
  SegmentEnd end;
  if (segment.archive) {
    end = {segment.archive->last_frame, segment.archive->last_trailer};
    if (segment.archive->segment_end != end_offset || !trailer_fits(end.trailer, following, end_offset)) {
      return std::nullopt;
    }
    return end;
  }
  auto file = environment.open(directory / segment_name(segment.header.first_position), OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto trailer = std::as_writable_bytes(std::span(&end.trailer, 1));
  if (auto read = (*file)->read_at(end_offset - trailer.size(), trailer); !read) return std::unexpected(read.error());
  if (!trailer_fits(end.trailer, following, end_offset)) return std::nullopt;
  const auto frame = std::as_writable_bytes(std::span(&end.frame, 1));
  if (auto read = (*file)->read_at(end_offset - end.trailer.frame_bytes, frame); !read) {
    return std::unexpected(read.error());
  }
  return end;
}

std::filesystem::path path_of(const std::filesystem::path& directory, const StoredSegment& segment) {
  const std::uint64_t first = segment.header.first_position;
  return directory / (segment.file ? segment_name(first) : archive_name(first));
}

// That the segment before ends with the frame this header continues from.
Expected<void> check_link(Environment& environment, const std::filesystem::path& directory,
                          const StoredSegment& before_segment, const StoredSegment& segment) {
  const SegmentHeader& before = before_segment.header;
  const SegmentHeader& header = segment.header;
  const std::filesystem::path path = path_of(directory, segment);
  const std::filesystem::path before_path = path_of(directory, before_segment);
  if (header.log_id != before.log_id) return damaged_chain(path, "segment of another log");
  const std::uint64_t base = before.base_address + before.segment_bytes;
  if (header.base_address != base) {
    return damaged_chain(path, "a segment is missing between this one and " + before_path.filename().string());
  }
  const std::uint64_t end = header.previous_end_address;
  if (header.epoch < before.epoch || end % kBlockBytes != 0 || end > base ||
      end < before.base_address + 2 * kBlockBytes) {
    return damaged_chain(path, "its header does not follow from " + before_path.filename().string());
  }
  const auto found = read_end(environment, directory, before_segment, header);
  if (!found) return std::unexpected(found.error());
  if (!*found ||
      !is_frame_header(std::as_bytes(std::span(&(*found)->frame, 1)), header.log_id,
                       end - (*found)->trailer.frame_bytes) ||
      (*found)->frame.first_position + (*found)->frame.event_count != header.first_position) {
    return damaged_chain(before_path, "at offset " + std::to_string(end - before.base_address) +
                                          ": does not end with the frame from which " + path.filename().string() +
                                          " continues");
  }
  return {};
}

// What a name says; nothing when it is not a segment's.
std::optional<std::uint64_t> position_in(const std::string& name, std::string_view suffix) {
  std::uint64_t position = 0;
  const char* end = name.data() + name.size() - suffix.size();
  const auto [stop, error] = std::from_chars(name.data(), end, position);
  if (error != std::errc() || stop != end || name != segment_name(position) + name.substr(segment_name(0).size())) {
    return std::nullopt;
  }
  return position;
}

}  // namespace

Expected<std::vector<std::uint64_t>> list_segments(Environment& environment, const std::filesystem::path& directory) {
  auto names = environment.list(directory);
  if (!names) return std::unexpected(names.error());
  std::vector<std::uint64_t> found;
  for (const std::string& name : *names) {
    const std::string_view suffix = name.ends_with(kArchiveSuffix)   ? kArchiveSuffix
                                    : name.ends_with(kSegmentSuffix) ? kSegmentSuffix
                                                                     : std::string_view();
    if (suffix.empty()) continue;
    const auto position = position_in(name, suffix);
    if (!position) {
      auto header = read_file_header(environment, directory / name);
      if (!header) return std::unexpected(header.error());
      return damaged_chain(directory / name,
                           "the file is not " + segment_name(header->first_position) + " as its header says");
    }
    if (found.empty() || found.back() != *position) found.push_back(*position);
  }
  return found;
}

Expected<StoredSegment> read_segment(Environment& environment, const std::filesystem::path& directory,
                                     std::uint64_t first_position) {
  StoredSegment segment;
  std::filesystem::path path = directory / segment_name(first_position);
  auto header = read_file_header(environment, path);
  if (header) {
    segment.header = *header;
    segment.file = true;
    segment.archived_too = environment.open(directory / archive_name(first_position), OpenMode::read).has_value();
  } else {
    if (header.error().kind != ErrorKind::not_found) return std::unexpected(header.error());
    path = directory / archive_name(first_position);
    auto file = environment.open(path, OpenMode::read);
    if (!file) {
      return file.error().kind == ErrorKind::not_found ? std::unexpected(header.error())
                                                       : std::unexpected(file.error());
    }
    auto archive = read_archive_header(**file, path);
    if (!archive) return std::unexpected(archive.error());
    segment.header = archive->segment;
    segment.archive = *archive;
  }
  if (segment.header.first_position != first_position) {
    return damaged_chain(path,
                         "the file is not " + segment_name(segment.header.first_position) + " as its header says");
  }
  return segment;
}

Expected<std::vector<StoredSegment>> read_segments(Environment& environment, const std::filesystem::path& directory) {
  const auto positions = list_segments(environment, directory);
  if (!positions) return std::unexpected(positions.error());
  std::vector<StoredSegment> segments;
  for (const std::uint64_t position : *positions) {
    auto segment = read_segment(environment, directory, position);
    // Archiving or unarchiving may have been at work between the two looks.
    if (!segment && segment.error().kind == ErrorKind::not_found) {
      segment = read_segment(environment, directory, position);
    }
    if (!segment) return std::unexpected(segment.error());
    const std::filesystem::path path = path_of(directory, *segment);
    if (segments.empty()) {
      const SegmentHeader& header = segment->header;
      if (header.first_position != 1 || header.base_address != 0) {
        return damaged_chain(directory / segment_name(1),
                             "the first segment is missing; the log begins with " + path.filename().string());
      }
      if (header.previous_hash != genesis_hash(header.log_id)) return damaged_chain(path, "segment of another history");
    } else if (auto linked = check_link(environment, directory, segments.back(), *segment); !linked) {
      // Likewise: the segment before, whose end was to be read.
      if (linked.error().kind != ErrorKind::not_found) return std::unexpected(linked.error());
      auto before = read_segment(environment, directory, segments.back().header.first_position);
      if (!before) return std::unexpected(before.error());
      segments.back() = *before;
      if (linked = check_link(environment, directory, segments.back(), *segment); !linked) {
        return std::unexpected(linked.error());
      }
    }
    segments.push_back(std::move(*segment));
  }
  return segments;
}

Expected<std::vector<SegmentHeader>> read_segment_headers(Environment& environment,
                                                          const std::filesystem::path& directory) {
  const auto segments = read_segments(environment, directory);
  if (!segments) return std::unexpected(segments.error());
  std::vector<SegmentHeader> headers;
  for (const StoredSegment& segment : *segments) headers.push_back(segment.header);
  return headers;
}

ChainState chain_before(const SegmentHeader& header) {
  ChainState chain;
  chain.log_id = header.log_id;
  chain.address = header.base_address + kBlockBytes;
  chain.next_position = header.first_position;
  chain.epoch = header.epoch;
  chain.hash = header.previous_hash;
  return chain;
}

}  // namespace vigil::eventlog
