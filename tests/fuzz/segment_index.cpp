// The side file of a sealed segment. Input: how to read it (1 byte), then either the file, or keys and places that
// are made into one.
#include "eventlog/storage/segment_index.h"

#include <algorithm>
#include <map>
#include <vector>

#include "tests/fuzz/target.h"

namespace vigil::eventlog {
namespace {

using fuzz::require;

constexpr std::size_t kIdAt = 16, kBaseAt = 32, kBodyCrcAt = 56, kHeaderCrcAt = 60, kHeaderBytes = 64;

void put_crc(std::span<std::byte> bytes, std::size_t at, std::span<const std::byte> covered) {
  const std::uint32_t crc = crc32c(covered);
  std::memcpy(bytes.data() + at, &crc, sizeof crc);
}

void ask(const SealedIndex& index, std::uint64_t key) {
  std::vector<std::uint32_t> places;
  index.find(key, places);
  floor_by_position(index.frames(), key);
  floor_by_time(index.frames(), static_cast<std::int64_t>(key));
}

void read_file(fuzz::Bytes bytes, bool repair) {
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  LogId log_id{};
  std::uint64_t base_address = 0;
  if (file.size() >= kHeaderBytes && repair) {
    std::memcpy(log_id.data(), &file[kIdAt], log_id.size());
    std::memcpy(&base_address, &file[kBaseAt], sizeof base_address);
    put_crc(file, kBodyCrcAt, std::span(file).subspan(kHeaderBytes));
    put_crc(file, kHeaderCrcAt, std::span(file).first(kHeaderCrcAt));
  }
  const auto index = SealedIndex::from(file, log_id, base_address);
  if (!index) {
    require(index.error().kind == ErrorKind::damaged, "an index that does not fit is damaged");
    return;
  }
  for (const FramePlace& frame : (*index)->frames()) ask(**index, frame.first_position);
  fuzz::Taker in(bytes);
  for (int i = 0; i < 64 && !in.empty(); ++i) ask(**index, in.take<std::uint64_t>());
}

// What went in is found: all of it, in order, nothing else.
void build_and_find(fuzz::Bytes bytes) {
  fuzz::Taker in(bytes);
  GrowingIndex growing(kSegmentBytesMin);
  std::map<std::uint64_t, std::vector<std::uint32_t>> expected;
  std::uint64_t position = 1, offset = kBlockBytes;
  std::uint32_t place = 0;
  while (!in.empty()) {
    std::vector<KeyPlace> keys;
    for (int events = in.take<std::uint8_t>() % 8; events > 0; --events) {
      keys.push_back({in.take<std::uint16_t>() * 0x9E3779B97F4A7C15ull, place += 1 + in.take<std::uint8_t>()});
      expected[keys.back().key].push_back(place);
    }
    growing.add({position, static_cast<std::int64_t>(position), offset}, keys);
    position += keys.size() + 1;
    offset += kBlockBytes * (1 + in.take<std::uint8_t>() % 32);
  }
  const auto sealed = SealedIndex::from(growing.encode({}, 0), {}, 0);
  require(sealed.has_value(), "an index that was encoded can be read");
  for (const auto& [key, places] : expected) {
    std::vector<std::uint32_t> in_growing, in_sealed;
    growing.find(key, in_growing);
    (*sealed)->find(key, in_sealed);
    require(in_growing == places && in_sealed == places, "every key is found where it was added");
  }
  std::vector<std::uint32_t> none;
  growing.find(3, none);
  (*sealed)->find(3, none);
  require(none.empty() || expected.contains(3), "a key that was never added is not found");
  for (std::uint64_t sought = 0; sought <= position; sought += 1 + position / 16) {
    const auto early = growing.floor_by_position(sought);
    const FramePlace* late = floor_by_position((*sealed)->frames(), sought);
    require(early.has_value() == (late != nullptr), "both indexes have frames or none");
    require(!early || early->offset == late->offset, "both indexes find the same frame");
  }
}

}  // namespace

VIGIL_FUZZ_TARGET(segment_index) {
  fuzz::Taker in(bytes);
  const auto how = in.take<std::uint8_t>();
  if ((how & 1) != 0) return build_and_find(in.rest());
  read_file(in.rest(), (how & 2) != 0);
}

}  // namespace vigil::eventlog
