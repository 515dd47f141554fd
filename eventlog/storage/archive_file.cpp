#include "eventlog/storage/archive_file.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

namespace {

// The table of the "Zstandard Seekable Format" (contrib/seekable_format of zstd), so that its tools read it too: a
// skippable frame with an entry for every frame of the file before it, and a footer. Stored: never change.
constexpr std::uint32_t kTableMagic = 0x184D'2A5E;
constexpr std::uint32_t kTableFooterMagic = 0x8F92'EAB1;
constexpr std::size_t kTableHeadBytes = 8;
constexpr std::size_t kTableEntryBytes = 8;
constexpr std::size_t kTableFooterBytes = 9;

// Level 3 packs decisions to about a third at several hundred MB/s; higher levels gain a few percent for a multiple
// of the time (docs/backup.md).
constexpr int kLevel = 3;

constexpr std::size_t table_bytes(std::size_t chunks) {
  return kTableHeadBytes + (chunks + 1) * kTableEntryBytes + kTableFooterBytes;
}

template <class Number>
void put(std::vector<std::byte>& out, Number number) {
  const auto bytes = std::as_bytes(std::span(&number, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

std::unexpected<Error> damaged_archive(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorKind::damaged, path.string() + ": damaged: " + what + std::string(kRestoreHint));
}

}  // namespace

std::string archive_name(std::uint64_t first_position) { return segment_name(first_position) + ".zst"; }

Expected<ArchiveHeader> read_archive_header(File& file, const std::filesystem::path& path) {
  const auto bytes = file.size();
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < kArchiveHeaderBytes)
    return damaged_archive(path, "the file was cut off at offset " + std::to_string(*bytes));
  ArchiveHeader header;
  if (auto read = file.read_at(0, std::as_writable_bytes(std::span(&header, 1))); !read) {
    return std::unexpected(read.error());
  }
  if (header.magic != kArchiveMagic) return damaged_archive(path, "not an archived segment");
  if (header.header_crc != crc32c(checked_bytes(header)))
    return damaged_archive(path, "archive header checksum mismatch");
  if (header.format_version != 1) {
    return fail(ErrorKind::unsupported_version, path.string() + ": written in archive format " +
                                                    std::to_string(header.format_version) +
                                                    ", this Vigil reads format 1; use a newer Vigil");
  }
  auto segment = decode_segment_header(encode_segment_header(header.segment), path);
  if (!segment) return std::unexpected(segment.error());
  header.segment = *segment;
  if (*bytes != header.archive_bytes) {
    return damaged_archive(path, "the file has " + std::to_string(*bytes) + " bytes, its header says " +
                                     std::to_string(header.archive_bytes));
  }
  return header;
}

Expected<std::unique_ptr<ArchiveFile>> ArchiveFile::open(Environment& environment, const std::filesystem::path& path) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto header = read_archive_header(**file, path);
  if (!header) return std::unexpected(header.error());
  std::unique_ptr<ArchiveFile> archive(new ArchiveFile(path, std::move(*file), *header));
  if (auto read = archive->read_table(); !read) return std::unexpected(read.error());
  return archive;
}

Expected<void> ArchiveFile::read_table() {
  const std::uint64_t bytes = table_bytes(header_.chunks);
  // The other way round a forged offset could wrap around zero, and ask for a table larger than the file.
  if (bytes > header_.archive_bytes || header_.table_offset != header_.archive_bytes - bytes) {
    return damaged_archive(path_, "seek table length");
  }
  std::vector<std::byte> table(bytes);
  if (auto read = file_->read_at(header_.table_offset, table); !read) return read;
  if (crc32c(table) != header_.table_crc) return damaged_archive(path_, "seek table checksum mismatch");
  Chunk chunk;
  chunk.place = kArchiveHeaderBytes;
  for (std::size_t i = 1; i <= header_.chunks; ++i) {
    const std::size_t at = kTableHeadBytes + i * kTableEntryBytes;
    chunk.begin = chunk.end;
    chunk.packed_bytes = number_at(table, at);
    chunk.end = chunk.begin + number_at(table, at + 4);
    chunks_.push_back(chunk);
    chunk.place += chunk.packed_bytes;
  }
  if (chunk.end != header_.segment.segment_bytes || chunk.place != header_.table_offset) {
    return damaged_archive(path_, "the seek table does not fit the segment");
  }
  return {};
}

std::size_t ArchiveFile::chunk_of(std::uint64_t offset) const {
  const auto above = std::ranges::upper_bound(chunks_, offset, {}, &Chunk::begin);
  invariant(above != chunks_.begin() && offset < header_.segment.segment_bytes, "an offset in the segment");
  return static_cast<std::size_t>(above - chunks_.begin()) - 1;
}

Expected<void> ArchiveFile::unpack(std::size_t chunk, std::span<std::byte> into) const {
  const Chunk& wanted = chunks_[chunk];
  invariant(into.size() == wanted.end - wanted.begin, "a chunk is unpacked whole");
  std::vector<std::byte> packed(wanted.packed_bytes);
  if (auto read = file_->read_at(wanted.place, packed); !read) return read;
  const std::size_t got = ZSTD_decompress(into.data(), into.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != into.size()) {
    return damaged_archive(path_, "at offset " + std::to_string(wanted.place) + " (offset " +
                                      std::to_string(wanted.begin) + " of the segment): it does not unpack: " +
                                      (ZSTD_isError(got) ? ZSTD_getErrorName(got) : "too short"));
  }
  return {};
}

ArchiveWriter::ArchiveWriter(File& file) : file_(file), context_(ZSTD_createCCtx()) {
  invariant(context_ != nullptr, "memory for packing");
  auto* context = static_cast<ZSTD_CCtx*>(context_);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
}

ArchiveWriter::~ArchiveWriter() { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(context_)); }

Expected<void> ArchiveWriter::add(std::span<const std::byte> chunk) {
  packed_.resize(ZSTD_compressBound(chunk.size()));
  const std::size_t bytes =
      ZSTD_compress2(static_cast<ZSTD_CCtx*>(context_), packed_.data(), packed_.size(), chunk.data(), chunk.size());
  invariant(!ZSTD_isError(bytes), "there is room for what packing may need");
  if (auto written = file_.write_at(at_, std::span(packed_).first(bytes)); !written) return written;
  at_ += bytes;
  entries_.push_back({static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(chunk.size())});
  return {};
}

Expected<void> ArchiveWriter::finish(ArchiveHeader header) {
  std::vector<std::byte> table;
  put(table, kTableMagic);
  put(table, static_cast<std::uint32_t>(table_bytes(entries_.size()) - kTableHeadBytes));
  put(table, Entry{kArchiveHeaderBytes, 0});
  for (const Entry& entry : entries_) put(table, entry);
  put(table, static_cast<std::uint32_t>(entries_.size() + 1));
  put(table, std::uint8_t{0});
  put(table, kTableFooterMagic);
  header.chunks = static_cast<std::uint32_t>(entries_.size());
  header.table_offset = at_;
  header.archive_bytes = at_ + table.size();
  header.table_crc = crc32c(table);
  header.segment.header_crc = crc32c(checked_bytes(header.segment));
  header.header_crc = crc32c(checked_bytes(header));
  if (auto written = file_.write_at(at_, table); !written) return written;
  at_ += table.size();
  return file_.write_at(0, std::as_bytes(std::span(&header, 1)));
}

}  // namespace vigil::eventlog
