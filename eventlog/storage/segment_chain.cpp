#include "eventlog/storage/segment_chain.h"

#include <cstring>

#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

std::unexpected<Error> damaged(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorKind::damaged, path.string() + ": damaged: " + what + std::string(kRestoreHint));
}

Expected<SegmentHeader> read_header(Environment& environment, const std::filesystem::path& path) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  auto bytes = (*file)->size();
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < kBlockBytes) return damaged(path, "the file was cut off at offset " + std::to_string(*bytes));
  std::vector<std::byte> block(kBlockBytes);
  if (auto read = (*file)->read_at(0, block); !read) return std::unexpected(read.error());
  auto header = decode_segment_header(block, path);
  if (!header) return header;
  if (*bytes != header->segment_bytes) {
    return damaged(path, "the file has " + std::to_string(*bytes) + " bytes, its header says " +
                             std::to_string(header->segment_bytes));
  }
  if (path.filename() != segment_name(header->first_position)) {
    return damaged(path, "the file is not " + segment_name(header->first_position) + " as its header says");
  }
  return header;
}

// That the segment before ends with the frame this header continues from.
Expected<void> check_link(Environment& environment, const std::filesystem::path& before_path,
                          const SegmentHeader& before, const std::filesystem::path& path,
                          const SegmentHeader& header) {
  if (header.log_id != before.log_id) return damaged(path, "segment of another log");
  const std::uint64_t base = before.base_address + before.segment_bytes;
  if (header.base_address != base) {
    return damaged(path, "a segment is missing between this one and " + before_path.filename().string());
  }
  const std::uint64_t end = header.previous_end_address;
  if (header.epoch < before.epoch || end % kBlockBytes != 0 || end > base ||
      end < before.base_address + 2 * kBlockBytes) {
    return damaged(path, "its header does not follow from " + before_path.filename().string());
  }
  auto file = environment.open(before_path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const std::uint64_t end_offset = end - before.base_address;
  FrameTrailer trailer;
  if (auto read = (*file)->read_at(end_offset - sizeof trailer, std::as_writable_bytes(std::span(&trailer, 1)));
      !read) {
    return read;
  }
  FrameHeader last;
  const bool fits = trailer.magic == kTrailerMagic && trailer.hash == header.previous_hash &&
                    trailer.frame_bytes >= kBlockBytes && trailer.frame_bytes <= end_offset - kBlockBytes;
  if (fits) {
    if (auto read = (*file)->read_at(end_offset - trailer.frame_bytes, std::as_writable_bytes(std::span(&last, 1)));
        !read) {
      return read;
    }
  }
  if (!fits || !is_frame_header(std::as_bytes(std::span(&last, 1)), header.log_id, end - trailer.frame_bytes) ||
      last.first_position + last.event_count != header.first_position) {
    return damaged(before_path, "at offset " + std::to_string(end_offset) + ": does not end with the frame from which " +
                                    path.filename().string() + " continues");
  }
  return {};
}

}  // namespace

Expected<std::vector<SegmentHeader>> read_segment_headers(Environment& environment,
                                                          const std::filesystem::path& directory) {
  auto names = environment.list(directory);
  if (!names) return std::unexpected(names.error());
  std::vector<SegmentHeader> headers;
  for (const std::string& name : *names) {
    if (!name.ends_with(kSegmentSuffix)) continue;
    const std::filesystem::path path = directory / name;
    auto header = read_header(environment, path);
    if (!header) return std::unexpected(header.error());
    if (headers.empty()) {
      if (header->first_position != 1 || header->base_address != 0) {
        return damaged(directory / segment_name(1), "the first segment is missing; the log begins with " + name);
      }
      if (header->previous_hash != genesis_hash(header->log_id)) return damaged(path, "segment of another history");
    } else {
      const SegmentHeader& before = headers.back();
      auto linked = check_link(environment, directory / segment_name(before.first_position), before, path, *header);
      if (!linked) return std::unexpected(linked.error());
    }
    headers.push_back(*header);
  }
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
