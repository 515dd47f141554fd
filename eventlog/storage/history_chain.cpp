#include "eventlog/storage/history_chain.h"

#include <algorithm>
#include <bit>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

namespace {

// 2^32 − 1 events in one tree: the longest history.
constexpr std::uint32_t kLargest = std::uint32_t{1} << 31;

// The size of the largest complete tree in a forest of `length` events: the largest 2^k − 1 that fits.
std::uint64_t largest_tree(std::uint64_t length) { return std::bit_floor(length + 1) - 1; }

}  // namespace

std::size_t HistoryChain::root_count(std::uint64_t length) {
  std::size_t count = 0;
  for (; length > 0; length -= largest_tree(length)) ++count;
  return count;
}

HistoryChain HistoryChain::restore(std::uint64_t length, std::span<const Address> roots) {
  invariant(roots.size() == root_count(length) && length <= UINT32_MAX, "roots belong to the length");
  HistoryChain chain;
  if (roots.size() > 1) {
    chain.capacity_ = static_cast<std::uint8_t>(std::bit_ceil(roots.size()));
    chain.many_ = new Address[chain.capacity_];
  }
  std::copy(roots.begin(), roots.end(), const_cast<Address*>(chain.begin()));
  for (std::uint64_t left = length; left > 0;) {
    const std::uint64_t size = largest_tree(left);
    const auto bit = static_cast<std::uint32_t>((size + 1) / 2);
    chain.joins_ = (chain.sizes_ & bit) != 0;
    chain.sizes_ |= bit;
    left -= size;
  }
  chain.count_ = static_cast<std::uint8_t>(roots.size());
  return chain;
}

Link HistoryChain::next_link() const {
  if (count_ == 0) return {};
  const Address* roots = begin();
  const Address newest = roots[count_ - 1];
  if (!joins_) return {newest, newest};
  return {newest, count_ > 2 ? roots[count_ - 3] : Address{}};
}

void HistoryChain::push(Address address) {
  invariant(address > newest(), "an entity's events have rising addresses");
  invariant(sizes_ != kLargest, "an entity has fewer than 2^32 events");
  std::uint32_t added = 1;
  if (joins_) {
    added = smallest() << 1;
    sizes_ -= smallest();
    count_ -= 2;
  } else if (count_ == capacity_) {
    grow();
  }
  joins_ = (sizes_ & added) != 0;
  sizes_ |= added;
  const_cast<Address*>(begin())[count_++] = address;
}

void HistoryChain::grow() {
  const std::size_t capacity = capacity_ * 2u;
  invariant(capacity <= kRootsMax, "a forest has at most 32 trees");
  auto* roots = new Address[capacity];
  std::copy_n(begin(), count_, roots);
  release();
  many_ = roots;
  capacity_ = static_cast<std::uint8_t>(capacity);
}

void HistoryChain::release() {
  if (capacity_ > 1) delete[] many_;
}

void HistoryChain::take(HistoryChain& other) {
  many_ = nullptr;
  if (other.capacity_ > 1) {
    many_ = other.many_;
  } else {
    one_ = other.one_;
  }
  sizes_ = std::exchange(other.sizes_, 0u);
  joins_ = std::exchange(other.joins_, false);
  capacity_ = std::exchange(other.capacity_, std::uint8_t{1});
  count_ = std::exchange(other.count_, std::uint8_t{0});
  other.one_ = Address{};
}

}  // namespace vigil::eventlog
