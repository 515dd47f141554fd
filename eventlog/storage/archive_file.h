// One archived segment: a `.seg.zst` file, from which any part can be unpacked alone. docs/backup.md "Archived
// segments" is the grammar; `zstd -d` gives back the segment byte by byte.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"

namespace vigil::eventlog {

inline constexpr std::string_view kArchiveSuffix = ".seg.zst";
std::string archive_name(std::uint64_t first_position);  // "00000000000000000001.seg.zst"

inline constexpr std::uint64_t kArchiveMagic = 0x4352'414C'4947'4956;  // "VIGILARC"

// What opening the log needs of an archived segment, in a frame that zstd skips. Stored: never change.
struct ArchiveHeader {
  std::uint32_t skippable_magic = 0x184D'2A50;
  std::uint32_t skippable_bytes = 504;
  std::uint64_t magic = kArchiveMagic;
  std::uint32_t format_version = 1;
  std::uint32_t chunks = 0;
  std::uint64_t segment_end = 0;    // offset in the segment behind its last frame
  std::uint64_t archive_bytes = 0;  // of this file
  std::uint64_t table_offset = 0;   // of the seek table
  SegmentHeader segment;
  FrameHeader last_frame;
  FrameTrailer last_trailer;
  std::array<std::byte, 168> zeros{};
  std::uint32_t table_crc = 0;   // CRC-32C of the seek table
  std::uint32_t header_crc = 0;  // CRC-32C of the bytes before
};
inline constexpr std::size_t kArchiveHeaderBytes = 512;
static_assert(sizeof(ArchiveHeader) == kArchiveHeaderBytes);

// Frames are packed together until they have so many bytes, and no frame is ever cut: one chunk unpacked alone gives
// whole frames. Smaller ones pack less well, larger ones make reading one event slower (docs/backup.md).
inline constexpr std::uint64_t kArchiveChunkBytes = 256 << 10;

// Errors: damaged, unsupported_version, io; the text begins with `path`.
Expected<ArchiveHeader> read_archive_header(File& file, const std::filesystem::path& path);

// Thread-safe.
class ArchiveFile {
 public:
  struct Chunk {
    std::uint64_t begin = 0, end = 0;  // offsets in the segment
    std::uint64_t place = 0;           // offset in the file
    std::uint32_t packed_bytes = 0;
  };

  // Reads the header and the seek table only. Errors: damaged, unsupported_version, io, not_found.
  static Expected<std::unique_ptr<ArchiveFile>> open(Environment& environment, const std::filesystem::path& path);

  const ArchiveHeader& header() const { return header_; }
  const std::filesystem::path& path() const { return path_; }
  File& file() const { return *file_; }
  // In the order of the segment, which they fill without gap.
  std::span<const Chunk> chunks() const { return chunks_; }
  // Which chunk holds `offset` of the segment.
  std::size_t chunk_of(std::uint64_t offset) const;
  // Unpacks a chunk into `into`, which has its length. Error: damaged (checksum or form), io.
  Expected<void> unpack(std::size_t chunk, std::span<std::byte> into) const;

 private:
  ArchiveFile(std::filesystem::path path, std::unique_ptr<File> file, const ArchiveHeader& header)
      : path_(std::move(path)), file_(std::move(file)), header_(header) {}
  Expected<void> read_table();

  std::filesystem::path path_;
  std::unique_ptr<File> file_;
  ArchiveHeader header_;
  std::vector<Chunk> chunks_;
};

// Writes an archive: chunks in order, then finish(). Not thread-safe.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(File& file);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  Expected<void> add(std::span<const std::byte> chunk);
  // Writes table and header. `header` has its segment, last frame and trailer, and segment_end.
  Expected<void> finish(ArchiveHeader header);
  std::uint64_t bytes() const { return at_; }

 private:
  struct Entry {
    std::uint32_t packed_bytes = 0, bytes = 0;
  };
  File& file_;
  void* context_;
  std::uint64_t at_ = kArchiveHeaderBytes;
  std::vector<Entry> entries_;
  std::vector<std::byte> packed_;
};

}  // namespace vigil::eventlog
