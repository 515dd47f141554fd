// Counters of transactions, and a small map of them keyed by one number: the newest part of the aggregates.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "projections/stored_value.h"

namespace vigil::projections {

// Sums over a set of transactions. Adding is commutative, so the order of events and of flushes is no matter.
struct Counters {
  static constexpr std::size_t kStoredBytesMax = 40;
  std::uint64_t transactions = 0;
  std::int64_t amount_minor = 0;
  std::int64_t frauds = 0;
  std::uint64_t declined = 0;
  std::uint64_t reviewed = 0;

  void add(const Counters& other) {
    transactions += other.transactions;
    amount_minor += other.amount_minor;
    frauds += other.frauds;
    declined += other.declined;
    reviewed += other.reviewed;
  }
  std::size_t store(char* out) const {
    return ValueWriter(out).put(transactions).put(amount_minor).put(frauds).put(declined).put(reviewed).bytes();
  }
  bool load(std::string_view bytes) {
    ValueReader in(bytes);
    transactions = in.take<std::uint64_t>();
    amount_minor = in.take<std::int64_t>();
    frauds = in.take<std::int64_t>();
    declined = in.take<std::uint64_t>();
    reviewed = in.take<std::uint64_t>();
    return in.ok();
  }
};

// Open addressing; keys are any number but the greatest.
class CounterMap {
 public:
  CounterMap() { clear(); }

  Counters& operator[](std::uint64_t key) {
    std::size_t i = place(key);
    for (; slots_[i].mark != 0; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].mark == key + 1) return slots_[i].counters;
    }
    if ((count_ + 1) * 8 > slots_.size() * 5) {
      widen();
      for (i = place(key); slots_[i].mark != 0;) i = (i + 1) & (slots_.size() - 1);
    }
    ++count_;
    slots_[i].mark = key + 1;
    return slots_[i].counters;
  }
  template <class Visit>  // visit(key, counters), in no order that means anything
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.mark != 0) visit(slot.mark - 1, slot.counters);
    }
  }
  void clear() {
    slots_.assign(kSlotsMin, {});
    count_ = 0;
  }
  std::size_t size() const { return count_; }
  std::uint64_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  static constexpr std::size_t kSlotsMin = 1024;
  struct Slot {
    std::uint64_t mark = 0;  // key + 1; 0 is free
    Counters counters;
  };
  std::size_t place(std::uint64_t key) const {
    const std::uint64_t mixed = key * 0x9e3779b97f4a7c15ull;
    return (mixed ^ (mixed >> 29)) & (slots_.size() - 1);
  }
  void widen() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.mark == 0) continue;
      std::size_t i = place(slot.mark - 1);
      while (slots_[i].mark != 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace vigil::projections
