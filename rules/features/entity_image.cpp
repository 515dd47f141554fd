// Entities as bytes, for the image of the decision state.
//
// A piece: number of its first entity, how many entities there are in all so far, the layout of their entries; then
// groups of up to kGroup entities: how many, their ids, and of each lifetime, home, the numbers of `last` features,
// history, and its retained entries as they stand in memory. Windows and sums are not saved: the first look at an
// entity slides them over its entries, as after a replay. An entity without entries is restored when it is touched.
#include <algorithm>
#include <array>

#include "eventlog/storage/history_chain.h"
#include "eventlog/storage/invariant.h"
#include "eventlog/storage/prefetch.h"
#include "rules/features/entity_store.h"

namespace vigil::rules {
namespace {

using eventlog::Address;
using eventlog::EventTime;
using eventlog::HistoryChain;
using eventlog::Piece;
using eventlog::Place;
using eventlog::ValueReader;
using eventlog::ValueWriter;

// Ids stand together, so that the places of the next are on their way to the cache while one is restored.
constexpr std::uint32_t kGroup = 32;
constexpr std::uint32_t kReservedMax = 1 << 20;  // whatever a piece says
// How many entities ahead of the one being saved its memory is asked for: its entries, and twice that far where they
// are.
constexpr std::uint32_t kSavedAhead = 6;
constexpr std::uint32_t kRunsAhead = 16;
// A lifetime, a home, a number for each column, a history.
constexpr std::size_t kRecordBytesMax = sizeof(Lifetime) + 2 * (sizeof(Place) + 1) + kColumns * sizeof(std::uint32_t) +
                                        (1 + HistoryChain::kRootsMax) * sizeof(Address);

void put(ValueWriter& out, const std::optional<Place>& place) {
  out.put(static_cast<std::uint8_t>(place.has_value()));
  if (place) out.put(place->latitude_e7).put(place->longitude_e7);
}

std::optional<Place> take_place(ValueReader& from) {
  if (from.take<std::uint8_t>() == 0) return std::nullopt;
  Place place;
  place.latitude_e7 = from.take<decltype(place.latitude_e7)>();
  place.longitude_e7 = from.take<decltype(place.longitude_e7)>();
  return place;
}

void put(ValueWriter& out, const Lifetime& lifetime) {
  out.put(lifetime.transactions).put(lifetime.declined).put(lifetime.frauds);
  out.put(lifetime.amount_sum_minor).put(lifetime.amount_square_sum);
  out.put(lifetime.first_seen.value()).put(lifetime.last_seen.value());
  put(out, lifetime.last_place);
  out.put(lifetime.last_place_time.value());
}

void take(ValueReader& from, Lifetime& lifetime) {
  lifetime.transactions = from.take<std::uint64_t>();
  lifetime.declined = from.take<std::uint64_t>();
  lifetime.frauds = from.take<std::uint64_t>();
  lifetime.amount_sum_minor = from.take<std::int64_t>();
  lifetime.amount_square_sum = from.take<unsigned __int128>();
  lifetime.first_seen = EventTime{from.take<std::int64_t>()};
  lifetime.last_seen = EventTime{from.take<std::int64_t>()};
  lifetime.last_place = take_place(from);
  lifetime.last_place_time = EventTime{from.take<std::int64_t>()};
}

void put(ValueWriter& out, const HistoryChain& chain) {
  out.put(chain.length());
  for (const Address root : chain.roots()) out.put(root.value());
}

bool take(ValueReader& from, HistoryChain& chain) {
  const auto length = from.take<std::uint64_t>();
  if (length > UINT32_MAX) return false;
  std::array<Address, HistoryChain::kRootsMax> roots;
  const std::size_t count = HistoryChain::root_count(length);
  for (std::size_t i = 0; i < count; ++i) roots[i] = Address{from.take<std::uint64_t>()};
  if (from.is_short()) return false;
  chain = HistoryChain::restore(length, std::span(roots).first(count));
  return true;
}

// Passing over what take() would take.
void pass_place(ValueReader& from) {
  if (from.take<std::uint8_t>() != 0) from.take_bytes(sizeof(Place));
}

void pass_lifetime(ValueReader& from) {
  from.take_bytes(6 * sizeof(std::uint64_t) + sizeof(unsigned __int128));  // up to last_seen
  pass_place(from);
  from.take_bytes(sizeof(std::int64_t));
}

bool pass_chain(ValueReader& from) {
  const auto length = from.take<std::uint64_t>();
  if (length > UINT32_MAX) return false;
  from.take_bytes(HistoryChain::root_count(length) * sizeof(std::uint64_t));
  return !from.is_short();
}

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
  std::array<char, kRecordBytesMax> room;
  ValueWriter out(room.data());
  put(out, record.lifetime);
  put(out, record.home);
  for (const RecordOffset last : windows_.plan().last) {
    if (last != 0) out.put(record.get<std::uint32_t>(last));
  }
  put(out, record.chain);
  piece.put_bytes(std::as_bytes(std::span(room).first(out.bytes())));
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
  std::string_view saved = piece.rest();
  pass_lifetime(piece);
  pass_place(piece);
  piece.take_bytes(sizeof(std::uint32_t) * windows_.plan().last_kept());
  if (!pass_chain(piece)) return false;
  saved.remove_suffix(piece.rest().size());
  const auto count = piece.take<std::uint32_t>();
  const std::string_view entries = piece.take_bytes(std::size_t{count} * layout.stride);
  if (piece.is_short()) return false;
  if (count == 0) {
    sleeping_.add(number, saved);
    return true;
  }
  EntityRecord& record = make_record(number);
  restore_record(record, saved);
  chain_bytes_ += record.chain.heap_bytes();
  windows_.restore(record, reinterpret_cast<const std::byte*>(entries.data()), count, layout);
  return true;
}

// All but its entries.
void EntityStore::restore_record(EntityRecord& record, std::string_view saved) const {
  ValueReader from(saved);
  take(from, record.lifetime);
  record.home = take_place(from);
  for (const RecordOffset last : windows_.plan().last) {
    if (last != 0) record.set(last, from.take<std::uint32_t>());
  }
  eventlog::invariant(take(from, record.chain) && from.ok(), "what is restored was looked at before");
}

}  // namespace vigil::rules
