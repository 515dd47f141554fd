// The sliding windows of one entity kind: moved in event time, kept exact under late entries and labels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rules/features/counted_numbers.h"
#include "rules/features/entity_record.h"
#include "rules/features/entry_ring.h"
#include "rules/features/window_bounds.h"
#include "rules/features/window_plan.h"

namespace vigil::rules {

// Says which retained transaction a label means.
struct LabelledEntry {
  std::int64_t time_us = 0;
  std::int64_t amount_minor = 0;
  std::uint16_t id_hash = 0;
  ColumnNumbers columns{};
  std::uint32_t columns_known = 0;  // bit i: columns[i] is to be compared
};

// Not thread-safe. Invariants of every record:
// 1. Each window [lo, hi) lies in the ring, and its sums are those of its entries.
// 2. Its entries are the retained ones with event time in (T − D − W, T − D], T being record.windows_at_us.
// 3. Until it was slid for the first time, it stands before all entries.
class EntityWindows {
 public:
  // Entries are kept for `keep_us` behind the newest event time.
  EntityWindows(const KindPlan& plan, std::int64_t keep_us);

  const KindPlan& plan() const { return plan_; }
  const RingStore& rings() const { return *rings_; }
  // The newest event time of the stream; never falls.
  void set_stream_time(std::int64_t newest_us);
  // Entries at or before it are forgotten, whether or not their memory was taken back yet.
  std::int64_t horizon_us() const { return horizon_us_; }

  // What a new record begins with.
  void stand_before_all(EntityRecord& record) const;
  // Moves all windows of the record to stand at `time_us`, forwards or (a late transaction) backwards.
  void slide(EntityRecord& record, std::int64_t time_us);
  // A transaction joins the ring, unless it is beyond the horizon.
  void insert(EntityRecord& record, const Entry& entry);
  // Gives a new record the `count` entries it had, sorted, in `layout`: this kind's, or the same with narrower columns.
  // The record stands before all entries, and its lifetime is restored, before.
  void restore(EntityRecord& record, const std::byte* entries, std::uint32_t count, const EntryLayout& layout);
  // Sets (or clears) the fraud flag on one entry that matches and does not carry it (does carry it).
  // Nothing happens when there is none: it was forgotten.
  void set_fraud(EntityRecord& record, const LabelledEntry& label);
  void clear_fraud(EntityRecord& record, const LabelledEntry& label);

  // Whether a long window's numbers are being counted; starts or stops that as its length asks for.
  const CountedNumbers* counts(EntityRecord& record, const WindowPlan& window, const NumberSet& set);

  // A number no longer fits its column: returns the plan's layout with that column at full width.
  EntryLayout widened(Column column) const;
  // Takes over another layout; `records` calls its argument with each record of the kind.
  template <class Records>
  void change_layout(const EntryLayout& layout, Records&& records) {
    auto rebuilt = std::make_unique<RingStore>(layout);
    rebuilt->set_reference(newest_us_);
    records([&](EntityRecord& record) {
      forget_expired(record);  // an entity may have been left alone for longer than times are told apart
      rebuilt->adopt(record.ring, *rings_);
    });
    rings_ = std::move(rebuilt);
    plan_.layout = layout;
  }

  // Calls `touch` with the addresses that slide() to `time_us` and insert() will read; the entries need the
  // directory.
  template <class Touch>
  void prefetch_directory(const EntityRecord& record, Touch touch) const {
    touch(record.chain.roots().data());
    if (!record.ring.empty()) touch(rings_->directory_address(record.ring));
  }
  template <class Touch>
  void prefetch_entries(const EntityRecord& record, std::int64_t time_us, Touch touch) const {
    const EntryRing& ring = record.ring;
    if (ring.empty()) return;
    // The newest chunks: where entries are added, and where seen_before looks first.
    const std::uint32_t newest = plan_.looks_back ? 3 * RingStore::kChunk : 1;
    for (std::uint32_t back = 1; back <= ring.size() && back <= newest; back += RingStore::kChunk) {
      touch(rings_->at(ring, ring.end - back));
    }
    for (const WindowPlan& window : plan_.windows) {
      const auto at = record.get<WindowBounds>(window.bounds);
      if (time_us < at.next_us) continue;
      if (at.lo != ring.end) touch(rings_->at(ring, at.lo));
      if (at.hi != ring.end && at.hi != at.lo) touch(rings_->at(ring, at.hi));
    }
  }

  // Likewise with what insert() alone reads.
  template <class Touch>
  void prefetch_newest(const EntityRecord& record, Touch touch) const {
    if (!record.ring.empty()) touch(rings_->at(record.ring, record.ring.end - 1));
  }
  // Likewise with the first `runs` runs of entries, for who reads them all.
  template <class Touch>
  void prefetch_runs(const EntityRecord& record, std::uint32_t runs, Touch touch) const {
    const EntryRing& ring = record.ring;
    for (EntryIndex at = ring.begin; at != ring.end && runs > 0; --runs) {
      const EntryRun run = rings_->run(ring, at);
      touch(run.first);
      touch(run.first + std::size_t{run.count} * plan_.layout.stride - 1);
      at += run.count;
    }
  }

  void release(EntityRecord& record);  // what a record holds outside of itself and the rings
  std::uint64_t bytes() const { return rings_->bytes() + counted_bytes_; }

 private:
  void slide_window(EntityRecord& record, const WindowPlan& window, bool backwards, std::int64_t time_us);
  void count(EntityRecord& record, const WindowPlan& window, const std::byte* entry, std::int32_t sign);
  static void count_extremes(EntityRecord& record, const Accumulator& sums, const std::byte* entry, std::int32_t sign);
  void count_numbers(EntityRecord& record, const WindowPlan& window, const std::byte* entry, std::int32_t sign);
  void forget_expired(EntityRecord& record);
  void drop_oldest(EntityRecord& record);
  void set_flag(EntityRecord& record, const LabelledEntry& label, std::int32_t sign);
  bool matches(const std::byte* entry, const LabelledEntry& label) const;
  static WindowBounds& bounds(EntityRecord& record, const WindowPlan& window) {
    return *reinterpret_cast<WindowBounds*>(reinterpret_cast<std::byte*>(&record) + window.bounds);
  }

  KindPlan plan_;
  std::unique_ptr<RingStore> rings_;
  std::int64_t keep_us_;
  std::int64_t newest_us_ = kBeforeAllUs;
  std::int64_t horizon_us_ = kBeforeAllUs;
  std::uint64_t counted_bytes_ = 0;
};

// a + b, or the largest number when that is not one.
inline std::int64_t plus_or_most(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kAfterAllUs : sum;
}

// a − b, or the smallest number when that is not one.
inline std::int64_t minus_or_least(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? kBeforeAllUs : difference;
}

}  // namespace vigil::rules
