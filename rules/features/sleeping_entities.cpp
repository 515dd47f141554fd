#include "rules/features/sleeping_entities.h"

#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {

void SleepingEntities::add(std::uint32_t number, std::string_view saved) {
  eventlog::invariant(number >= places_.size(), "sleeping entities come in the order of their numbers");
  eventlog::invariant(!saved.empty() && saved.size() <= kBytesMax, "a sleeping entity fits a block");
  if (used_ + saved.size() > kBlockBytes) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    used_ = 0;
  }
  std::memcpy(&blocks_.back()[used_], saved.data(), saved.size());
  places_.resize(number + std::size_t{1});
  places_.back() = {static_cast<std::uint32_t>(blocks_.size() - 1), static_cast<std::uint16_t>(used_),
                    static_cast<std::uint16_t>(saved.size())};
  used_ += saved.size();
  ++size_;
}

void SleepingEntities::remove(std::uint32_t number) {
  eventlog::invariant(!find(number).empty(), "only who sleeps is woken");
  places_[number] = {};
  if (--size_ == 0) *this = SleepingEntities();
}

}  // namespace vigil::rules
