// A frame as it may stand on a disk. Input: what to repair (1 byte), then a FrameHeader and records.
#include "eventlog/storage/frame.h"

#include <algorithm>
#include <vector>

#include "eventlog/storage/record_layout.h"
#include "tests/fuzz/target.h"

namespace vigil::eventlog {
namespace {

using fuzz::require;

constexpr std::size_t kInputBytesMax = 64 << 10;
enum Repair : std::uint8_t { kHeader = 1, kPayload = 2, kTrailer = 4, kSuccession = 8, kInTheMiddle = 16 };

ChainState chain_before(const FrameHeader& header, std::uint8_t repair) {
  ChainState chain;
  chain.log_id = header.log_id;
  chain.address = header.address;
  chain.next_position = header.first_position;
  chain.anchored = (repair & kInTheMiddle) == 0;
  if ((repair & kSuccession) == 0) {
    for (std::size_t i = 0; i < chain.log_id.size(); ++i) chain.log_id[i] = static_cast<std::byte>(i + 1);
    chain.address = kBlockBytes;
    chain.next_position = 1;
  }
  chain.hash = genesis_hash(chain.log_id);
  return chain;
}

// Without right checksums nothing behind them would ever be looked at.
void repair_sums(std::span<std::byte> bytes, const ChainState& chain, std::uint8_t repair, Sha256& sha) {
  FrameHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::uint64_t whole = frame_bytes(header.payload_bytes);
  const bool fits = whole <= bytes.size();
  if ((repair & kSuccession) != 0) header.previous_hash = chain.hash;
  if ((repair & kPayload) != 0 && fits) {
    header.payload_crc = crc32c(bytes.subspan(sizeof header, header.payload_bytes));
  }
  if ((repair & kHeader) != 0) header.header_crc = crc32c(checked_bytes(header));
  std::memcpy(bytes.data(), &header, sizeof header);
  if ((repair & kTrailer) == 0 || !fits) return;
  FrameTrailer trailer;
  trailer.hash = sha.of({bytes.first(sizeof header + header.payload_bytes)});
  trailer.frame_bytes = static_cast<std::uint32_t>(whole);
  std::memcpy(bytes.data() + whole - sizeof trailer, &trailer, sizeof trailer);
}

void check_records(const Frame& frame) {
  std::span<const std::byte> rest = frame.payload;
  for (std::uint32_t i = 0; i < frame.header.event_count; ++i) {
    const auto distance = static_cast<std::uint32_t>(kFrameHeaderBytes + frame.payload.size() - rest.size());
    const auto header = check_record(rest, distance, i);
    require(header.has_value(), "every record of a frame that was checked whole is one");
    const Record record =
        record_at(rest.data(), *header, frame.header.address, frame.header.first_position, frame.header.ingest_time_us);
    const std::byte* end = rest.data() + header->record_bytes;
    require(record.payload.data() + record.payload.size() == end, "a record's payload ends with the record");
    require(record.links.size() <= kLinksMax && record.position.value() == frame.header.first_position + i,
            "a record has its place");
    rest = rest.subspan(header->record_bytes);
  }
  require(rest.empty(), "records fill the frame");
}

// Sealing what was read gives the same bytes again.
void check_seal(std::span<const std::byte> bytes, const Frame& frame, Sha256& sha) {
  std::vector<std::byte> again(frame.bytes);
  std::ranges::copy(frame.payload, again.begin() + kFrameHeaderBytes);
  FrameHeader header = frame.header;
  require(seal_frame(again, header, sha) == frame.hash, "the hash is that of header and records");
  require(std::ranges::equal(again, bytes.first(frame.bytes)), "a frame is sealed to the bytes it was read from");
}

}  // namespace

VIGIL_FUZZ_TARGET(frame) {
  if (bytes.size() > kInputBytesMax) return;
  static Sha256 sha;
  fuzz::Taker in(bytes);
  const auto repair = in.take<std::uint8_t>();
  fuzz::Exact block(in.rest(),
                    std::max<std::size_t>(round_up(in.rest().size() + kFrameTrailerBytes, kBlockBytes), kBlockBytes));
  FrameHeader raw;
  std::memcpy(&raw, block.bytes().data(), sizeof raw);
  const ChainState chain = chain_before(raw, repair);
  repair_sums(block.bytes(), chain, repair, sha);

  const auto whole = check_frame(block.bytes(), chain, FrameCheck::whole, &sha);
  const auto payload = check_frame(block.bytes(), chain, FrameCheck::payload);
  const auto header = check_frame(block.bytes(), chain, FrameCheck::header);
  require(!whole || payload, "what passes the whole check passes that of the payload");
  require(!payload || header, "what passes the check of the payload passes that of the header");
  if (!whole) {
    require(!text(whole.error()).empty(), "a fault has words");
    return;
  }
  require(whole->bytes <= block.bytes().size() && whole->bytes % kBlockBytes == 0, "a frame is whole blocks");
  require(is_frame_header(block.bytes(), chain.log_id, chain.address), "a frame is known by its header");
  ChainState next = chain;
  advance(next, *whole);
  require(next.address > chain.address && next.next_position > chain.next_position, "the chain moves on");
  check_records(*whole);
  check_seal(block.bytes(), *whole, sha);
}

}  // namespace vigil::eventlog
