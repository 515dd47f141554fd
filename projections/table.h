// One database of a read model with an overlay in memory: values are folded here and written later, coalesced.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/loader.h"
#include "projections/merged_scan.h"
#include "projections/store.h"
#include "projections/table_base.h"

namespace vigil::projections {

// A write-back cache: open addressing by hash, entries that never move, their keys in them or, when long, in an
// arena. V has
//   static constexpr std::size_t kStoredBytesMax; std::size_t store(char*) const; bool load(std::string_view).
// Threads: at(), change() and everything of TableBase belong to the folding thread under the model's exclusive
// lock; find() and scan() may run in others under the shared lock, order() and write() without any.
// `loader` null makes a table of memory only.
template <class V>
class Table final : public TableBase {
 public:
  // As much of the key as leaves a small entry one cache line, so that a look-up reads slot and entry only.
  static constexpr std::size_t kNearKeyBytes = sizeof(V) < 16 ? 46 - sizeof(V) : 30;
  struct alignas(64) Entry {
    std::string_view key;
    bool exists = false;  // has a value (false: looked for, and not there)
    bool changed = false;
    char near_key[kNearKeyBytes];
    V value{};
  };

  Table(Loader* loader, Database database) : loader_(loader), database_(database) { slots_.resize(kSlotsMin); }

  // The entry of `key`, loaded when it was not in memory. It stays valid until clear().
  Entry& at(std::string_view key, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    for (; slots_[i].entry != nullptr; i = (i + 1) & mask) {
      if (slots_[i].hash == hash && slots_[i].entry->key == key) return *slots_[i].entry;
    }
    return insert(key, hash, i);
  }
  // The entry has a (new) value, to be written with the next commit.
  V& change(Entry& entry) {
    entry.exists = true;
    if (!entry.changed) {
      entry.changed = true;
      changes_.push_back(&entry);
    }
    return entry.value;
  }
  V& change(std::string_view key, std::uint64_t hash) { return change(at(key, hash)); }
  // Hints that the entry of `hash` is wanted soon: first prefetch(), and once its slot is there, prefetch_entry().
  void prefetch(std::uint64_t hash) const { bring(&slots_[hash & (slots_.size() - 1)]); }
  void prefetch_entry(std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i].entry != nullptr; i = (i + 1) & mask) {
      if (slots_[i].hash == hash) return bring(slots_[i].entry, sizeof(Entry));
    }
  }

  // The value as folded so far: overlay, then `view`. `hash` as given to at().
  Expected<std::optional<V>> find(const ReadTransaction& view, std::string_view key) const {
    return find(view, key, hash_of(key));
  }
  Expected<std::optional<V>> find(const ReadTransaction& view, std::string_view key, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i].entry != nullptr; i = (i + 1) & mask) {
      const Entry& entry = *slots_[i].entry;
      if (slots_[i].hash == hash && entry.key == key) {
        return entry.exists ? std::optional<V>(entry.value) : std::optional<V>();
      }
    }
    auto bytes = view.get(database_, key);
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return std::optional<V>();
    std::optional<V> value{V{}};
    if (!value->load(**bytes)) return std::unexpected(Loader::bad_value(key));
    return value;
  }
  // Visits entries with from <= key as folded so far, ascending, until `visit(key, value)` returns false.
  template <class Visit>
  Expected<void> scan(const ReadTransaction& view, std::string_view from, Visit visit) const {
    std::map<std::string_view, const V*> overlay;
    for (const auto* entries : {&taken_, &changes_}) {
      for (const Entry* entry : *entries) {
        if (entry->key >= from) overlay.emplace(entry->key, &entry->value);
      }
    }
    return scan_merged(view, database_, from, overlay, visit);
  }

  void take_changes() override;
  void order() override { image_.sort(); }
  void write(WriteTransaction& out) const override {
    image_.for_each([&](std::string_view key, std::string_view value) { out.put(database_, key, value); });
  }
  void committed() override {
    taken_.clear();
    image_.clear();
  }
  void clear() override {
    taken_.clear();
    changes_.clear();
    chunks_.clear();
    used_ = kChunkEntries;
    count_ = 0;
    keys_.clear();
    slots_.assign(kSlotsMin, {});
    slots_.shrink_to_fit();
  }
  std::uint64_t bytes() const override {  // without the image, which comes and goes
    return chunks_.size() * kChunkEntries * sizeof(Entry) + slots_.size() * sizeof(Slot) + keys_.bytes() +
           changes_.capacity() * sizeof(Entry*);
  }
  std::uint64_t changes() const override { return changes_.size(); }

 private:
  static constexpr std::size_t kSlotsMin = 64;
  static constexpr std::size_t kChunkEntries = 256;
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };

  Entry& insert(std::string_view key, std::uint64_t hash, std::size_t slot) {
    if ((count_ + 1) * 8 > slots_.size() * 5) {
      widen();
      slot = free_slot(hash);
    }
    if (used_ == kChunkEntries) {
      chunks_.push_back(std::make_unique<Entry[]>(kChunkEntries));
      used_ = 0;
    }
    Entry& entry = chunks_.back()[used_++];
    entry.key = keep(entry, key);
    slots_[slot] = {hash, &entry};
    ++count_;
    if (loader_ != nullptr) {
      if (const auto bytes = loader_->get(database_, key)) {
        entry.exists = true;
        if (!entry.value.load(*bytes)) loader_->fail(Loader::bad_value(key));
      }
    }
    return entry;
  }
  std::string_view keep(Entry& entry, std::string_view key) {
    if (key.size() > kNearKeyBytes) return keys_.copy(key);
    if (!key.empty()) std::memcpy(entry.near_key, key.data(), key.size());
    return {entry.near_key, key.size()};
  }
  std::size_t free_slot(std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i].entry != nullptr) i = (i + 1) & mask;
    return i;
  }
  void widen() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.entry != nullptr) slots_[free_slot(slot.hash)] = slot;
    }
  }

  Loader* loader_;
  Database database_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::size_t used_ = kChunkEntries;
  std::size_t count_ = 0;
  KeyArena keys_;
  std::vector<Entry*> changes_;
  std::vector<Entry*> taken_;  // into image_: not yet in the store, perhaps changed again
  ChangeImage image_;
};

template <class V>
void Table<V>::take_changes() {
  constexpr std::size_t kAhead = 8;
  taken_.swap(changes_);
  changes_.clear();
  image_.reserve(taken_.size());
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (i + kAhead < taken_.size()) bring(taken_[i + kAhead], sizeof(Entry));
    Entry& entry = *taken_[i];
    entry.changed = false;
    image_.add(entry.value.store(image_.room(entry.key, V::kStoredBytesMax)));
  }
}

}  // namespace vigil::projections
