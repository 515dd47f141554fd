// What tables of read models have in common, whatever their values.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "eventlog/storage/prefetch.h"
#include "projections/store.h"

namespace vigil::projections {

// XXH3-64. Only for tables in memory.
std::uint64_t hash_of(std::string_view text);
constexpr std::uint64_t combine(std::uint64_t hash, std::uint64_t number) {
  hash = (hash ^ number) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 32);
}

using eventlog::bring;

// What flushing needs to know of a table, whatever its values.
class TableBase {
 public:
  virtual ~TableBase() = default;
  virtual void take_changes() = 0;                      // an image of all changes; from now on there are none
  virtual void order() = 0;                             // the image by key
  virtual void write(WriteTransaction& out) const = 0;  // the image; repeatable
  virtual void committed() = 0;                         // the image is in the store: drops it
  virtual void clear() = 0;                             // drops everything, changes too, but not the image
  virtual std::uint64_t bytes() const = 0;              // memory held
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

// Changed entries as they were at one position, complete in themselves, to be written while folding goes on. Sorting by
// the first 16 key bytes held in the index touches far less memory than comparing keys.
class ChangeImage {
 public:
  // Room for the value of `key`, at most `bytes_max` bytes, until the next room().
  char* room(std::string_view key, std::size_t bytes_max);
  // The value in the room has come to be `bytes` long.
  void add(std::size_t bytes);
  void reserve(std::size_t values) { order_.reserve(values); }
  void sort();            // by key
  template <class Visit>  // visit(key, value)
  void for_each(Visit visit) const {
    for (const Place& place : order_) visit(place.head->key(), place.head->value());
  }
  void clear();  // keeps some memory for the next

 private:
  struct Head {  // key and value follow
    std::uint32_t key_bytes, value_bytes;
    const char* begin() const { return reinterpret_cast<const char*>(this + 1); }
    std::string_view key() const { return {begin(), key_bytes}; }
    std::string_view value() const { return {begin() + key_bytes, value_bytes}; }
  };
  struct Place {
    std::uint64_t high, low;  // the key's first bytes
    const Head* head;
  };
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t bytes;
  };
  static constexpr std::size_t kBlockBytes = 256 << 10;
  static constexpr std::size_t kBlocksKept = 64;  // 16 MiB
  std::vector<Block> blocks_;
  std::size_t block_ = 0;  // the one being filled
  std::size_t used_ = 0;   // of it
  Head* head_ = nullptr;   // of the room
  std::vector<Place> order_;
};

}  // namespace vigil::projections
