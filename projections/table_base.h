// What tables of read models have in common, whatever their values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "projections/store.h"

namespace vigil::projections {

// XXH3-64. Only for tables in memory.
std::uint64_t hash_of(std::string_view text);
constexpr std::uint64_t combine(std::uint64_t hash, std::uint64_t number) {
  hash = (hash ^ number) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 32);
}

// A hint that `bytes` at `begin` are read soon. The empty asm is for g++ 12, which takes a function that only
// prefetches for one without effect and drops its calls.
inline void bring(const void* begin, std::size_t bytes = 1) {
  constexpr std::uintptr_t kLineBytes = 64;
  const auto from = reinterpret_cast<std::uintptr_t>(begin) & ~(kLineBytes - 1);
  const auto to = reinterpret_cast<std::uintptr_t>(begin) + bytes;
  for (std::uintptr_t line = from; line < to; line += kLineBytes) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
  asm volatile("");
}

// What flushing needs to know of a table, whatever its values.
class TableBase {
 public:
  virtual ~TableBase() = default;
  virtual void sort_changes() = 0;                       // before write(); nothing may change until committed()
  virtual void write(WriteTransaction& out) const = 0;   // repeatable
  virtual void committed() = 0;                          // what was written is no change any more
  virtual void clear() = 0;                              // drops everything, changes too
  virtual std::uint64_t bytes() const = 0;               // memory held
  virtual std::uint64_t changes() const = 0;
};

// Keys of entries, bump allocated.
class KeyArena {
 public:
  std::string_view copy(std::string_view key);
  void clear();
  std::uint64_t bytes() const { return blocks_.size() * kBlockBytes; }

 private:
  static constexpr std::size_t kBlockBytes = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = kBlockBytes;
};

// Sorting by the first 16 key bytes held beside the pointer touches far less memory than comparing keys.
template <class Entry>
void sort_by_key(std::vector<Entry*>& entries) {
  struct Sortable {
    std::uint64_t high, low;
    Entry* entry;
  };
  std::vector<Sortable> order;
  order.reserve(entries.size());
  for (Entry* entry : entries) {
    std::array<std::uint64_t, 2> head{};
    std::memcpy(head.data(), entry->key.data(), std::min(entry->key.size(), sizeof head));
    order.push_back({__builtin_bswap64(head[0]), __builtin_bswap64(head[1]), entry});
  }
  std::sort(order.begin(), order.end(), [](const Sortable& a, const Sortable& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return a.entry->key < b.entry->key;
  });
  for (std::size_t i = 0; i < order.size(); ++i) entries[i] = order[i].entry;
}

}  // namespace vigil::projections
