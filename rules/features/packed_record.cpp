// Numbers (number_bytes.h): which places follow; the lifetime, times as differences; its last place, the home; the
// numbers of `last` features; the history's length and roots, each as the difference to the one before.
#include "rules/features/packed_record.h"

#include <array>
#include <span>

namespace vigil::rules {
namespace {

using eventlog::Address;
using eventlog::EventTime;
using eventlog::HistoryChain;
using eventlog::Place;

constexpr std::uint64_t kHasLastPlace = 1;
constexpr std::uint64_t kHasHome = 2;
constexpr std::size_t kLifetimeNumbers = 9;
constexpr std::size_t kPlaceNumbers = 2;

std::int64_t difference(EventTime time, EventTime base) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time.value()) - static_cast<std::uint64_t>(base.value()));
}

EventTime later(EventTime base, std::int64_t difference) {
  return EventTime{
      static_cast<std::int64_t>(static_cast<std::uint64_t>(base.value()) + static_cast<std::uint64_t>(difference))};
}

void put(NumberWriter& out, const Lifetime& lifetime) {
  out.put(lifetime.transactions);
  out.put(lifetime.declined);
  out.put(lifetime.frauds);
  out.put(zigzag(lifetime.amount_sum_minor));
  out.put(static_cast<std::uint64_t>(lifetime.amount_square_sum));
  out.put(static_cast<std::uint64_t>(lifetime.amount_square_sum >> 64));
  out.put(zigzag(lifetime.first_seen.value()));
  out.put(zigzag(difference(lifetime.last_seen, lifetime.first_seen)));
  out.put(zigzag(difference(lifetime.last_place_time, lifetime.last_seen)));
}

void take(NumberReader& from, Lifetime& lifetime) {
  lifetime.transactions = from.take();
  lifetime.declined = from.take();
  lifetime.frauds = from.take();
  lifetime.amount_sum_minor = from_zigzag(from.take());
  lifetime.amount_square_sum = from.take();
  lifetime.amount_square_sum |= static_cast<unsigned __int128>(from.take()) << 64;
  lifetime.first_seen = EventTime{from_zigzag(from.take())};
  lifetime.last_seen = later(lifetime.first_seen, from_zigzag(from.take()));
  lifetime.last_place_time = later(lifetime.last_seen, from_zigzag(from.take()));
}

void put(NumberWriter& out, const std::optional<Place>& place) {
  if (!place) return;
  out.put(zigzag(place->latitude_e7));
  out.put(zigzag(place->longitude_e7));
}

Place take_place(NumberReader& from) {
  Place place;
  place.latitude_e7 = static_cast<std::int32_t>(from_zigzag(from.take()));
  place.longitude_e7 = static_cast<std::int32_t>(from_zigzag(from.take()));
  return place;
}

void put(NumberWriter& out, const HistoryChain& chain) {
  out.put(chain.length());
  std::uint64_t before = 0;
  for (const Address root : chain.roots()) {
    out.put(root.value() - before);
    before = root.value();
  }
}

HistoryChain take_chain(NumberReader& from) {
  const std::uint64_t length = from.take();
  std::array<Address, HistoryChain::kRootsMax> roots;
  const std::size_t count = HistoryChain::root_count(length);
  std::uint64_t root = 0;
  for (std::size_t i = 0; i < count; ++i) roots[i] = Address{root += from.take()};
  return HistoryChain::restore(length, std::span(roots).first(count));
}

}  // namespace

std::size_t pack_record(const EntityRecord& record, const KindPlan& plan, char* room) {
  NumberWriter out(room);
  out.put((record.lifetime.last_place ? kHasLastPlace : 0) | (record.home ? kHasHome : 0));
  put(out, record.lifetime);
  put(out, record.lifetime.last_place);
  put(out, record.home);
  for (const RecordOffset last : plan.last) {
    if (last != 0) out.put(record.get<std::uint32_t>(last));
  }
  put(out, record.chain);
  return out.bytes();
}

std::string_view packed_record(std::string_view bytes, const KindPlan& plan) {
  NumberReader from(bytes);
  const std::uint64_t places = from.take();
  const std::size_t numbers = ((places & kHasLastPlace) != 0 ? kPlaceNumbers : 0) +
                              ((places & kHasHome) != 0 ? kPlaceNumbers : 0) + plan.last_kept();
  from.pass(kLifetimeNumbers + numbers);
  const std::uint64_t length = from.take();
  if (length > UINT32_MAX) return {};
  from.pass(HistoryChain::root_count(length));
  const std::size_t size = bytes.size() - from.rest().size();
  return from.is_short() || size > kPackedRecordMax ? std::string_view() : bytes.substr(0, size);
}

void unpack_record(std::string_view packed, const KindPlan& plan, EntityRecord& record) {
  NumberReader from(packed);
  const std::uint64_t places = from.take();
  take(from, record.lifetime);
  if ((places & kHasLastPlace) != 0) record.lifetime.last_place = take_place(from);
  if ((places & kHasHome) != 0) record.home = take_place(from);
  for (const RecordOffset last : plan.last) {
    if (last != 0) record.set(last, static_cast<std::uint32_t>(from.take()));
  }
  record.chain = take_chain(from);
}

}  // namespace vigil::rules
