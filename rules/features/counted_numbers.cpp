#include "rules/features/counted_numbers.h"

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

constexpr unsigned kBitsAtFirst = 7;

}  // namespace

CountedNumbers::CountedNumbers() : slots_(std::size_t{1} << kBitsAtFirst), shift_(64 - kBitsAtFirst) {}

std::size_t CountedNumbers::find(std::uint32_t number) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = home(number);
  while (slots_[i].number != 0 && slots_[i].number != number) i = (i + 1) & mask;
  return i;
}

bool CountedNumbers::contains(std::uint32_t number) const { return slots_[find(number)].number == number; }

void CountedNumbers::add(std::uint32_t number) {
  std::size_t i = find(number);
  if (slots_[i].number == 0) {
    if ((distinct_ + 1) * std::size_t{4} > slots_.size() * 3) {
      grow();
      i = find(number);
    }
    slots_[i].number = number;
    ++distinct_;
  }
  ++slots_[i].count;
}

void CountedNumbers::remove(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = find(number);
  eventlog::invariant(slots_[hole].number == number, "only counted numbers are removed");
  if (--slots_[hole].count > 0) return;
  --distinct_;
  // Knuth, TAOCP 3, 6.4, algorithm R: close the hole with later entries of the same run.
  slots_[hole].number = 0;
  for (std::size_t i = (hole + 1) & mask; slots_[i].number != 0; i = (i + 1) & mask) {
    const std::size_t from_home = (i - home(slots_[i].number)) & mask;
    if (from_home < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    slots_[i] = Slot{};
    hole = i;
  }
}

void CountedNumbers::grow() {
  const std::vector<Slot> old = std::move(slots_);
  slots_ = std::vector<Slot>(old.size() * 2);
  --shift_;
  for (const Slot& slot : old) {
    if (slot.number != 0) slots_[find(slot.number)] = slot;
  }
}

}  // namespace vigil::rules
