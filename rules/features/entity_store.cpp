#include "rules/features/entity_store.h"

#include <xxhash.h>

#include <new>
#include <type_traits>

#include "eventlog/storage/prefetch.h"
#include "rules/features/packed_record.h"

namespace vigil::rules {

using eventlog::bring;

namespace {

// A running hash over the numbers that make out a state, in a fixed order.
class Digester {
 public:
  template <class T>
  void add(T value) {
    static_assert(std::has_unique_object_representations_v<T>);
    value_ = XXH3_64bits_withSeed(&value, sizeof(value), value_);
  }
  void add(std::string_view text) { value_ = XXH3_64bits_withSeed(text.data(), text.size(), value_); }
  void add(const std::optional<eventlog::Place>& place) {
    add(place.has_value());
    add(place ? place->latitude_e7 : 0);
    add(place ? place->longitude_e7 : 0);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

void add_lifetime(Digester& digester, const Lifetime& lifetime) {
  digester.add(lifetime.transactions);
  digester.add(lifetime.declined);
  digester.add(lifetime.frauds);
  digester.add(lifetime.amount_sum_minor);
  digester.add(lifetime.amount_square_sum);
  digester.add(lifetime.first_seen.value());
  digester.add(lifetime.last_seen.value());
  digester.add(lifetime.last_place);
  digester.add(lifetime.last_place_time.value());
}

void add_entries(Digester& digester, const EntityWindows& windows, const EntryRing& ring) {
  const RingStore& rings = windows.rings();
  Entry entry;
  std::int64_t time_us = ring.oldest_us;
  for (EntryIndex i = ring.begin; i != ring.end; ++i) {
    const std::byte* kept = rings.at(ring, i);
    time_us = rings.time_from(time_us, kept);
    if (time_us <= windows.horizon_us()) continue;
    rings.layout().read(kept, time_us, entry);
    digester.add(entry.time_us);
    digester.add(entry.amount_minor);
    digester.add(entry.flags);
    for (const std::uint32_t number : entry.columns) digester.add(number);
  }
}

}  // namespace

EntityStore::EntityStore(const KindPlan& plan, std::int64_t keep_us)
    : record_bytes_(plan.record_bytes), windows_(plan, keep_us), blank_(record_bytes_) {
  new (blank_.begin()) EntityRecord;
}

EntityStore::~EntityStore() {
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    if (sleeps(i)) continue;
    windows_.release(*place(i));
    place(i)->~EntityRecord();
  }
  blank().~EntityRecord();
}

std::uint32_t EntityStore::number_of(std::string_view id) {
  if (const auto found = find(id)) return *found;
  return add(id);
}

std::uint32_t EntityStore::add_name(std::string_view id) {
  const std::uint32_t number = names_.insert(NameTable::hash(id), id);
  if (number % kRecordsPerSlab == 0) slabs_.emplace_back(kRecordsPerSlab * record_bytes_);
  return number;
}

std::uint32_t EntityStore::add(std::string_view id) {
  const std::uint32_t number = add_name(id);
  make_record(number);
  return number;
}

EntityRecord& EntityStore::make_record(std::uint32_t number) {
  EntityRecord& record = *new (place(number)) EntityRecord;
  windows_.stand_before_all(record);
  return record;
}

void EntityStore::wake(std::uint32_t number) {
  const std::string_view saved = sleeping_.find(number);
  if (saved.empty()) return;
  EntityRecord& record = make_record(number);
  unpack_record(saved, windows_.plan(), record);
  chain_bytes_ += record.chain.heap_bytes();
  sleeping_.remove(number);
}

void EntityStore::widen(Column column) {
  windows_.change_layout(windows_.widened(column), [this](auto&& change) {
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
      if (!sleeps(i)) change(*place(i));
    }
  });
}

void EntityStore::prefetch_slot(std::uint64_t hash) const { bring(names_.slot_address(hash)); }

std::optional<std::uint32_t> EntityStore::prefetch_record(std::uint64_t hash, Wanted wanted) const {
  const auto number = names_.guess(hash);
  if (!number) return number;
  bring(names_.cell_address(*number));
  const EntityRecord* record = place(*number);
  if (wanted == Wanted::observing) {
    bring(record, record_bytes_);
  } else {
    const std::uint32_t last = windows_.plan().last_begin;
    bring(record, sizeof(EntityRecord));
    bring(reinterpret_cast<const std::byte*>(record) + last, record_bytes_ - last);
  }
  return number;
}

void EntityStore::prefetch_directory(std::uint32_t number) const {
  windows_.prefetch_directory(*place(number), [](const void* address) { bring(address); });
}

void EntityStore::prefetch_entries(std::uint32_t number, std::int64_t time_us, Wanted wanted) const {
  const auto touch = [](const void* address) { bring(address); };
  if (wanted == Wanted::observing) {
    windows_.prefetch_entries(*place(number), time_us, touch);
  } else {
    windows_.prefetch_newest(*place(number), touch);
  }
}

std::uint64_t EntityStore::entity_bytes() const {
  const std::size_t awake = names_.size() - sleeping_.size();
  return names_.bytes() + awake * record_bytes_ + chain_bytes_ + sleeping_.bytes();
}

std::uint64_t EntityStore::digest_of(std::uint32_t number, const EntityRecord& record) const {
  Digester digester;
  digester.add(names_.text(number));
  add_lifetime(digester, record.lifetime);
  digester.add(record.home);
  digester.add(record.chain.length());
  for (const eventlog::Address root : record.chain.roots()) digester.add(root.value());
  for (const RecordOffset last : windows_.plan().last) {
    digester.add(last == 0 ? 0u : record.get<std::uint32_t>(last));
  }
  add_entries(digester, windows_, record.ring);
  return digester.value();
}

std::uint64_t EntityStore::digest_asleep(std::uint32_t number, const ZeroPages& room) const {
  EntityRecord& record = *new (room.begin()) EntityRecord;
  unpack_record(sleeping_.find(number), windows_.plan(), record);
  const std::uint64_t digest = digest_of(number, record);
  record.~EntityRecord();
  return digest;
}

std::uint64_t EntityStore::digest() const {
  const ZeroPages room(record_bytes_);
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    total += sleeps(i) ? digest_asleep(i, room) : digest_of(i, *place(i));
  }
  return total;
}

}  // namespace vigil::rules
