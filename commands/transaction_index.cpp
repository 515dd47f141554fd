#include "commands/transaction_index.h"

namespace vigil::commands {

namespace {

constexpr std::int64_t kHourUs = 3600ll * 1'000'000;
// One decision adds one id; forgetting more than one per decision is enough to keep up.
constexpr int kExpiredPerCall = 4;

std::int64_t hour_of(eventlog::EventTime time) {
  const std::int64_t us = time.value();
  return us / kHourUs - (us % kHourUs < 0 ? 1 : 0);
}

}  // namespace

void TransactionIndex::insert(std::uint64_t key, eventlog::Address address, eventlog::EventTime event_time) {
  index_.insert(key, address);
  const std::int64_t hour = hour_of(event_time);
  if (newest_ == nullptr || newest_hour_ != hour) {
    newest_ = &hours_[hour];
    newest_hour_ = hour;
  }
  newest_->push_back({key, address});
}

void TransactionIndex::expire(eventlog::EventTime oldest, eventlog::Address settled) {
  for (int i = 0; i < kExpiredPerCall && !hours_.empty(); ++i) {
    auto first = hours_.begin();
    if (first->first >= hour_of(oldest)) return;
    Hour& entries = first->second;
    if (!entries.empty()) {
      if (entries.back().address >= settled) return;
      index_.erase(entries.back().key, entries.back().address);
      entries.pop_back();
    }
    if (!entries.empty()) continue;
    if (newest_ == &entries) newest_ = nullptr;
    hours_.erase(first);
  }
}

std::size_t TransactionIndex::bytes() const {
  std::size_t bytes = index_.bytes();
  for (const auto& [hour, entries] : hours_) bytes += entries.size() * sizeof(Entry);
  return bytes;
}

}  // namespace vigil::commands
