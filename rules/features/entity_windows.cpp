#include "rules/features/entity_windows.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

template <class T>
void bump(EntityRecord& record, RecordOffset offset, T by) {
  record.set<T>(offset, static_cast<T>(record.get<T>(offset) + by));
}

}  // namespace

EntityWindows::EntityWindows(const KindPlan& plan, std::int64_t keep_us)
    : plan_(plan), rings_(std::make_unique<RingStore>(plan.layout)), keep_us_(keep_us) {
  eventlog::invariant(keep_us >= 0 && keep_us <= kKeepMaxUs, "entries are kept for at most kKeepMaxUs");
}

void EntityWindows::set_stream_time(std::int64_t newest_us) {
  newest_us_ = newest_us;
  horizon_us_ = minus_or_least(newest_us, keep_us_);
  rings_->set_reference(newest_us);
}

void EntityWindows::count(EntityRecord& record, const WindowPlan& window, const std::byte* entry, std::int32_t sign) {
  if (window.only_length) return;
  const std::uint16_t flags = EntryLayout::flags(entry);
  for (const Accumulator& sums : window.summed) {
    if ((flags & sums.mask) != sums.mask) continue;
    if (sums.count != 0) bump<std::uint32_t>(record, sums.count, sign);
    if (sums.frauds != 0 && (flags & kFraudFlag) != 0) bump<std::uint32_t>(record, sums.frauds, sign);
    if (sums.declines != 0 && (flags & kDeclinedFlag) != 0) bump<std::uint32_t>(record, sums.declines, sign);
    if (sums.smallest != 0 || sums.largest != 0) count_extremes(record, sums, entry, sign);
    if (sums.sum == 0) continue;
    const std::int64_t amount = EntryLayout::amount(entry);
    bump<std::int64_t>(record, sums.sum, sign * amount);
    if (sums.squares == 0) continue;
    const auto square = static_cast<unsigned __int128>(amount) * static_cast<unsigned __int128>(amount);
    bump<unsigned __int128>(record, sums.squares, sign > 0 ? square : 0 - square);
  }
  if (!window.sets.empty()) count_numbers(record, window, entry, sign);
}

void EntityWindows::count_extremes(EntityRecord& record, const Accumulator& sums, const std::byte* entry,
                                   std::int32_t sign) {
  const auto candidate = static_cast<std::uint64_t>(EntryLayout::amount(entry)) + 1;
  for (const RecordOffset offset : {sums.smallest, sums.largest}) {
    if (offset == 0) continue;
    const auto known = record.get<std::uint64_t>(offset);
    if (known == 0) continue;
    const bool beyond = offset == sums.smallest ? candidate < known : candidate > known;
    if (sign > 0 && beyond) record.set(offset, candidate);
    // An equal amount may be left, but only a scan could tell.
    if (sign < 0 && candidate == known) record.set(offset, std::uint64_t{0});
  }
}

void EntityWindows::count_numbers(EntityRecord& record, const WindowPlan& window, const std::byte* entry,
                                  std::int32_t sign) {
  for (const NumberSet& set : window.sets) {
    auto* numbers = record.get<CountedNumbers*>(set.counts);
    const bool traced = set.traces != 0 && sign > 0;
    if ((numbers == nullptr && !traced) || (EntryLayout::flags(entry) & set.mask) != set.mask) continue;
    const std::uint32_t number = plan_.layout.column(entry, set.column);
    if (number == 0) continue;
    if (traced) {
      auto traces = record.get<NumberTraces>(set.traces);
      traces.add(number);
      record.set(set.traces, traces);
    }
    if (numbers == nullptr) continue;
    counted_bytes_ -= numbers->bytes();
    if (sign > 0) {
      numbers->add(number);
    } else {
      numbers->remove(number);
    }
    counted_bytes_ += numbers->bytes();
  }
}

void EntityWindows::slide(EntityRecord& record, std::int64_t time_us) {
  // Times are told apart modulo 2^48 µs: nothing may stay that is older than twice what is kept.
  if (!record.ring.empty() && record.ring.oldest_us <= minus_or_least(horizon_us_, keep_us_)) {
    forget_expired(record);
  }
  const bool backwards = time_us < record.windows_at_us;
  for (const WindowPlan& window : plan_.windows) {
    const bool stands = !backwards && time_us < bounds(record, window).next_us &&
                        minus_or_least(time_us, window.delay_us + window.window_us) >= horizon_us_;
    if (!stands) slide_window(record, window, backwards, time_us);
  }
  record.windows_at_us = time_us;
}

void EntityWindows::slide_window(EntityRecord& record, const WindowPlan& window, bool backwards, std::int64_t time_us) {
  const EntryRing& ring = record.ring;
  const std::uint32_t stride = plan_.layout.stride;
  const std::int64_t upper = minus_or_least(time_us, window.delay_us);
  const std::int64_t lower = std::max(minus_or_least(upper, window.window_us), horizon_us_);
  WindowBounds& at = bounds(record, window);
  if (backwards) {
    for (; at.lo != ring.begin; --at.lo) {
      const std::byte* entry = rings_->at(ring, at.lo - 1);
      if (rings_->time_us(entry) <= lower) break;
      count(record, window, entry, 1);
    }
    for (; at.hi != at.lo; --at.hi) {
      const std::byte* entry = rings_->at(ring, at.hi - 1);
      if (rings_->time_us(entry) <= upper) break;
      count(record, window, entry, -1);
    }
  }
  std::int64_t next_us = kAfterAllUs;
  for (bool more = true; more && at.hi != ring.end;) {
    const EntryRun run = rings_->run(ring, at.hi);
    for (std::uint32_t i = 0; more && i < run.count; ++i) {
      const std::byte* entry = run.first + std::size_t{i} * stride;
      const std::int64_t entry_us = rings_->time_us(entry);
      more = entry_us <= upper;
      if (more) {
        count(record, window, entry, 1);
        ++at.hi;
      } else {
        next_us = plus_or_most(entry_us, window.delay_us);
      }
    }
  }
  for (bool more = true; more && at.lo != at.hi;) {
    const EntryRun run = rings_->run(ring, at.lo);
    const std::uint32_t inside = std::min(run.count, at.hi - at.lo);
    for (std::uint32_t i = 0; more && i < inside; ++i) {
      const std::byte* entry = run.first + std::size_t{i} * stride;
      const std::int64_t entry_us = rings_->time_us(entry);
      more = entry_us <= lower;
      if (more) {
        count(record, window, entry, -1);
        ++at.lo;
      } else {
        next_us = std::min(next_us, plus_or_most(entry_us, window.delay_us + window.window_us));
      }
    }
  }
  at.next_us = next_us;
}

void EntityWindows::insert(EntityRecord& record, const Entry& entry) {
  if (entry.time_us <= horizon_us_ || plan_.windows.empty()) return;
  if (rings_->wants_chunk(record.ring) ||
      (!record.ring.empty() && record.ring.oldest_us <= minus_or_least(horizon_us_, keep_us_))) {
    forget_expired(record);
  }
  const EntryIndex index = rings_->insert(record.ring, entry);
  if (record.windows_at_us == kBeforeAllUs) return;
  const std::byte* kept = rings_->at(record.ring, index);
  for (const WindowPlan& window : plan_.windows) {
    const std::int64_t upper = minus_or_least(record.windows_at_us, window.delay_us);
    const std::int64_t lower = minus_or_least(upper, window.window_us);
    WindowBounds& at = bounds(record, window);
    if (entry.time_us <= lower) {
      ++at.lo;
      ++at.hi;
    } else if (entry.time_us <= upper) {
      ++at.hi;
      count(record, window, kept, 1);
      at.next_us = std::min(at.next_us, plus_or_most(entry.time_us, window.delay_us + window.window_us));
    } else {
      at.next_us = std::min(at.next_us, plus_or_most(entry.time_us, window.delay_us));
    }
  }
}

void EntityWindows::restore(EntityRecord& record, const std::byte* entries, std::uint32_t count,
                            const EntryLayout& layout) {
  // Stream time may have gone on a good deal while the image was taken.
  if (record.lifetime.last_seen.value() <= horizon_us_) count = 0;
  if (layout.width == plan_.layout.width) {
    rings_->assign(record.ring, entries, count);
  } else {
    Entry entry;
    std::array<std::byte, EntryLayout::kStrideMax + sizeof(std::uint64_t)> room{};  // eight bytes are read at a time
    for (std::uint32_t i = 0; i < count; ++i, entries += layout.stride) {
      std::memcpy(room.data(), entries, layout.stride);
      layout.read(room.data(), rings_->time_us(room.data()), entry);
      rings_->insert(record.ring, entry);
    }
  }
}

void EntityWindows::stand_before_all(EntityRecord& record) const {
  record.windows_at_us = kBeforeAllUs;
  for (const WindowPlan& window : plan_.windows) bounds(record, window).next_us = kBeforeAllUs;
}

void EntityWindows::forget_expired(EntityRecord& record) {
  while (!record.ring.empty() && record.ring.oldest_us <= horizon_us_) drop_oldest(record);
}

void EntityWindows::drop_oldest(EntityRecord& record) {
  const EntryIndex oldest = record.ring.begin;
  const std::byte* entry = rings_->at(record.ring, oldest);
  for (const WindowPlan& window : plan_.windows) {
    WindowBounds& at = bounds(record, window);
    if (at.lo != oldest) continue;
    if (at.hi == oldest) {
      ++at.hi;
    } else {
      count(record, window, entry, -1);
    }
    ++at.lo;
  }
  rings_->drop_oldest(record.ring);
}

bool EntityWindows::matches(const std::byte* entry, const LabelledEntry& label) const {
  const EntryLayout& layout = plan_.layout;
  if (layout.has_amount && EntryLayout::amount(entry) != label.amount_minor) return false;
  if (((EntryLayout::flags(entry) ^ label.id_hash) & layout.hash_mask) != 0) return false;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if ((label.columns_known >> i & 1) == 0 || layout.width[i] == 0) continue;
    if (layout.column(entry, i) != label.columns[i]) return false;
  }
  return true;
}

void EntityWindows::set_flag(EntityRecord& record, const LabelledEntry& label, std::int32_t sign) {
  if (!plan_.places_labels || label.time_us <= horizon_us_ || record.ring.empty()) return;
  if (record.ring.oldest_us <= horizon_us_) forget_expired(record);
  for (EntryIndex i = rings_->after(record.ring, label.time_us - 1); i != record.ring.end; ++i) {
    std::byte* entry = rings_->at(record.ring, i);
    if (rings_->time_us(entry) != label.time_us) return;
    const std::uint64_t word = EntryLayout::word(entry);
    const bool marked = (word & kFraudFlag) != 0;
    if (marked == (sign > 0) || !matches(entry, label)) continue;
    const std::uint64_t changed = word ^ kFraudFlag;
    std::memcpy(entry, &changed, sizeof(changed));
    for (const WindowPlan& window : plan_.windows) {
      const WindowBounds& at = bounds(record, window);
      if (i - at.lo >= at.hi - at.lo) continue;
      for (const Accumulator& sums : window.accumulators) {
        if (sums.frauds == 0 || (word & sums.mask) != sums.mask) continue;
        bump<std::uint32_t>(record, sums.frauds, sign);
      }
    }
    return;
  }
}

void EntityWindows::set_fraud(EntityRecord& record, const LabelledEntry& label) { set_flag(record, label, 1); }
void EntityWindows::clear_fraud(EntityRecord& record, const LabelledEntry& label) { set_flag(record, label, -1); }

const CountedNumbers* EntityWindows::counts(EntityRecord& record, const WindowPlan& window, const NumberSet& set) {
  const WindowBounds& at = bounds(record, window);
  const std::uint32_t length = at.hi - at.lo;
  auto* numbers = record.get<CountedNumbers*>(set.counts);
  if (numbers != nullptr && length <= set.scan_max / 2) {
    counted_bytes_ -= numbers->bytes();
    delete numbers;
    numbers = nullptr;
    record.set(set.counts, numbers);
  } else if (numbers == nullptr && length > set.scan_max) {
    numbers = new CountedNumbers;
    for (EntryIndex i = at.lo; i != at.hi; ++i) {
      const std::byte* entry = rings_->at(record.ring, i);
      const std::uint32_t number = plan_.layout.column(entry, set.column);
      if (number != 0 && (EntryLayout::flags(entry) & set.mask) == set.mask) numbers->add(number);
    }
    counted_bytes_ += numbers->bytes();
    record.set(set.counts, numbers);
  }
  return numbers;
}

void EntityWindows::release(EntityRecord& record) {
  for (const WindowPlan& window : plan_.windows) {
    for (const NumberSet& set : window.sets) delete record.get<CountedNumbers*>(set.counts);
  }
}

EntryLayout EntityWindows::widened(Column column) const {
  EntryLayout layout = plan_.layout;
  layout.width[static_cast<std::size_t>(column)] = sizeof(std::uint32_t);
  layout.arrange();
  return layout;
}

}  // namespace vigil::rules
