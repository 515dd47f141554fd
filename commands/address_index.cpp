#include "commands/address_index.h"

namespace vigil::commands {

namespace {
constexpr std::size_t kFirstEntries = 16;
}

void AddressIndex::place(Shard& shard, Entry entry) {
  std::size_t slot = entry.key & shard.mask();
  while (shard.entries[slot].address != 0) slot = (slot + 1) & shard.mask();
  shard.entries[slot] = entry;
}

void AddressIndex::grow(Shard& shard) {
  std::vector<Entry> old = std::move(shard.entries);
  shard.entries.assign(old.empty() ? kFirstEntries : old.size() * 2, Entry{});
  for (const Entry& entry : old) {
    if (entry.address != 0) place(shard, entry);
  }
}

void AddressIndex::insert(std::uint64_t key, eventlog::Address address) {
  Shard& shard = shards_[shard_of(key)];
  if ((shard.used + 1) * 4 > shard.entries.size() * 3) grow(shard);
  place(shard, {key, address.value()});
  ++shard.used;
  ++size_;
}

void AddressIndex::replace(std::uint64_t key, eventlog::Address address) {
  Shard& shard = shards_[shard_of(key)];
  if (!shard.entries.empty()) {
    for (std::size_t slot = key & shard.mask(); shard.entries[slot].address != 0; slot = (slot + 1) & shard.mask()) {
      if (shard.entries[slot].key != key) continue;
      shard.entries[slot].address = address.value();
      return;
    }
  }
  insert(key, address);
}

void AddressIndex::erase(std::uint64_t key, eventlog::Address address) {
  Shard& shard = shards_[shard_of(key)];
  if (shard.entries.empty()) return;
  const std::size_t mask = shard.mask();
  std::size_t slot = key & mask;
  while (shard.entries[slot].key != key || shard.entries[slot].address != address.value()) {
    if (shard.entries[slot].address == 0) return;
    slot = (slot + 1) & mask;
  }
  // Closes the gap by moving back every later entry of the run that may stand here (Knuth, TAOCP 6.4, R).
  for (std::size_t next = (slot + 1) & mask; shard.entries[next].address != 0; next = (next + 1) & mask) {
    const std::size_t home = shard.entries[next].key & mask;
    if (((next - home) & mask) < ((next - slot) & mask)) continue;
    shard.entries[slot] = shard.entries[next];
    slot = next;
  }
  shard.entries[slot] = Entry{};
  --shard.used;
  --size_;
}

void AddressIndex::prefetch(std::uint64_t key) const {
  const Shard& shard = shards_[shard_of(key)];
  if (!shard.entries.empty()) __builtin_prefetch(&shard.entries[key & shard.mask()]);
}

void AddressIndex::save(std::size_t shard, eventlog::Piece& piece) const {
  for (const Entry& entry : shards_[shard].entries) {
    if (entry.address != 0) piece.put(entry.key).put(entry.address);
  }
}

bool AddressIndex::restore(eventlog::ValueReader& piece, eventlog::Address newest) {
  while (!piece.is_short() && !piece.ok()) {
    const auto key = piece.take<std::uint64_t>();
    const eventlog::Address address{piece.take<std::uint64_t>()};
    if (!piece.is_short() && address <= newest && address != eventlog::Address{}) insert(key, address);
  }
  return piece.ok();
}

std::size_t AddressIndex::bytes() const {
  std::size_t bytes = sizeof *this;
  for (const Shard& shard : shards_) bytes += shard.entries.capacity() * sizeof(Entry);
  return bytes;
}

}  // namespace vigil::commands
