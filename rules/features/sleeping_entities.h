// Entities as the bytes they were saved as: restored, and not touched since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace vigil::rules {

// An old log knows many devices of which nothing is retained: asleep, such an entity costs a start little more than its
// name and a copy of these bytes. Not thread-safe.
class SleepingEntities {
 public:
  static constexpr std::size_t kBytesMax = 65'535;  // of one entity

  // Keeps a copy of `saved`, 1 to kBytesMax bytes. Numbers come in rising order.
  void add(std::uint32_t number, std::string_view saved);
  // Of an entity that is awake: "". Views live until the entity is removed.
  std::string_view find(std::uint32_t number) const {
    if (number >= places_.size()) return {};
    const Place& place = places_[number];
    return place.bytes == 0 ? std::string_view() : std::string_view(&blocks_[place.block][place.offset], place.bytes);
  }
  // Memory goes back when nobody sleeps any more.
  void remove(std::uint32_t number);
  std::size_t size() const { return size_; }
  std::uint64_t bytes() const { return blocks_.size() * kBlockBytes + places_.capacity() * sizeof(Place); }

 private:
  static constexpr std::size_t kBlockBytes = 1 << 16;
  struct Place {
    std::uint32_t block = 0;
    std::uint16_t offset = 0;
    std::uint16_t bytes = 0;  // 0: awake
  };

  std::vector<Place> places_;  // by number
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = kBlockBytes;  // of the last block
  std::size_t size_ = 0;
};

}  // namespace vigil::rules
