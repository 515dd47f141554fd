// The bytes of the log on disk; docs/log-format.md is their grammar. Stored: never change.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "eventlog/storage/checksum.h"
#include "eventlog/storage/record.h"

namespace vigil::eventlog {

static_assert(std::endian::native == std::endian::little, "the log is little endian and read in place");

using LogId = std::array<std::byte, 16>;

inline constexpr std::uint32_t kFormatVersion = 1;

// Everything on disk begins and ends on a block, so that a later torn write cannot touch acknowledged bytes.
inline constexpr std::uint64_t kBlockBytes = 4096;

inline constexpr std::uint64_t kSegmentMagic = 0x4745'534C'4947'4956;  // "VIGILSEG"
inline constexpr std::uint64_t kFrameMagic = 0x4D52'464C'4947'4956;    // "VIGILFRM"
inline constexpr std::uint64_t kTrailerMagic = 0x444E'454C'4947'4956;  // "VIGILEND"
inline constexpr std::uint64_t kCleanMagic = 0x4E4C'434C'4947'4956;    // "VIGILCLN"
inline constexpr std::uint64_t kIndexMagic = 0x5844'494C'4947'4956;    // "VIGILIDX"

// Offsets inside a segment are stored in 32 bits, in units of kAlignment.
inline constexpr std::uint64_t kAlignment = 8;
inline constexpr std::uint64_t kSegmentBytesMin = 1ull << 20;
inline constexpr std::uint64_t kSegmentBytesMax = 32ull << 30;
inline constexpr std::uint64_t kFrameBytesMin = 64ull << 10;
inline constexpr std::uint64_t kFrameBytesMax = 64ull << 20;

// The first block of a segment file; what follows the fields is zero.
struct SegmentHeader {
  std::uint64_t magic = kSegmentMagic;
  std::uint32_t format_version = kFormatVersion;
  std::uint32_t frame_bytes_max = 0;  // no frame of this segment is longer
  LogId log_id{};
  std::uint64_t epoch = 0;  // of the writer that began the segment
  std::uint64_t first_position = 0;
  std::uint64_t base_address = 0;  // of the segment's first byte in the whole log
  std::uint64_t segment_bytes = 0;
  std::int64_t created_us = 0;             // since 1970-01-01 UTC
  std::uint64_t previous_end_address = 0;  // where the previous segment's last frame ended; 0 in the first
  Hash previous_hash{};                    // of the frame before the first of this segment
  std::uint32_t reserved = 0;
  std::uint32_t header_crc = 0;  // CRC-32C of the bytes before
};
inline constexpr std::size_t kSegmentHeaderBytes = 120;
static_assert(sizeof(SegmentHeader) == kSegmentHeaderBytes);

struct FrameHeader {
  std::uint64_t magic = kFrameMagic;
  std::uint32_t payload_bytes = 0;  // all records, without padding
  std::uint32_t payload_crc = 0;    // CRC-32C of the payload
  std::uint64_t address = 0;        // of this header
  std::uint64_t first_position = 0;
  std::uint64_t epoch = 0;
  std::int64_t ingest_time_us = 0;    // of all events of the frame
  std::uint64_t durable_through = 0;  // last position known durable when the frame was written
  LogId log_id{};
  Hash previous_hash{};
  std::uint32_t event_count = 0;
  std::uint32_t reserved = 0;
  std::uint32_t reserved_too = 0;
  std::uint32_t header_crc = 0;  // CRC-32C of the bytes before
};
inline constexpr std::size_t kFrameHeaderBytes = 120;
static_assert(sizeof(FrameHeader) == kFrameHeaderBytes);

// The last bytes of a frame's last block.
struct FrameTrailer {
  Hash hash{};  // SHA-256 of header and payload
  std::uint32_t frame_bytes = 0;
  std::uint32_t reserved = 0;
  std::uint64_t magic = kTrailerMagic;
};
inline constexpr std::size_t kFrameTrailerBytes = 48;
static_assert(sizeof(FrameTrailer) == kFrameTrailerBytes);

// In front of every event; followed by the key (8 bytes, if any), the links (16 bytes each) and the payload.
struct RecordHeader {
  std::uint32_t record_bytes = 0;  // with this header, a multiple of kAlignment
  std::uint16_t type = 0;
  std::uint16_t version = 0;
  std::uint32_t frame_distance = 0;   // bytes from the frame's header to this one
  std::uint32_t index_and_shape = 0;  // index in the frame << 8 | kHasKey | number of links
};
inline constexpr std::size_t kRecordHeaderBytes = 16;
static_assert(sizeof(RecordHeader) == kRecordHeaderBytes);
inline constexpr std::uint32_t kHasKey = 0x80;
inline constexpr std::uint32_t kLinkCountMask = 0x7F;
static_assert(sizeof(Link) == 16 && std::is_trivially_copyable_v<Link>);

// The content of the file CLEAN: where a writer that was closed in order left the log.
struct CleanMarker {
  std::uint64_t magic = kCleanMagic;
  std::uint32_t format_version = kFormatVersion;
  std::uint32_t reserved = 0;
  LogId log_id{};
  std::uint64_t epoch = 0;  // of that writer
  std::uint64_t last_position = 0;
  std::uint64_t end_address = 0;
  Hash hash{};
  std::uint32_t reserved_too = 0;
  std::uint32_t marker_crc = 0;  // CRC-32C of the bytes before
};
inline constexpr std::size_t kCleanMarkerBytes = 96;
static_assert(sizeof(CleanMarker) == kCleanMarkerBytes);

constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) { return (bytes + unit - 1) / unit * unit; }
// The whole length of a frame with so many bytes of records.
constexpr std::uint64_t frame_bytes(std::uint64_t payload_bytes) {
  return round_up(kFrameHeaderBytes + payload_bytes + kFrameTrailerBytes, kBlockBytes);
}

// The bytes of a stored struct that its last field, a CRC-32C, covers.
template <class Stored>
std::span<const std::byte> checked_bytes(const Stored& stored) {
  static_assert(std::has_unique_object_representations_v<Stored>, "no padding on disk");
  return std::as_bytes(std::span(&stored, 1)).first(sizeof(Stored) - sizeof(std::uint32_t));
}

}  // namespace vigil::eventlog
