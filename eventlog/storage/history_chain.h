// What an entity must remember to link its next event: the roots of its history's skew-binary forest.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "eventlog/storage/record.h"

namespace vigil::eventlog {

// The writing end of one entity's linked history (E. W. Myers, "An applicative random-access stack", IPL 17,
// 1983). The history is a forest of complete trees of sizes 2^k − 1, newest and smallest first; only their
// roots are kept, and which sizes there are follows from the length alone. A new event joins the two newest
// trees under itself when they are equally large, and is a tree of its own otherwise; its jump leads just past
// its own tree.
//
// 16 bytes; one event is held in place, more in an array of 2, 4, 8, 16 or 32 addresses. Not thread-safe.
// Invariant: addresses are pushed in rising order.
class HistoryChain {
 public:
  static constexpr std::size_t kRootsMax = 32;  // enough for 2^32 − 1 events

  HistoryChain() = default;
  ~HistoryChain() { release(); }
  HistoryChain(HistoryChain&& other) noexcept { take(other); }
  HistoryChain& operator=(HistoryChain&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  HistoryChain(const HistoryChain&) = delete;
  HistoryChain& operator=(const HistoryChain&) = delete;

  // The chain of an entity with `length` events whose roots() were stored. `roots` must have as many as
  // root_count(length).
  static HistoryChain restore(std::uint64_t length, std::span<const Address> roots);

  // The link the next event has to carry.
  Link next_link() const;
  // The next event, which carried next_link(), stands at `address`.
  void push(Address address);

  std::uint64_t length() const {
    const std::uint64_t different = 2 * std::uint64_t{sizes_} - static_cast<std::uint64_t>(std::popcount(sizes_));
    return different + (joins_ ? 2 * std::uint64_t{smallest()} - 1 : 0);
  }
  // Address 0 when there is no event yet.
  Address newest() const { return count_ == 0 ? Address{} : roots()[count_ - 1]; }
  // Oldest and largest tree first.
  std::span<const Address> roots() const { return {begin(), count_}; }
  static std::size_t root_count(std::uint64_t length);
  // Bytes held outside the object itself.
  std::size_t heap_bytes() const { return capacity_ > 1 ? capacity_ * sizeof(Address) : 0; }

 private:
  std::uint32_t smallest() const { return sizes_ & (0 - sizes_); }
  const Address* begin() const { return capacity_ > 1 ? many_ : &one_; }
  void grow();
  void release();
  void take(HistoryChain& other);

  union {
    Address one_{};
    Address* many_;
  };
  std::uint32_t sizes_ = 0;    // bit k − 1: the forest has a tree of 2^k − 1 events
  std::uint8_t capacity_ = 1;  // 1: held in `one_`
  std::uint8_t count_ = 0;     // of trees: root_count(length())
  bool joins_ = false;         // the smallest size is there twice (no other can be): the next event joins the two
};

static_assert(sizeof(HistoryChain) == 16);

}  // namespace vigil::eventlog
