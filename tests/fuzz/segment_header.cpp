// The first block of a segment. Input: whether to repair the checksum (1 byte), then the block, zeros left out.
#include <algorithm>

#include "eventlog/storage/segment.h"
#include "tests/fuzz/target.h"

namespace vigil::eventlog {

VIGIL_FUZZ_TARGET(segment_header) {
  fuzz::Taker in(bytes);
  const bool repair = (in.take<std::uint8_t>() & 1) != 0;
  fuzz::Exact block(in.rest(), kBlockBytes);
  if (repair) {
    SegmentHeader header;
    std::memcpy(&header, block.bytes().data(), sizeof header);
    header.header_crc = crc32c(checked_bytes(header));
    std::memcpy(block.bytes().data(), &header, sizeof header);
  }
  const auto header = decode_segment_header(block.bytes(), "/log/1.seg");
  if (!header) {
    fuzz::require(header.error().text.starts_with("/log/1.seg: "), "a refusal names the file");
    fuzz::require(header.error().kind == ErrorKind::damaged || header.error().kind == ErrorKind::unsupported_version,
                  "a refusal is one of two kinds");
    return;
  }
  fuzz::require(header->segment_bytes >= kSegmentBytesMin && header->segment_bytes <= kSegmentBytesMax &&
                    header->segment_bytes % kBlockBytes == 0,
                "a segment has a possible length");
  fuzz::require(std::ranges::equal(encode_segment_header(*header), block.bytes()),
                "a header is encoded to the block it was read from");
}

}  // namespace vigil::eventlog
