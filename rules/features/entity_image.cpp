// Entities as bytes, for the image of the decision state.
//
// A piece: number of its first entity, how many follow, the layout of their entries; then each entity: id, lifetime,
// home, the numbers of `last` features, history, and its retained entries as they stand in memory. Windows and sums are
// not saved: the first look at an entity slides them over its entries, as after a replay.
#include "eventlog/storage/history_chain.h"
#include "rules/features/entity_store.h"

namespace vigil::rules {
namespace {

using eventlog::Address;
using eventlog::EventTime;
using eventlog::HistoryChain;
using eventlog::Piece;
using eventlog::Place;
using eventlog::ValueReader;

constexpr std::size_t kCountAt = sizeof(std::uint32_t);  // of a piece, behind the first number

void put(Piece& piece, const std::optional<Place>& place) {
  piece.put(static_cast<std::uint8_t>(place.has_value()));
  if (place) piece.put(place->latitude_e7).put(place->longitude_e7);
}

std::optional<Place> take_place(ValueReader& from) {
  if (from.take<std::uint8_t>() == 0) return std::nullopt;
  Place place;
  place.latitude_e7 = from.take<decltype(place.latitude_e7)>();
  place.longitude_e7 = from.take<decltype(place.longitude_e7)>();
  return place;
}

void put(Piece& piece, const Lifetime& lifetime) {
  piece.put(lifetime.transactions).put(lifetime.declined).put(lifetime.frauds);
  piece.put(lifetime.amount_sum_minor).put(lifetime.amount_square_sum);
  piece.put(lifetime.first_seen.value()).put(lifetime.last_seen.value());
  put(piece, lifetime.last_place);
  piece.put(lifetime.last_place_time.value());
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

void put(Piece& piece, const HistoryChain& chain) {
  piece.put(chain.length());
  for (const Address root : chain.roots()) piece.put(root.value());
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
  EntryIndex at = expired ? ring.end : rings.after(ring, windows.horizon_us());
  piece.put(ring.end - at);
  while (at != ring.end) {
    const EntryRun run = rings.run(ring, at);
    piece.put_bytes({run.first, std::size_t{run.count} * rings.layout().stride});
    at += run.count;
  }
}

}  // namespace

std::uint32_t EntityStore::save(std::uint32_t first, std::size_t bytes, Piece& piece) const {
  const std::size_t header = piece.size();
  piece.put(first).put(std::uint32_t{0});
  put(piece, windows_.plan().layout);
  const std::size_t begin = piece.size();
  std::uint32_t next = first;
  for (; next < names_.size() && piece.size() - begin < bytes; ++next) save_entity(next, piece);
  piece.change(header + kCountAt, next - first);
  return next;
}

void EntityStore::save_entity(std::uint32_t number, Piece& piece) const {
  const EntityRecord& record = *place(number);
  piece.put_text(names_.text(number));
  put(piece, record.lifetime);
  put(piece, record.home);
  for (const RecordOffset last : windows_.plan().last) {
    if (last != 0) piece.put(record.get<std::uint32_t>(last));
  }
  put(piece, record.chain);
  put_entries(piece, windows_, record);
}

bool EntityStore::restore(ValueReader& piece) {
  if (piece.take<std::uint32_t>() != names_.size()) return false;
  const auto count = piece.take<std::uint32_t>();
  EntryLayout layout;
  if (!take(piece, windows_.plan().layout, layout)) return false;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (layout.width[i] > windows_.plan().layout.width[i]) widen(static_cast<Column>(i));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!restore_entity(piece, layout)) return false;
  }
  return piece.ok();
}

bool EntityStore::restore_entity(ValueReader& piece, const EntryLayout& layout) {
  const std::string_view id = piece.take_text();
  if (id.empty() || find(id)) return false;
  EntityRecord& record = *place(add(id));
  take(piece, record.lifetime);
  record.home = take_place(piece);
  for (const RecordOffset last : windows_.plan().last) {
    if (last != 0) record.set(last, piece.take<std::uint32_t>());
  }
  chain_bytes_ -= record.chain.heap_bytes();
  if (!take(piece, record.chain)) return false;
  chain_bytes_ += record.chain.heap_bytes();
  const auto count = piece.take<std::uint32_t>();
  const std::string_view entries = piece.take_bytes(std::size_t{count} * layout.stride);
  if (piece.is_short()) return false;
  windows_.restore(record, reinterpret_cast<const std::byte*>(entries.data()), count, layout);
  return true;
}

}  // namespace vigil::rules
