#include "eventlog/storage/history_chain.h"

#include <algorithm>
#include <bit>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

namespace {

// The size of the largest complete tree in a forest of `length` events: the largest 2^k − 1 that fits.
std::uint64_t largest_tree(std::uint64_t length) { return std::bit_floor(length + 1) - 1; }

}  // namespace

std::size_t HistoryChain::root_count(std::uint64_t length) {
  std::size_t count = 0;
  for (; length > 0; length -= largest_tree(length)) ++count;
  return count;
}

bool HistoryChain::joins(std::uint32_t length) {
  // Only the two smallest trees of a forest can be equally large.
  std::uint64_t left = length;
  std::uint64_t size = 0;
  while (left > 0) {
    size = largest_tree(left);
    left -= size;
    if (left == size) return true;
  }
  return false;
}

HistoryChain HistoryChain::restore(std::uint64_t length, std::span<const Address> roots) {
  invariant(roots.size() == root_count(length) && length <= UINT32_MAX, "roots belong to the length");
  HistoryChain chain;
  while (chain.capacity_ < roots.size()) chain.grow();
  std::copy(roots.begin(), roots.end(), const_cast<Address*>(chain.begin()));
  chain.length_ = static_cast<std::uint32_t>(length);
  chain.count_ = static_cast<std::uint8_t>(roots.size());
  return chain;
}

Link HistoryChain::next_link() const {
  if (length_ == 0) return {};
  const Address* roots = begin();
  const Address newest = roots[count_ - 1];
  if (!joins(length_)) return {newest, newest};
  return {newest, count_ > 2 ? roots[count_ - 3] : Address{}};
}

void HistoryChain::push(Address address) {
  invariant(address > newest(), "an entity's events have rising addresses");
  invariant(length_ < UINT32_MAX, "an entity has fewer than 2^32 events");
  if (joins(length_)) {
    count_ -= 2;
  } else if (count_ == capacity_) {
    grow();
  }
  const_cast<Address*>(begin())[count_++] = address;
  ++length_;
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
  length_ = std::exchange(other.length_, 0u);
  capacity_ = std::exchange(other.capacity_, std::uint8_t{1});
  count_ = std::exchange(other.count_, std::uint8_t{0});
  other.one_ = Address{};
}

}  // namespace vigil::eventlog
