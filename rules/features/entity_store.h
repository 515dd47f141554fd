// All entities of one kind: found by id, numbered densely, each with its record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "eventlog/storage/image_file.h"
#include "eventlog/storage/value_bytes.h"
#include "rules/features/entity_record.h"
#include "rules/features/entity_windows.h"
#include "rules/features/name_table.h"
#include "rules/features/sleeping_entities.h"
#include "rules/features/window_plan.h"
#include "rules/features/zero_pages.h"

namespace vigil::rules {

// What an entity is brought towards the cache for: observing reads all of its windows, folding few places.
enum class Wanted : std::uint8_t { observing, folding };

// Not thread-safe. Entities are never removed; records keep their place. A restored entity without retained entries
// sleeps until it is touched: its record is made then.
class EntityStore {
 public:
  EntityStore(const KindPlan& plan, std::int64_t keep_us);
  ~EntityStore();
  EntityStore(const EntityStore&) = delete;
  EntityStore& operator=(const EntityStore&) = delete;

  // One payment asks for its entities several times: the answer given last is tried first.
  std::optional<std::uint32_t> find(std::string_view id) const {
    if (recent_ < names_.size() && names_.text(recent_) == id) return recent_;
    const auto found = names_.find(NameTable::hash(id), id);
    if (found) recent_ = *found;
    return found;
  }
  // The entity's number; it is created when it was not known.
  std::uint32_t number_of(std::string_view id);

  EntityRecord& record(std::uint32_t number) {
    EntityRecord& record = *place(number);
    if (record.chain.roots().empty()) wake(number);
    return record;
  }
  // The entity's newest event stands at `address`. False, and nothing happens, when its record holds that event
  // already: it was restored as of a later one.
  bool push_link(std::uint32_t number, eventlog::Address address) {
    eventlog::HistoryChain& chain = record(number).chain;
    if (address <= chain.newest()) return false;
    chain_bytes_ -= chain.heap_bytes();
    chain.push(address);
    chain_bytes_ += chain.heap_bytes();
    return true;
  }
  // What an entity that was never seen looks like. Never to be changed.
  EntityRecord& blank() { return *record_at(blank_.begin()); }
  std::string_view id(std::uint32_t number) const { return names_.text(number); }
  std::size_t size() const { return names_.size(); }
  EntityWindows& windows() { return windows_; }
  const EntityWindows& windows() const { return windows_; }

  // Widens the kept columns that one of these numbers does not fit.
  void make_fit(const ColumnNumbers& numbers) {
    const EntryLayout& layout = windows_.plan().layout;
    for (std::uint8_t i = 0; i < layout.kept_columns; ++i) {
      const std::uint8_t column = layout.kept[i];
      if (std::uint64_t{numbers[column]} >> (8 * layout.width[column]) != 0) widen(static_cast<Column>(column));
    }
  }

  // The steps of bringing an entity towards the cache; each wants that the one before has arrived.
  void prefetch_slot(std::uint64_t hash) const;
  std::optional<std::uint32_t> prefetch_record(std::uint64_t hash, Wanted wanted) const;
  void prefetch_directory(std::uint32_t number) const;
  void prefetch_entries(std::uint32_t number, std::int64_t time_us, Wanted wanted) const;

  std::uint64_t entity_bytes() const;
  // Of all entities and their retained entries; the order of entities does not matter.
  std::uint64_t digest() const;

  // Appends entities from number `first` on to `piece`, until it has grown by `bytes` or all are there. Returns the
  // number that comes next.
  std::uint32_t save(std::uint32_t first, std::size_t bytes, eventlog::Piece& piece) const;
  // Adds the entities of a saved piece, whose first number must be size(), as they were; the stream time is set before.
  // False: the piece is none of this kind's, or not the next one. What was added then is of no use.
  bool restore(eventlog::ValueReader& piece);

 private:
  void save_entity(std::uint32_t number, eventlog::Piece& piece) const;
  void prefetch_saved(std::uint32_t number) const;  // what save_entity() will need after this one
  bool restore_group(eventlog::ValueReader& piece, const EntryLayout& layout);
  bool restore_entity(std::string_view id, eventlog::ValueReader& piece, const EntryLayout& layout);
  // Makes the record of an entity that sleeps; otherwise nothing.
  void wake(std::uint32_t number);
  bool sleeps(std::uint32_t number) const { return !sleeping_.find(number).empty(); }
  std::uint32_t add_name(std::string_view id);
  std::uint32_t add(std::string_view id);
  EntityRecord& make_record(std::uint32_t number);
  std::uint64_t digest_of(std::uint32_t number, const EntityRecord& record) const;
  std::uint64_t digest_asleep(std::uint32_t number, const ZeroPages& room) const;
  void widen(Column column);

  static constexpr std::size_t kRecordsPerSlab = 4096;
  static EntityRecord* record_at(std::byte* begin) { return reinterpret_cast<EntityRecord*>(begin); }
  EntityRecord* place(std::uint32_t number) const {
    return record_at(slabs_[number / kRecordsPerSlab].begin() + (number % kRecordsPerSlab) * record_bytes_);
  }

  std::size_t record_bytes_;
  EntityWindows windows_;
  NameTable names_;
  mutable std::uint32_t recent_ = 0;  // the entity found last
  std::vector<ZeroPages> slabs_;
  ZeroPages blank_;
  SleepingEntities sleeping_;
  std::uint64_t chain_bytes_ = 0;  // of the links kept outside of the records
};

}  // namespace vigil::rules
