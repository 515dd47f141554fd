#include "eventlog/storage/segment.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/record_layout.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

namespace {

std::string numbered(std::uint64_t first_position, std::string_view suffix) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(first_position));
  return std::string(digits) + std::string(suffix);
}

}  // namespace

std::string segment_name(std::uint64_t first_position) { return numbered(first_position, kSegmentSuffix); }
std::string index_name(std::uint64_t first_position) { return numbered(first_position, ".idx"); }

std::vector<std::byte> encode_segment_header(SegmentHeader header) {
  header.header_crc = crc32c(checked_bytes(header));
  std::vector<std::byte> block(kBlockBytes);
  std::memcpy(block.data(), &header, sizeof header);
  return block;
}

Expected<SegmentHeader> decode_segment_header(std::span<const std::byte> block, const std::filesystem::path& path) {
  SegmentHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  const auto damaged = [&](const char* what) {
    return fail(ErrorKind::damaged, path.string() + ": damaged at offset 0: " + what + std::string(kRestoreHint));
  };
  if (header.magic != kSegmentMagic) return damaged("not a segment of a log");
  if (header.header_crc != crc32c(checked_bytes(header))) return damaged("segment header checksum mismatch");
  if (header.format_version != kFormatVersion) {
    return fail(ErrorKind::unsupported_version,
                path.string() + ": written in format " + std::to_string(header.format_version) +
                    ", this Vigil reads format " + std::to_string(kFormatVersion) + "; use a newer Vigil");
  }
  if (header.segment_bytes < kSegmentBytesMin || header.segment_bytes > kSegmentBytesMax ||
      header.segment_bytes % kBlockBytes != 0 || header.frame_bytes_max > kFrameBytesMax ||
      !is_zero(block.subspan(sizeof header))) {
    return damaged("segment header holds impossible values");
  }
  return header;
}

Segment::Segment(Environment& environment, const std::filesystem::path& directory, const SegmentHeader& header,
                 std::uint64_t durable_bytes, std::unique_ptr<GrowingIndex> growing)
    : environment_(environment),
      directory_(directory),
      path_(directory / segment_name(header.first_position)),
      header_(header),
      durable_bytes_(durable_bytes),
      growing_(std::move(growing)) {}

Expected<void> Segment::map_file(File& file) const {
  auto mapping = file.map();
  if (!mapping) return std::unexpected(mapping.error());
  if ((*mapping)->bytes().size() != header_.segment_bytes) {
    return std::unexpected(damage((*mapping)->bytes().size(), header_.first_position, "the file was cut off"));
  }
  mapping_ = std::move(*mapping);
  mapped_.store(mapping_->bytes().data(), std::memory_order_release);
  return {};
}

Expected<void> Segment::find_file() const {
  if (mapping_ || archive_) return {};
  auto file = environment_.open(path_, OpenMode::read);
  if (file) return map_file(**file);
  if (file.error().kind != ErrorKind::not_found) return std::unexpected(file.error());
  auto archive = ArchiveFile::open(environment_, directory_ / archive_name(header_.first_position));
  if (!archive && archive.error().kind == ErrorKind::not_found) {
    // It may have been unarchived between the two looks.
    auto again = environment_.open(path_, OpenMode::read);
    return again ? map_file(**again) : std::unexpected(file.error());
  }
  if (!archive) return std::unexpected(archive.error());
  if (!std::ranges::equal(checked_bytes((*archive)->header().segment), checked_bytes(header_))) {
    return fail(ErrorKind::damaged,
                (*archive)->path().string() + ": damaged: the archive of another segment" + std::string(kRestoreHint));
  }
  archive_ = std::move(*archive);
  archived_.store(archive_.get(), std::memory_order_release);
  return {};
}

Expected<std::span<const std::byte>> Segment::unpack_all() const {
  // Pages of zeros that nobody touches take no memory.
  unpacked_.reset(static_cast<std::byte*>(std::calloc(header_.segment_bytes, 1)));
  invariant(unpacked_ != nullptr, "memory for a segment");
  const std::span<std::byte> all(unpacked_.get(), header_.segment_bytes);
  for (std::size_t i = 0; i < archive_->chunks().size(); ++i) {
    const ArchiveFile::Chunk& chunk = archive_->chunks()[i];
    if (chunk.begin >= archive_->header().segment_end && chunk.begin > 0) break;
    if (auto done = archive_->unpack(i, all.subspan(chunk.begin, chunk.end - chunk.begin)); !done) {
      return std::unexpected(done.error());
    }
  }
  mapped_.store(all.data(), std::memory_order_release);
  return all;
}

Expected<std::span<const std::byte>> Segment::bytes() const {
  if (const std::byte* mapped = mapped_.load(std::memory_order_acquire)) {
    return std::span(mapped, header_.segment_bytes);
  }
  const std::lock_guard lock(mapping_mutex_);
  if (auto found = find_file(); !found) return std::unexpected(found.error());
  if (const std::byte* mapped = mapped_.load(std::memory_order_relaxed)) {
    return std::span(mapped, header_.segment_bytes);
  }
  return unpack_all();
}

Expected<void> Segment::move(SegmentWindow& window, std::uint64_t offset) const {
  if (window.covers(offset)) return {};
  auto there = this->window(offset);
  if (!there) return std::unexpected(there.error());
  window = std::move(*there);
  return {};
}

Expected<SegmentWindow> Segment::window(std::uint64_t offset) const {
  if (const std::byte* mapped = mapped_.load(std::memory_order_acquire)) {
    return SegmentWindow{{mapped, header_.segment_bytes}};
  }
  if (archived_.load(std::memory_order_acquire) == nullptr) {
    const std::lock_guard lock(mapping_mutex_);
    if (auto found = find_file(); !found) return std::unexpected(found.error());
  }
  const ArchiveFile* archive = archived_.load(std::memory_order_acquire);
  if (archive != nullptr && chunks_ != nullptr) return chunks_->window(*archive, offset);
  auto all = bytes();
  if (!all) return std::unexpected(all.error());
  return SegmentWindow{*all};
}

ChainState Segment::chain_at(const FramePlace& place) const {
  ChainState chain;
  chain.log_id = header_.log_id;
  chain.address = base() + place.offset;
  chain.next_position = place.first_position;
  chain.anchored = false;
  return chain;
}

Error Segment::damage(std::uint64_t offset, std::uint64_t position, std::string_view what) const {
  const ArchiveFile* archive = archived_.load(std::memory_order_acquire);
  return Error{ErrorKind::damaged, (archive == nullptr ? path_ : archive->path()).string() + ": damaged at offset " +
                                       std::to_string(offset) + " (position " + std::to_string(position) +
                                       "): " + std::string(what) + std::string(kRestoreHint)};
}

Expected<Frame> Segment::frame_at(const SegmentWindow& window, const ChainState& chain, FrameCheck check) const {
  const std::uint64_t offset = chain.address - base();
  auto frame = check_frame(window.from(offset), chain, check);
  if (!frame) return std::unexpected(damage(offset, chain.next_position, text(frame.error())));
  return *frame;
}

void add_to_index(GrowingIndex& index, const Frame& frame, std::uint64_t offset, std::vector<KeyPlace>& scratch) {
  scratch.clear();
  std::span<const std::byte> rest = frame.payload;
  for (std::uint32_t i = 0; i < frame.header.event_count; ++i) {
    const auto distance = static_cast<std::uint32_t>(kFrameHeaderBytes + frame.payload.size() - rest.size());
    const auto header = check_record(rest, distance, i);
    if (!header) break;  // readers of the record itself report it
    if ((header->index_and_shape & kHasKey) != 0) {
      std::uint64_t key = 0;
      std::memcpy(&key, rest.data() + kRecordHeaderBytes, sizeof key);
      scratch.push_back({key, static_cast<std::uint32_t>((offset + distance) / kAlignment)});
    }
    rest = rest.subspan(header->record_bytes);
  }
  index.add({frame.header.first_position, frame.header.ingest_time_us, offset}, scratch);
}

Expected<std::unique_ptr<SealedIndex>> Segment::load_index() const {
  auto file = environment_.open(directory_ / index_name(header_.first_position), OpenMode::read);
  if (!file) return std::unexpected(file.error());
  auto mapping = (*file)->map();
  if (!mapping) return std::unexpected(mapping.error());
  return SealedIndex::from(std::move(*mapping), header_.log_id, base());
}

Expected<std::unique_ptr<GrowingIndex>> Segment::build_index() const {
  auto index = std::make_unique<GrowingIndex>(header_.segment_bytes);
  std::vector<KeyPlace> scratch;
  ChainState chain = chain_at({header_.first_position, 0, kBlockBytes});
  const std::uint64_t end = base() + durable_bytes();
  SegmentWindow here;
  while (chain.address < end) {
    if (auto moved = move(here, chain.address - base()); !moved) return std::unexpected(moved.error());
    auto frame = frame_at(here, chain, FrameCheck::header);
    if (!frame) return std::unexpected(frame.error());
    add_to_index(*index, *frame, chain.address - base(), scratch);
    advance(chain, *frame);
  }
  return index;
}

void Segment::use(std::unique_ptr<SealedIndex> index) const {
  sealed_ = std::move(index);
  sealed_in_use_.store(sealed_.get(), std::memory_order_release);
  growing_.reset();
}

template <class Ask>
Expected<void> Segment::with_index(Ask ask) const {
  if (const SealedIndex* sealed = sealed_in_use_.load(std::memory_order_acquire)) {
    ask(*sealed);
    return {};
  }
  const std::lock_guard lock(index_mutex_);
  if (!sealed_ && !growing_) {
    if (auto loaded = load_index()) {
      use(std::move(*loaded));
    } else {
      auto built = build_index();
      if (!built) return std::unexpected(built.error());
      auto sealed = SealedIndex::from((*built)->encode(header_.log_id, base()), header_.log_id, base());
      invariant(sealed.has_value(), "an index just encoded can be read");
      use(std::move(*sealed));
    }
  }
  if (sealed_) {
    ask(*sealed_);
  } else {
    ask(*growing_);
  }
  return {};
}

namespace {

struct PositionFloor {
  std::uint64_t position;
  std::optional<FramePlace>& found;
  void operator()(const GrowingIndex& index) const { found = index.floor_by_position(position); }
  void operator()(const SealedIndex& index) const {
    if (const FramePlace* place = floor_by_position(index.frames(), position)) found = *place;
  }
};

struct TimeFloor {
  std::int64_t ingest_time_us;
  std::optional<FramePlace>& found;
  void operator()(const GrowingIndex& index) const { found = index.floor_by_time(ingest_time_us); }
  void operator()(const SealedIndex& index) const {
    if (const FramePlace* place = floor_by_time(index.frames(), ingest_time_us)) found = *place;
  }
};

Expected<FramePlace> found_or_error(const Expected<void>& asked, const std::optional<FramePlace>& found,
                                    const std::filesystem::path& path) {
  if (!asked) return std::unexpected(asked.error());
  if (!found) return fail(ErrorKind::not_found, path.string() + ": holds no frames yet");
  return *found;
}

}  // namespace

Expected<FramePlace> Segment::floor_by_position(std::uint64_t position) const {
  std::optional<FramePlace> found;
  return found_or_error(with_index(PositionFloor{position, found}), found, path_);
}

Expected<FramePlace> Segment::floor_by_time(std::int64_t ingest_time_us) const {
  std::optional<FramePlace> found;
  return found_or_error(with_index(TimeFloor{ingest_time_us, found}), found, path_);
}

Expected<void> Segment::find(std::uint64_t key, std::vector<std::uint32_t>& places) const {
  return with_index([&](const auto& index) { index.find(key, places); });
}

// Looks at its header only: when the log is opened, there is one for each sealed segment. What is behind the header is
// checked by who reads it, and made anew in memory if it is damaged.
bool Segment::has_side_file() const {
  auto file = environment_.open(directory_ / index_name(header_.first_position), OpenMode::read);
  return file && SealedIndex::fits(**file, header_.log_id, base());
}

Expected<void> Segment::seal_index() {
  if (has_side_file()) return {};
  const std::filesystem::path path = directory_ / index_name(header_.first_position);
  std::filesystem::path temporary = path;
  temporary += ".tmp";

  const GrowingIndex* source = nullptr;
  {
    const std::lock_guard lock(index_mutex_);
    source = growing_.get();  // stays until this function replaces it
  }
  std::unique_ptr<GrowingIndex> built;
  if (source == nullptr) {
    auto fresh = build_index();
    if (!fresh) return std::unexpected(fresh.error());
    built = std::move(*fresh);
    source = built.get();
  }
  const auto encoded = source->encode(header_.log_id, base());
  auto file = environment_.open(temporary, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (auto done = (*file)->write_at(0, encoded); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (auto done = environment_.rename(temporary, path); !done) return done;
  auto loaded = load_index();
  if (!loaded) return std::unexpected(loaded.error());
  const std::lock_guard lock(index_mutex_);
  if (!sealed_) use(std::move(*loaded));
  return {};
}

}  // namespace vigil::eventlog
