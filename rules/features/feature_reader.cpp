#include "rules/features/feature_reader.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "rules/features/geography.h"

namespace vigil::rules {
namespace {

constexpr double kUsPerSecond = 1e6;
constexpr double kSecondsPerHour = 3600.0;

// One window feature while it is read.
class WindowReader {
 public:
  WindowReader(const FeaturePlan& feature, const Observed& observed, EntityRecord& record, EntityWindows& windows)
      : feature_(feature),
        observed_(observed),
        record_(record),
        windows_(windows),
        window_(windows.plan().windows[feature.window]),
        sums_(window_.accumulators[feature.accumulator]),
        bounds_(record.get<WindowBounds>(window_.bounds)),
        with_current_(feature.counts_current && (observed.flags[feature.kind] & feature.mask) == feature.mask) {}

  Value read() const {
    switch (feature_.aggregate) {
      case Aggregate::count: return integer(count());
      case Aggregate::sum: return amount(sum());
      case Aggregate::mean: return count() == 0 ? Value::null() : Value::of(mean_of(sum(), count() * divisor()));
      case Aggregate::stddev:
        return count() == 0
                   ? Value::null()
                   : Value::of(standard_deviation_of(sum(), squares(), count()) / static_cast<double>(divisor()));
      case Aggregate::min: return extreme(sums_.smallest, std::less<>());
      case Aggregate::max: return extreme(sums_.largest, std::greater<>());
      case Aggregate::distinct: return integer(distinct());
      case Aggregate::ratio: return rate(count(), bounds_.hi - bounds_.lo + (feature_.counts_current ? 1u : 0u));
      case Aggregate::fraud_count: return integer(record_.get<std::uint32_t>(sums_.frauds));
      case Aggregate::fraud_rate: return rate(record_.get<std::uint32_t>(sums_.frauds), count());
      case Aggregate::decline_count: return integer(record_.get<std::uint32_t>(sums_.declines));
      case Aggregate::zscore: return zscore_of(observed_.amount_minor, sum(), squares(), count());
      case Aggregate::seen_before: return seen_before();
      default: return Value::null();
    }
  }

  static Value zscore_of(std::int64_t amount, std::int64_t sum, unsigned __int128 squares, std::uint64_t count) {
    if (count < 2) return Value::null();
    const double deviation = standard_deviation_of(sum, squares, count);
    if (!(deviation > 0)) return Value::null();
    return Value::of((static_cast<double>(amount) - mean_of(sum, count)) / deviation);
  }

 private:
  static Value integer(std::uint64_t number) { return Value::of(static_cast<std::int64_t>(number)); }
  static Value rate(std::uint64_t part, std::uint64_t whole) {
    return Value::of(whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
  }

  std::uint64_t divisor() const { return static_cast<std::uint64_t>(feature_.divide_by); }
  Value amount(std::int64_t minor) const {
    return feature_.gives_quotient ? Value::of(mean_of(minor, divisor())) : Value::of(minor);
  }

  std::uint32_t count() const {
    const std::uint32_t kept = sums_.mask == 0 ? bounds_.hi - bounds_.lo : record_.get<std::uint32_t>(sums_.count);
    return kept + (with_current_ ? 1 : 0);
  }
  std::int64_t sum() const {
    return record_.get<std::int64_t>(sums_.sum) + (with_current_ ? observed_.amount_minor : 0);
  }
  unsigned __int128 squares() const {
    const auto amount = static_cast<unsigned __int128>(with_current_ ? observed_.amount_minor : 0);
    return record_.get<unsigned __int128>(sums_.squares) + amount * amount;
  }

  // Calls `visit` for each entry of the window that passes the filter.
  template <class Visit>
  void each(Visit visit) const {
    const std::uint32_t stride = windows_.plan().layout.stride;
    for (EntryIndex at = bounds_.lo; at != bounds_.hi;) {
      const EntryRun run = windows_.rings().run(record_.ring, at);
      const std::uint32_t inside = std::min(run.count, bounds_.hi - at);
      for (std::uint32_t i = 0; i < inside; ++i) {
        const std::byte* entry = run.first + std::size_t{i} * stride;
        if ((EntryLayout::flags(entry) & feature_.mask) == feature_.mask) visit(entry);
      }
      at += inside;
    }
  }

  // The extreme is remembered until it leaves the window, so a scan is needed about once per window length.
  template <class Better>
  Value extreme(RecordOffset offset, Better better) const {
    auto best = record_.get<std::uint64_t>(offset);
    if (best == 0) {
      each([&](const std::byte* entry) {
        const auto candidate = static_cast<std::uint64_t>(EntryLayout::amount(entry)) + 1;
        if (best == 0 || better(candidate, best)) best = candidate;
      });
      if (best != 0) record_.set(offset, best);
    }
    if (with_current_) {
      const auto current = static_cast<std::uint64_t>(observed_.amount_minor) + 1;
      if (best == 0 || better(current, best)) best = current;
    }
    return best == 0 ? Value::null() : amount(static_cast<std::int64_t>(best - 1));
  }

  std::uint32_t distinct() const {
    const NumberSet& set = window_.sets[feature_.set];
    const std::uint32_t current = with_current_ ? observed_.columns[set.column] : 0;
    if (const CountedNumbers* numbers = windows_.counts(record_, window_, set)) {
      return numbers->distinct() + (current != 0 && !numbers->contains(current) ? 1 : 0);
    }
    if (bounds_.hi - bounds_.lo < kCompared) return distinct_compared(set, current);
    // Few enough to be told apart in a small table on the stack.
    constexpr std::uint32_t kSlots = 4 * kDistinctScanMax;
    std::array<std::uint32_t, kSlots> seen{};
    std::uint32_t distinct = 0;
    const auto add = [&](std::uint32_t number) {
      if (number == 0) return;
      std::uint32_t i = number % kSlots;
      while (seen[i] != 0 && seen[i] != number) i = (i + 1) % kSlots;
      if (seen[i] == 0) ++distinct;
      seen[i] = number;
    };
    each([&](const std::byte* entry) { add(windows_.plan().layout.column(entry, set.column)); });
    add(current);
    return distinct;
  }

  // Of fewer than kCompared entries and the current number: each is compared with those before it.
  std::uint32_t distinct_compared(const NumberSet& set, std::uint32_t current) const {
    std::array<std::uint32_t, kCompared> numbers;
    std::uint32_t distinct = 0;
    const auto add = [&](std::uint32_t number) {
      if (number == 0) return;
      for (std::uint32_t i = 0; i < distinct; ++i) {
        if (numbers[i] == number) return;
      }
      numbers[distinct++] = number;
    };
    each([&](const std::byte* entry) { add(windows_.plan().layout.column(entry, set.column)); });
    add(current);
    return distinct;
  }

  Value seen_before() const {
    const NumberSet& set = window_.sets[feature_.set];
    const std::uint32_t wanted = observed_.columns[set.column];
    if (wanted == 0) return Value::null();
    if (const CountedNumbers* numbers = windows_.counts(record_, window_, set)) {
      return Value::boolean(numbers->contains(wanted));
    }
    if (!record_.get<NumberTraces>(set.traces).may_hold(wanted)) return Value::boolean(false);
    if (holds(set, wanted)) return Value::boolean(true);
    NumberTraces traces;
    each([&](const std::byte* entry) { traces.add(windows_.plan().layout.column(entry, set.column)); });
    record_.set(set.traces, traces);
    return Value::boolean(false);
  }

  // Whether an entry of the window that passes the filter has this number. Newest first: who is seen again was
  // mostly seen lately.
  bool holds(const NumberSet& set, std::uint32_t wanted) const {
    const EntryLayout& layout = windows_.plan().layout;
    const std::uint32_t at_byte = layout.at[set.column];
    const std::uint64_t bits = (std::uint64_t{1} << (8 * layout.width[set.column])) - 1;
    const std::uint16_t mask = feature_.mask;
    for (EntryIndex at = bounds_.hi; at != bounds_.lo;) {
      const EntryRun run = windows_.rings().run_before(record_.ring, at);
      const std::uint32_t inside = std::min(run.count, at - bounds_.lo);
      const std::byte* entry = run.first + std::size_t{run.count} * layout.stride;
      for (std::uint32_t i = 0; i < inside; ++i) {
        entry -= layout.stride;
        if ((EntryLayout::load(entry + at_byte) & bits) != wanted) continue;
        if ((EntryLayout::flags(entry) & mask) == mask) return true;
      }
      at -= inside;
    }
    return false;
  }

  static constexpr std::uint32_t kCompared = 12;

  const FeaturePlan& feature_;
  const Observed& observed_;
  EntityRecord& record_;
  EntityWindows& windows_;
  const WindowPlan& window_;
  const Accumulator& sums_;
  WindowBounds bounds_;
  bool with_current_;
};

double seconds_between(std::int64_t from_us, std::int64_t to_us) {
  return static_cast<double>(minus_or_least(to_us, from_us)) / kUsPerSecond;
}

Value distance(const std::optional<eventlog::Place>& from, const std::optional<eventlog::Place>& to) {
  return from && to ? Value::of(distance_km(*from, *to)) : Value::null();
}

// Asked for by two features; both places must be known.
double km_from_last(Observed& observed, std::uint8_t kind, const Lifetime& lifetime) {
  std::optional<double>& km = observed.km_from_last[kind];
  if (!km) km = distance_km(*lifetime.last_place, *observed.place);
  return *km;
}

Value distance_from_last(Observed& observed, std::uint8_t kind, const Lifetime& lifetime) {
  if (!observed.place || !lifetime.last_place) return Value::null();
  return Value::of(km_from_last(observed, kind, lifetime));
}

Value speed(Observed& observed, std::uint8_t kind, const Lifetime& lifetime) {
  const double seconds = std::fabs(seconds_between(lifetime.last_place_time.value(), observed.time_us));
  if (!observed.place || !lifetime.last_place || !(seconds > 0)) return Value::null();
  return Value::of(km_from_last(observed, kind, lifetime) * kSecondsPerHour / seconds);
}

Value mean_of_lifetime(const FeaturePlan& feature, const Observed& observed, const Lifetime& lifetime) {
  const std::uint64_t count = lifetime.transactions + (feature.counts_current ? 1 : 0);
  if (count == 0) return Value::null();
  return Value::of(mean_of(lifetime.amount_sum_minor + (feature.counts_current ? observed.amount_minor : 0), count));
}

Value last_text(const FeaturePlan& feature, const EntityRecord& record, const EntityWindows& windows,
                const ColumnTexts& texts) {
  const auto number = record.get<std::uint32_t>(windows.plan().last[feature.column]);
  return number == 0 ? Value::null() : Value::of(texts.text(static_cast<Column>(feature.column), number));
}

}  // namespace

Value read_feature(const FeaturePlan& feature, Observed& observed, EntityWindows& windows, const ColumnTexts& texts) {
  EntityRecord* record = observed.records[feature.kind];
  if (record == nullptr) return Value::null();
  const Lifetime& lifetime = record->lifetime;
  const bool known = lifetime.transactions > 0;
  switch (feature.aggregate) {
    case Aggregate::last: return last_text(feature, *record, windows, texts);
    case Aggregate::seconds_since_last:
      return known ? Value::of(seconds_between(lifetime.last_seen.value(), observed.time_us)) : Value::null();
    case Aggregate::seconds_since_first_seen:
      return known ? Value::of(seconds_between(lifetime.first_seen.value(), observed.time_us)) : Value::null();
    case Aggregate::distance_km_from_last: return distance_from_last(observed, feature.kind, lifetime);
    case Aggregate::speed_kmh_from_last: return speed(observed, feature.kind, lifetime);
    case Aggregate::distance_km_from_home: return distance(record->home, observed.place);
    case Aggregate::lifetime_count:
      return Value::of(static_cast<std::int64_t>(lifetime.transactions + (feature.counts_current ? 1 : 0)));
    case Aggregate::lifetime_mean: return mean_of_lifetime(feature, observed, lifetime);
    case Aggregate::lifetime_zscore:
      return WindowReader::zscore_of(observed.amount_minor, lifetime.amount_sum_minor, lifetime.amount_square_sum,
                                     lifetime.transactions);
    default: return WindowReader(feature, observed, *record, windows).read();
  }
}

}  // namespace vigil::rules
