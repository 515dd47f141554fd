#include "eventlog/storage/segment_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

namespace {

// The side file: this header, the listed frames, the filter, the keys in rising order, their places (padded
// to 8 bytes). Stored: never change; a file that does not fit is made anew from the segment.
struct IndexHeader {
  std::uint64_t magic = kIndexMagic;
  std::uint32_t format_version = kFormatVersion;
  std::uint32_t frames = 0;
  LogId log_id{};
  std::uint64_t base_address = 0;
  std::uint64_t keys = 0;
  std::uint64_t filter_blocks = 0;
  std::uint32_t body_crc = 0;
  std::uint32_t header_crc = 0;
};
static_assert(sizeof(IndexHeader) == 64 && sizeof(FramePlace) == 24);

// A blocked Bloom filter: a key sets kFilterBits bits of one 64-byte block; one block per 64 keys (8 bits
// each) lets about 3 % of absent keys through.
constexpr std::size_t kFilterBits = 5;
constexpr std::size_t kBlockWords = 8;
constexpr std::size_t kKeysPerBlock = 64;

// Keys are hashes already, but of unknown quality: mixed as by SplitMix64.
std::uint64_t mix(std::uint64_t key) {
  key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9ull;
  key = (key ^ (key >> 27)) * 0x94D049BB133111EBull;
  return key ^ (key >> 31);
}

std::size_t block_of(std::uint64_t mixed, std::size_t blocks) {
  return static_cast<std::size_t>((static_cast<unsigned __int128>(mixed) * blocks) >> 64) * kBlockWords;
}

template <class Visit>
void visit_bits(std::uint64_t mixed, Visit visit) {
  for (std::size_t i = 0; i < kFilterBits; ++i) {
    const std::size_t bit = (mixed >> (9 * i)) & 511;
    visit(bit / 64, 1ull << (bit % 64));
  }
}

constexpr std::size_t places_bytes(std::size_t keys) { return round_up(keys * sizeof(std::uint32_t), 8); }

}  // namespace

const FramePlace* floor_by_position(std::span<const FramePlace> frames, std::uint64_t position) {
  if (frames.empty()) return nullptr;
  auto above = std::upper_bound(frames.begin(), frames.end(), position,
                                [](std::uint64_t p, const FramePlace& f) { return p < f.first_position; });
  return above == frames.begin() ? &frames.front() : &*(above - 1);
}

const FramePlace* floor_by_time(std::span<const FramePlace> frames, std::int64_t ingest_time_us) {
  if (frames.empty()) return nullptr;
  auto from = std::lower_bound(frames.begin(), frames.end(), ingest_time_us,
                               [](const FramePlace& f, std::int64_t t) { return f.ingest_time_us < t; });
  return from == frames.begin() ? &frames.front() : &*(from - 1);
}

GrowingIndex::GrowingIndex(std::uint64_t segment_bytes) {
  frames_.reserve(segment_bytes / kFrameStrideBytes + 1);
  keys_.reserve(segment_bytes / 512);
}

void GrowingIndex::add(const FramePlace& frame, std::span<const KeyPlace> keys) {
  const std::lock_guard lock(adding_);
  if (frames_.empty() || frame.offset >= frames_.back().offset + kFrameStrideBytes) frames_.push_back(frame);
  keys_.insert(keys_.end(), keys.begin(), keys.end());
}

std::optional<FramePlace> GrowingIndex::floor_by_position(std::uint64_t position) const {
  const std::lock_guard lock(adding_);
  const FramePlace* found = eventlog::floor_by_position(frames_, position);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::optional<FramePlace> GrowingIndex::floor_by_time(std::int64_t ingest_time_us) const {
  const std::lock_guard lock(adding_);
  const FramePlace* found = eventlog::floor_by_time(frames_, ingest_time_us);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void GrowingIndex::insert(const KeyPlace& key) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = mix(key.key) & mask;
  while (table_[slot].place != 0) slot = (slot + 1) & mask;
  table_[slot] = {key.key, key.place};
  ++taken_in_;
}

void GrowingIndex::take_in_new_keys() const {
  constexpr std::size_t kAtOnce = 4096;  // bounds how long the adding thread may be held up
  while (true) {
    const std::size_t before = taken_.size();
    {
      const std::lock_guard lock(adding_);
      const std::size_t more = std::min(kAtOnce, keys_.size() - before);
      taken_.insert(taken_.end(), keys_.begin() + static_cast<std::ptrdiff_t>(before),
                    keys_.begin() + static_cast<std::ptrdiff_t>(before + more));
    }
    if (taken_.size() == before) return;
    if (taken_.size() * 2 > table_.size()) {
      table_.assign(std::bit_ceil(std::max<std::size_t>(taken_.size() * 4, 1024)), Slot{});
      taken_in_ = 0;
    }
    while (taken_in_ < taken_.size()) insert(taken_[taken_in_]);
  }
}

void GrowingIndex::find(std::uint64_t key, std::vector<std::uint32_t>& places) const {
  const std::lock_guard lock(asking_);
  take_in_new_keys();
  if (table_.empty()) return;
  const std::size_t first = places.size();
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = mix(key) & mask; table_[slot].place != 0; slot = (slot + 1) & mask) {
    if (table_[slot].key == key) places.push_back(table_[slot].place);
  }
  std::sort(places.begin() + static_cast<std::ptrdiff_t>(first), places.end());
}

std::vector<std::byte> GrowingIndex::encode(const LogId& log_id, std::uint64_t base_address) const {
  std::vector<FramePlace> frames;
  std::vector<KeyPlace> keys;
  {
    const std::lock_guard lock(adding_);
    frames = frames_;
    keys = keys_;
  }
  std::sort(keys.begin(), keys.end(),
            [](const KeyPlace& a, const KeyPlace& b) { return a.key != b.key ? a.key < b.key : a.place < b.place; });
  const std::size_t blocks = (keys.size() + kKeysPerBlock - 1) / kKeysPerBlock;
  std::vector<std::uint64_t> filter(blocks * kBlockWords);
  for (const KeyPlace& key : keys) {
    const std::uint64_t mixed = mix(key.key);
    std::uint64_t* block = &filter[block_of(mixed, blocks)];
    visit_bits(mixed, [&](std::size_t word, std::uint64_t bit) { block[word] |= bit; });
  }

  std::vector<std::byte> bytes(sizeof(IndexHeader) + frames.size() * sizeof(FramePlace) + filter.size() * 8 +
                               keys.size() * 8 + places_bytes(keys.size()));
  std::byte* at = bytes.data() + sizeof(IndexHeader);
  const auto put = [&at](const void* from, std::size_t size) {
    if (size > 0) std::memcpy(at, from, size);
    at += size;
  };
  put(frames.data(), frames.size() * sizeof(FramePlace));
  put(filter.data(), filter.size() * 8);
  for (const KeyPlace& key : keys) put(&key.key, 8);
  for (const KeyPlace& key : keys) put(&key.place, 4);

  IndexHeader header;
  header.log_id = log_id;
  header.base_address = base_address;
  header.frames = static_cast<std::uint32_t>(frames.size());
  header.keys = keys.size();
  header.filter_blocks = blocks;
  header.body_crc = crc32c(std::span(bytes).subspan(sizeof header));
  header.header_crc = crc32c(checked_bytes(header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

Expected<std::unique_ptr<SealedIndex>> SealedIndex::from(std::vector<std::byte> bytes, const LogId& log_id,
                                                         std::uint64_t base_address) {
  auto index = std::make_unique<SealedIndex>();
  index->owned_ = std::move(bytes);
  if (auto read = index->read(index->owned_, log_id, base_address); !read) return std::unexpected(read.error());
  return index;
}

Expected<std::unique_ptr<SealedIndex>> SealedIndex::from(std::unique_ptr<Mapping> mapping, const LogId& log_id,
                                                         std::uint64_t base_address) {
  auto index = std::make_unique<SealedIndex>();
  index->mapped_ = std::move(mapping);
  if (auto read = index->read(index->mapped_->bytes(), log_id, base_address); !read) {
    return std::unexpected(read.error());
  }
  return index;
}

namespace {

// Nothing when `header` is that of this segment's index in `bytes` bytes; otherwise what is wrong.
const char* fault_of(const IndexHeader& header, std::uint64_t bytes, const LogId& log_id, std::uint64_t base_address) {
  if (header.magic != kIndexMagic || header.format_version != kFormatVersion ||
      header.header_crc != crc32c(checked_bytes(header))) {
    return "header";
  }
  if (header.log_id != log_id || header.base_address != base_address) return "of another segment";
  if (header.keys > bytes || header.filter_blocks > bytes ||
      sizeof header + header.frames * sizeof(FramePlace) + header.filter_blocks * kBlockWords * 8 + header.keys * 8 +
              places_bytes(header.keys) !=
          bytes) {
    return "length";
  }
  return nullptr;
}

}  // namespace

bool SealedIndex::fits(File& file, const LogId& log_id, std::uint64_t base_address) {
  IndexHeader header;
  const auto bytes = file.size();
  return bytes && *bytes >= sizeof header && file.read_at(0, std::as_writable_bytes(std::span(&header, 1))) &&
         fault_of(header, *bytes, log_id, base_address) == nullptr;
}

Expected<void> SealedIndex::read(std::span<const std::byte> bytes, const LogId& log_id, std::uint64_t base_address) {
  const auto damaged = [](const char* what) { return fail(ErrorKind::damaged, std::string("segment index: ") + what); };
  IndexHeader header;
  if (bytes.size() < sizeof header) return damaged("too short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (const char* fault = fault_of(header, bytes.size(), log_id, base_address)) return damaged(fault);
  if (header.body_crc != crc32c(bytes.subspan(sizeof header))) return damaged("checksum");
  const std::byte* at = bytes.data() + sizeof header;
  frames_ = {reinterpret_cast<const FramePlace*>(at), header.frames};
  at += frames_.size_bytes();
  filter_ = {reinterpret_cast<const std::uint64_t*>(at), header.filter_blocks * kBlockWords};
  at += filter_.size_bytes();
  keys_ = {reinterpret_cast<const std::uint64_t*>(at), header.keys};
  at += keys_.size_bytes();
  places_ = {reinterpret_cast<const std::uint32_t*>(at), header.keys};
  return {};
}

bool SealedIndex::may_hold(std::uint64_t key) const {
  if (filter_.empty()) return false;
  const std::uint64_t mixed = mix(key);
  const std::uint64_t* block = &filter_[block_of(mixed, filter_.size() / kBlockWords)];
  bool all = true;
  visit_bits(mixed, [&](std::size_t word, std::uint64_t bit) { all = all && (block[word] & bit) != 0; });
  return all;
}

void SealedIndex::find(std::uint64_t key, std::vector<std::uint32_t>& places) const {
  if (!may_hold(key)) return;
  auto [from, to] = std::equal_range(keys_.begin(), keys_.end(), key);
  for (auto it = from; it != to; ++it) places.push_back(places_[static_cast<std::size_t>(it - keys_.begin())]);
}

}  // namespace vigil::eventlog
