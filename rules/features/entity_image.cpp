// Entities as bytes, for the image of the decision state.
//
// A piece: number of its first entity, how many entities there are in all so far, the layout of their entries; then
// groups of up to kGroup entities: how many, their ids, and of each its packed record and its retained entries as they
// stand in memory. Windows and sums are not saved: the first look at an entity slides them over its entries, as after
// a replay. An entity without entries is restored when it is touched.
#include <algorithm>
#include <array>

#include "eventlog/storage/prefetch.h"
#include "rules/features/entity_store.h"
#include "rules/features/packed_record.h"

namespace vigil::rules {
namespace {

using eventlog::Piece;
using eventlog::ValueReader;

// Ids stand together, so that the places of the next are on their way to the cache while one is restored.
constexpr std::uint32_t kGroup = 32;
constexpr std::uint32_t kReservedMax = 1 << 20;  // whatever a piece says
// How many entities ahead of the one being saved its memory is asked for: its entries, and twice that far where they
// are.
constexpr std::uint32_t kSavedAhead = 6;
constexpr std::uint32_t kRunsAhead = 16;

void put(Piece& piece, const EntryLayout& layout) {
  piece.put(static_cast<std::uint8_t>(layout.has_amount));
  for (const std::uint8_t width : layout.width) piece.put(width);
}

// False when the layout is not one of the kind's: another amount, or columns it does not keep.
bool take(ValueReader& from, const EntryLayout& kind, EntryLayout& layout) {
  layout = kind;
  if ((from.take<std::uint8_t>() != 0) != kind.has_amount) return false;
  for (std::size_t i = 0; i < kColumns; ++i) {
    layout.width[i] = from.take<std::uint8_t>();
    const bool keeps = layout.width[i] >= 2 && layout.width[i] <= sizeof(std::uint32_t);
    if (kind.width[i] == 0 ? layout.width[i] != 0 : !keeps) return false;
  }
  layout.arrange();
  return !from.is_short();
}

// The entries beyond the horizon, as many as there are, each in one memory run after the other. Times are told apart
// only where the newest, that of the last transaction, is not itself behind the horizon: the entity may have been left
// alone.
void put_entries(Piece& piece, const EntityWindows& windows, const EntityRecord& record) {
  const RingStore& rings = windows.rings();
  const EntryRing& ring = record.ring;
  const bool expired = record.lifetime.last_seen.value() <= windows.horizon_us();
  EntryIndex at = ring.begin;
  if (expired) at = ring.end;
  if (at != ring.end && ring.oldest_us <= windows.horizon_us()) at = rings.after(ring, windows.horizon_us());
  piece.put(ring.end - at);
  while (at != ring.end) {
    const EntryRun run = rings.run(ring, at);
    piece.put_bytes({run.first, std::size_t{run.count} * rings.layout().stride});
    at += run.count;
  }
}

}  // namespace

std::uint32_t EntityStore::save(std::uint32_t first, std::size_t bytes, Piece& piece) const {
  const auto all = static_cast<std::uint32_t>(names_.size());
  piece.put(first).put(all);
  put(piece, windows_.plan().layout);
  const std::size_t begin = piece.size();
  while (first < all && piece.size() - begin < bytes) {
    const std::uint32_t count = std::min(kGroup, all - first);
    piece.put(count);
    for (std::uint32_t i = 0; i < count; ++i) piece.put_text(names_.text(first + i));
    for (std::uint32_t i = 0; i < count; ++i) {
      prefetch_saved(first + i);
      save_entity(first + i, piece);
    }
    first += count;
  }
  return first;
}

void EntityStore::save_entity(std::uint32_t number, Piece& piece) const {
  if (const std::string_view saved = sleeping_.find(number); !saved.empty()) {
    piece.put_bytes(std::as_bytes(std::span(saved))).put(std::uint32_t{0});
    return;
  }
  const EntityRecord& record = *place(number);
  std::array<char, kPackedRecordMax> room;
  piece.put_bytes(std::as_bytes(std::span(room).first(pack_record(record, windows_.plan(), room.data()))));
  put_entries(piece, windows_, record);
}

void EntityStore::prefetch_saved(std::uint32_t number) const {
  const auto all = static_cast<std::uint32_t>(names_.size());
  if (number + 2 * kSavedAhead < all && !sleeps(number + 2 * kSavedAhead)) prefetch_directory(number + 2 * kSavedAhead);
  if (number + kSavedAhead < all && !sleeps(number + kSavedAhead)) {
    windows_.prefetch_runs(*place(number + kSavedAhead), kRunsAhead, [](const void* line) { eventlog::bring(line); });
  }
}

bool EntityStore::restore(ValueReader& piece) {
  if (piece.take<std::uint32_t>() != names_.size()) return false;
  names_.reserve(std::min(piece.take<std::uint32_t>(), kReservedMax));
  EntryLayout layout;
  if (!take(piece, windows_.plan().layout, layout)) return false;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (layout.width[i] > windows_.plan().layout.width[i]) widen(static_cast<Column>(i));
  }
  while (!piece.is_short() && !piece.ok()) {
    if (!restore_group(piece, layout)) return false;
  }
  return piece.ok();
}

bool EntityStore::restore_group(ValueReader& piece, const EntryLayout& layout) {
  std::array<std::string_view, kGroup> ids;
  const auto count = piece.take<std::uint32_t>();
  if (count > kGroup) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    ids[i] = piece.take_text();
    if (ids[i].empty()) return false;
    prefetch_slot(NameTable::hash(ids[i]));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (names_.find(NameTable::hash(ids[i]), ids[i]) || !restore_entity(ids[i], piece, layout)) return false;
  }
  return true;
}

bool EntityStore::restore_entity(std::string_view id, ValueReader& piece, const EntryLayout& layout) {
  const std::uint32_t number = add_name(id);
  const std::string_view saved = packed_record(piece.rest(), windows_.plan());
  if (saved.empty()) return false;
  piece.take_bytes(saved.size());
  const auto count = piece.take<std::uint32_t>();
  const std::string_view entries = piece.take_bytes(std::size_t{count} * layout.stride);
  if (piece.is_short()) return false;
  if (count == 0) {
    sleeping_.add(number, saved);
    return true;
  }
  EntityRecord& record = make_record(number);
  unpack_record(saved, windows_.plan(), record);
  chain_bytes_ += record.chain.heap_bytes();
  windows_.restore(record, reinterpret_cast<const std::byte*>(entries.data()), count, layout);
  return true;
}

}  // namespace vigil::rules
