// How often each number occurs: the multiset behind `distinct` and `seen_before` of long windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vigil::rules {

// Open addressing; removal shifts back, so there are no tombstones and the table never needs a rebuild.
// Numbers are not 0. Not thread-safe.
class CountedNumbers {
 public:
  CountedNumbers();

  void add(std::uint32_t number);
  void remove(std::uint32_t number);  // must have been added more often than removed
  bool contains(std::uint32_t number) const;
  std::uint32_t distinct() const { return distinct_; }
  std::uint64_t bytes() const { return sizeof(*this) + slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t number = 0;  // 0: empty
    std::uint32_t count = 0;
  };

  std::size_t home(std::uint32_t number) const { return (number * std::uint64_t{0x9e3779b97f4a7c15}) >> shift_; }
  std::size_t find(std::uint32_t number) const;  // its slot, or the empty one where it would go
  void grow();

  std::vector<Slot> slots_;
  unsigned shift_;
  std::uint32_t distinct_ = 0;
};

}  // namespace vigil::rules
