// From the hash of an id to the log addresses recorded under it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "eventlog/storage/image_file.h"
#include "eventlog/storage/position.h"
#include "eventlog/storage/value_bytes.h"

namespace vigil::commands {

// A multimap of 64-bit keys, which must be well mixed, to addresses. Two ids may share a key: the caller
// confirms on the event itself. Not thread-safe. 16 bytes an entry at a load of at most 3/4; it grows shard by
// shard, so that no single insert moves more than 1/256 of the whole.
class AddressIndex {
 public:
  void insert(std::uint64_t key, eventlog::Address address);
  // Makes `address` the only one of this key.
  void replace(std::uint64_t key, eventlog::Address address);
  // Removes that very pair if it is there.
  void erase(std::uint64_t key, eventlog::Address address);
  // Calls `visit(address)` for each address of the key until it returns true; whether one did.
  template <class Visit>
  bool find(std::uint64_t key, Visit visit) const;
  // Brings the place of a key towards the cache.
  void prefetch(std::uint64_t key) const;
  std::size_t size() const { return size_; }
  std::size_t bytes() const;

  // Appends all pairs of a shard to `piece`; shards are numbered from 0 to kShards − 1.
  void save(std::size_t shard, eventlog::Piece& piece) const;
  // Adds the pairs of a piece that stand up to `newest`. False when it is none.
  bool restore(eventlog::ValueReader& piece, eventlog::Address newest);
  static constexpr std::size_t kShards = 256;

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint64_t address = 0;  // 0: free
  };
  struct Shard {
    std::vector<Entry> entries;  // a power of two
    std::size_t used = 0;
    std::size_t mask() const { return entries.size() - 1; }
  };
  static std::size_t shard_of(std::uint64_t key) { return key >> 56; }
  static void place(Shard& shard, Entry entry);
  static void grow(Shard& shard);

  std::array<Shard, kShards> shards_;
  std::size_t size_ = 0;
};

template <class Visit>
bool AddressIndex::find(std::uint64_t key, Visit visit) const {
  const Shard& shard = shards_[shard_of(key)];
  if (shard.entries.empty()) return false;
  for (std::size_t slot = key & shard.mask(); shard.entries[slot].address != 0; slot = (slot + 1) & shard.mask()) {
    if (shard.entries[slot].key == key && visit(eventlog::Address{shard.entries[slot].address})) return true;
  }
  return false;
}

}  // namespace vigil::commands
