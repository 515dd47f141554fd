// The bytes of one record inside a frame.
#pragma once

#include <cstring>
#include <optional>
#include <span>

#include "eventlog/storage/format.h"

namespace vigil::eventlog {

constexpr std::size_t record_bytes(std::size_t links, bool has_key, std::size_t payload_bytes) {
  return kRecordHeaderBytes + (has_key ? sizeof(std::uint64_t) : 0) + links * sizeof(Link) + payload_bytes;
}

// The header of the record at the beginning of `rest` (what is left of the payload), when it is one.
inline std::optional<RecordHeader> check_record(std::span<const std::byte> rest, std::uint32_t distance,
                                                std::uint32_t index) {
  if (rest.size() < kRecordHeaderBytes) return std::nullopt;
  RecordHeader header;
  std::memcpy(&header, rest.data(), sizeof header);
  const std::uint32_t links = header.index_and_shape & kLinkCountMask;
  const bool has_key = (header.index_and_shape & kHasKey) != 0;
  if (header.record_bytes > rest.size() || header.record_bytes % kAlignment != 0 || links > kLinksMax ||
      header.record_bytes < record_bytes(links, has_key, 0) || header.frame_distance != distance ||
      header.index_and_shape >> 8 != index) {
    return std::nullopt;
  }
  return header;
}

// The record in place; `bytes` begin with its header, which was checked.
inline Record record_at(const std::byte* bytes, const RecordHeader& header, std::uint64_t frame_address,
                        std::uint64_t frame_position, std::int64_t ingest_time_us) {
  Record record;
  record.position = Position{frame_position + (header.index_and_shape >> 8)};
  record.address = Address{frame_address + header.frame_distance};
  record.ingest_time = IngestTime{ingest_time_us};
  record.type = header.type;
  record.version = header.version;
  const std::byte* at = bytes + kRecordHeaderBytes;
  if ((header.index_and_shape & kHasKey) != 0) {
    std::uint64_t key = 0;
    std::memcpy(&key, at, sizeof key);
    record.key = key;
    at += sizeof key;
  }
  const std::size_t links = header.index_and_shape & kLinkCountMask;
  record.links = {reinterpret_cast<const Link*>(at), links};
  at += links * sizeof(Link);
  record.payload = {at, bytes + header.record_bytes};
  return record;
}

}  // namespace vigil::eventlog
