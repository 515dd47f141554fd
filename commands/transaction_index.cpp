#include "commands/transaction_index.h"

#include <array>
#include <span>

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
  insert(key, address, hour_of(event_time));
}

void TransactionIndex::insert(std::uint64_t key, eventlog::Address address, std::int64_t hour) {
  index_.insert(key, address);
  if (newest_ == nullptr || newest_hour_ != hour) {
    newest_ = &hours_[hour];
    newest_hour_ = hour;
  }
  newest_->push_back({key, address});
}

void TransactionIndex::expire(eventlog::EventTime oldest, eventlog::Address settled) {
  forgotten_before_ = std::max(forgotten_before_, oldest);
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

bool TransactionIndex::save(SavedUpTo& saved, std::size_t bytes, eventlog::Piece& piece) const {
  const auto found = hours_.lower_bound(saved.hour);
  if (found == hours_.end()) return false;
  const auto& [hour, entries] = *found;
  if (hour != saved.hour) saved = {hour, 0};
  piece.put(hour);
  const std::size_t begin = piece.size();
  for (; saved.entries < entries.size() && piece.size() - begin < bytes; ++saved.entries) {
    const Entry& entry = entries[saved.entries];
    piece.put(entry.key).put(entry.address.value());
  }
  if (saved.entries >= entries.size()) saved = {hour + 1, 0};
  return true;
}

bool TransactionIndex::restore(eventlog::ValueReader& piece, eventlog::Address newest) {
  const auto hour = piece.take<std::int64_t>();
  std::array<Entry, 16> ahead;  // whose places are on their way to the cache
  while (!piece.is_short() && !piece.ok()) {
    std::size_t count = 0;
    for (; count < ahead.size() && !piece.ok(); ++count) {
      ahead[count].key = piece.take<std::uint64_t>();
      ahead[count].address = eventlog::Address{piece.take<std::uint64_t>()};
      if (piece.is_short()) return false;
      index_.prefetch(ahead[count].key);
    }
    for (const Entry& entry : std::span(ahead).first(count)) {
      if (entry.address <= newest && entry.address != eventlog::Address{}) insert(entry.key, entry.address, hour);
    }
  }
  return piece.ok();
}

std::size_t TransactionIndex::bytes() const {
  std::size_t bytes = index_.bytes();
  for (const auto& [hour, entries] : hours_) bytes += entries.size() * sizeof(Entry);
  return bytes;
}

}  // namespace vigil::commands
