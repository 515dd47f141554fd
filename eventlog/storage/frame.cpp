#include "eventlog/storage/frame.h"

#include <cstring>

#include "eventlog/storage/invariant.h"
#include "eventlog/storage/record_layout.h"

namespace vigil::eventlog {

namespace {

FrameHeader header_of(std::span<const std::byte> bytes) {
  FrameHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

bool succeeds(const FrameHeader& header, const ChainState& chain) {
  if (header.address != chain.address || header.first_position != chain.next_position) return false;
  if (!chain.anchored) return true;
  return header.epoch >= chain.epoch && header.ingest_time_us >= chain.ingest_time_us &&
         header.durable_through < header.first_position && header.previous_hash == chain.hash;
}

std::expected<void, FrameFault> check_records(const Frame& frame) {
  std::span<const std::byte> rest = frame.payload;
  for (std::uint32_t index = 0; index < frame.header.event_count; ++index) {
    const auto distance = static_cast<std::uint32_t>(kFrameHeaderBytes + frame.payload.size() - rest.size());
    const auto record = check_record(rest, distance, index);
    if (!record) return std::unexpected(FrameFault::records);
    rest = rest.subspan(record->record_bytes);
  }
  if (!rest.empty()) return std::unexpected(FrameFault::records);
  return {};
}

// A frame's chain hash. A build that measures what the chain costs leaves it out (docs/performance.md "Proof").
Hash chain_hash(Sha256& sha, std::span<const std::byte> header, std::span<const std::byte> payload) {
#ifdef VIGIL_NO_CHAIN
  static_cast<void>(sha), static_cast<void>(header), static_cast<void>(payload);
  return {};
#else
  return sha.of({header, payload});
#endif
}

std::expected<void, FrameFault> check_whole(std::span<const std::byte> bytes, const Frame& frame, Sha256& sha) {
  if (chain_hash(sha, bytes.first(kFrameHeaderBytes), frame.payload) != frame.hash) {
    return std::unexpected(FrameFault::hash);
  }
  const std::size_t used = kFrameHeaderBytes + frame.payload.size();
  if (!is_zero(bytes.subspan(used, frame.bytes - kFrameTrailerBytes - used))) {
    return std::unexpected(FrameFault::padding);
  }
  return check_records(frame);
}

}  // namespace

Hash genesis_hash(const LogId& log_id) { return Sha256().of({log_id}); }

std::string_view text(FrameFault fault) {
  switch (fault) {
    case FrameFault::absent: return "no frame where one must be";
    case FrameFault::magic: return "not the beginning of a frame";
    case FrameFault::header_checksum: return "frame header checksum mismatch";
    case FrameFault::other_log: return "frame of another log";
    case FrameFault::not_successor: return "frame does not follow from the one before";
    case FrameFault::length: return "frame length impossible";
    case FrameFault::payload_checksum: return "payload checksum mismatch";
    case FrameFault::trailer: return "frame trailer damaged";
    case FrameFault::hash: return "chain hash mismatch";
    case FrameFault::records: return "records do not fill the frame";
    case FrameFault::padding: return "padding is not zero";
    case FrameFault::not_on_disk: return "its sync had failed and it is not on the disk";
  }
  broken_invariant("a known fault", __FILE__, __LINE__);
}

Hash seal_frame(std::span<std::byte> bytes, FrameHeader& header, Sha256& sha) {
  invariant(bytes.size() == frame_bytes(header.payload_bytes), "a frame is as long as its payload needs");
  const auto payload = std::span<const std::byte>(bytes).subspan(kFrameHeaderBytes, header.payload_bytes);
  header.payload_crc = crc32c(payload);
  header.header_crc = crc32c(checked_bytes(header));
  std::memcpy(bytes.data(), &header, sizeof header);
  FrameTrailer trailer;
  trailer.hash = chain_hash(sha, bytes.first(kFrameHeaderBytes), payload);
  trailer.frame_bytes = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data() + bytes.size() - sizeof trailer, &trailer, sizeof trailer);
  return trailer.hash;
}

std::expected<Frame, FrameFault> check_frame(std::span<const std::byte> bytes, const ChainState& chain,
                                             FrameCheck check, Sha256* sha) {
  if (bytes.size() < kBlockBytes) return std::unexpected(FrameFault::length);
  Frame frame{header_of(bytes), {}, {}, 0};
  const FrameHeader& header = frame.header;
  if (header.magic != kFrameMagic) {
    return std::unexpected(is_zero(bytes.first(kBlockBytes)) ? FrameFault::absent : FrameFault::magic);
  }
  if (header.header_crc != crc32c(checked_bytes(header))) return std::unexpected(FrameFault::header_checksum);
  if (header.log_id != chain.log_id) return std::unexpected(FrameFault::other_log);
  if (!succeeds(header, chain)) return std::unexpected(FrameFault::not_successor);
  frame.bytes = frame_bytes(header.payload_bytes);
  // Neither addresses nor positions ever start again at zero.
  const bool wraps =
      header.address > UINT64_MAX - frame.bytes || header.first_position > UINT64_MAX - header.event_count;
  if (frame.bytes > bytes.size() || header.event_count == 0 || wraps ||
      header.payload_bytes / kRecordHeaderBytes < header.event_count) {
    return std::unexpected(FrameFault::length);
  }
  frame.payload = bytes.subspan(kFrameHeaderBytes, header.payload_bytes);
  FrameTrailer trailer;
  std::memcpy(&trailer, bytes.data() + frame.bytes - sizeof trailer, sizeof trailer);
  frame.hash = trailer.hash;
  if (check == FrameCheck::header) return frame;

  if (crc32c(frame.payload) != header.payload_crc) return std::unexpected(FrameFault::payload_checksum);
  if (trailer.magic != kTrailerMagic || trailer.frame_bytes != frame.bytes || trailer.reserved != 0) {
    return std::unexpected(FrameFault::trailer);
  }
  if (check == FrameCheck::whole) {
    invariant(sha != nullptr, "a whole check comes with a hasher");
    if (auto whole = check_whole(bytes, frame, *sha); !whole) return std::unexpected(whole.error());
  }
  return frame;
}

void advance(ChainState& chain, const Frame& frame) {
  chain.address += frame.bytes;
  chain.next_position += frame.header.event_count;
  chain.epoch = frame.header.epoch;
  chain.ingest_time_us = frame.header.ingest_time_us;
  chain.hash = frame.hash;
  chain.anchored = true;
}

bool is_frame_header(std::span<const std::byte> bytes, const LogId& log_id, std::uint64_t address) {
  if (bytes.size() < kFrameHeaderBytes) return false;
  const FrameHeader header = header_of(bytes);
  return header.magic == kFrameMagic && header.header_crc == crc32c(checked_bytes(header)) && header.log_id == log_id &&
         header.address == address;
}

bool is_zero(std::span<const std::byte> bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace vigil::eventlog
