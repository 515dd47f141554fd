#include "rules/features/window_plan.h"

#include <algorithm>

#include "eventlog/storage/invariant.h"
#include "rules/expression/transaction_fields.h"
#include "rules/features/window_bounds.h"

namespace vigil::rules {
namespace {

constexpr std::array<std::string_view, kColumns> kColumnNames{"customer_id",  "merchant_id", "device_id", "country",
                                                              "card_country", "currency",    "category",  "channel"};
// Entity numbers fit three bytes up to 16 million entities, words and codes two; a column that outgrows its
// width is widened (DecisionState).
constexpr std::array<std::uint8_t, kColumns> kColumnWidths{3, 3, 3, 2, 2, 2, 2, 2};

// Collects what the features of one catalogue need, feature by feature.
class Planner {
 public:
  explicit Planner(Plan& plan) : plan_(plan) {}

  void add(const Feature& feature) {
    FeaturePlan read;
    read.aggregate = feature.aggregate;
    if (feature.aggregate == Aggregate::expression) {
      read.expression = static_cast<std::uint16_t>(plan_.expressions.size());
      auto compiled = Expression::compile_any(feature.expression, transaction_symbols(), feature.place);
      eventlog::invariant(compiled.has_value(), "a parsed catalogue's expressions compile");
      plan_.expressions.push_back(std::move(*compiled));
      plan_.features.push_back(read);
      return;
    }
    read.kind = static_cast<std::uint8_t>(*feature.entity);
    kind_ = &plan_.kinds[read.kind];
    if (const auto column = parse_column(feature.field)) read.column = static_cast<std::uint8_t>(*column);
    if (feature.aggregate == Aggregate::last) need_column(read.column);
    read.divide_by = feature.divide_by;
    read.gives_quotient = feature.type == ValueType::floating;
    const bool about_the_past = feature.aggregate == Aggregate::zscore || feature.aggregate == Aggregate::seen_before;
    read.counts_current = !feature.exclude_current && feature.delay_us == 0 && !about_the_past;
    if (!feature.filter.empty()) read.mask = mask_of(feature);
    if (feature.window_us > 0) add_window(feature, read);
    plan_.features.push_back(read);
  }

 private:
  std::uint16_t mask_of(const Feature& feature) {
    const std::uint16_t filter = filter_number(feature);
    auto& filters = kind_->filters;
    auto at = std::find(filters.begin(), filters.end(), filter);
    if (at == filters.end()) at = filters.insert(filters.end(), filter);
    return static_cast<std::uint16_t>(1u << (kFilterShift + static_cast<unsigned>(at - filters.begin())));
  }

  std::uint16_t filter_number(const Feature& feature) {
    for (std::size_t i = 0; i < plan_.filters.size(); ++i) {
      if (plan_.filters[i].text() == feature.filter) return static_cast<std::uint16_t>(i);
    }
    auto compiled = Expression::compile(feature.filter, transaction_symbols(), ValueType::boolean, feature.place);
    eventlog::invariant(compiled.has_value(), "a parsed catalogue's filters compile");
    plan_.filters.push_back(std::move(*compiled));
    return static_cast<std::uint16_t>(plan_.filters.size() - 1);
  }

  void add_window(const Feature& feature, FeaturePlan& read) {
    read.window = window_number(feature.window_us, feature.delay_us);
    WindowPlan& window = kind_->windows[read.window];
    read.accumulator = accumulator_number(window, read.mask);
    Accumulator& sums = window.accumulators[read.accumulator];
    constexpr RecordOffset kWanted = 1;
    switch (feature.aggregate) {
      case Aggregate::sum:
      case Aggregate::mean: sums.sum = kWanted; break;
      case Aggregate::stddev:
      case Aggregate::zscore: sums.sum = sums.squares = kWanted; break;
      case Aggregate::fraud_count:
      case Aggregate::fraud_rate:
        sums.frauds = kWanted;
        kind_->places_labels = true;
        break;
      case Aggregate::min: sums.smallest = kWanted; break;
      case Aggregate::max: sums.largest = kWanted; break;
      case Aggregate::decline_count: sums.declines = kWanted; break;
      case Aggregate::distinct: read.set = set_number(window, read, kDistinctScanMax); break;
      case Aggregate::seen_before:
        read.set = set_number(window, read, kSeenScanMax);
        window.sets[read.set].traces = kWanted;
        kind_->looks_back = true;
        break;
      default: break;
    }
    const bool amounts = sums.sum != 0 || sums.smallest != 0 || sums.largest != 0 || kind_->places_labels;
    kind_->layout.has_amount = kind_->layout.has_amount || amounts;
  }

  std::uint16_t window_number(std::int64_t window_us, std::int64_t delay_us) {
    auto& windows = kind_->windows;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      if (windows[i].window_us == window_us && windows[i].delay_us == delay_us) return static_cast<std::uint16_t>(i);
    }
    WindowPlan added;
    added.window_us = window_us;
    added.delay_us = delay_us;
    windows.push_back(std::move(added));
    return static_cast<std::uint16_t>(windows.size() - 1);
  }

  static std::uint16_t accumulator_number(WindowPlan& window, std::uint16_t mask) {
    auto& all = window.accumulators;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].mask == mask) return static_cast<std::uint16_t>(i);
    }
    Accumulator added;
    added.mask = mask;
    all.push_back(added);
    return static_cast<std::uint16_t>(all.size() - 1);
  }

  std::uint16_t set_number(WindowPlan& window, const FeaturePlan& read, std::uint32_t scan_max) {
    kind_->layout.width[read.column] = kColumnWidths[read.column];
    for (std::size_t i = 0; i < window.sets.size(); ++i) {
      NumberSet& set = window.sets[i];
      if (set.mask != read.mask || set.column != read.column) continue;
      set.scan_max = std::min(set.scan_max, scan_max);
      return static_cast<std::uint16_t>(i);
    }
    window.sets.push_back({read.mask, read.column, scan_max, 0, 0});
    return static_cast<std::uint16_t>(window.sets.size() - 1);
  }

  void need_column(std::uint8_t column) { kind_->last[column] = 1; }

  Plan& plan_;
  KindPlan* kind_ = nullptr;
};

// Gives everything wanted its place in the record.
void place_record(KindPlan& kind, std::uint32_t header_bytes) {
  std::uint32_t next = header_bytes;
  const auto take = [&next](std::uint32_t bytes) {
    const std::uint32_t place = next;
    next += bytes;
    return place;
  };
  // All bounds stand together behind the header: sliding looks at each of them, at the sums of few.
  for (WindowPlan& window : kind.windows) window.bounds = take(sizeof(WindowBounds));
  for (WindowPlan& window : kind.windows) {
    for (Accumulator& sums : window.accumulators) {
      if (sums.squares != 0) sums.squares = take(sizeof(unsigned __int128));
      if (sums.sum != 0) sums.sum = take(sizeof(std::int64_t));
      if (sums.smallest != 0) sums.smallest = take(sizeof(std::uint64_t));
      if (sums.largest != 0) sums.largest = take(sizeof(std::uint64_t));
      if (sums.mask != 0) sums.count = take(sizeof(std::uint32_t));
      if (sums.frauds != 0) sums.frauds = take(sizeof(std::uint32_t));
      if (sums.declines != 0) sums.declines = take(sizeof(std::uint32_t));
    }
    for (const Accumulator& sums : window.accumulators) {
      if (sums.sums_up()) window.summed.push_back(sums);
    }
    window.only_length = window.summed.empty() && window.sets.empty();
    for (NumberSet& set : window.sets) {
      set.counts = take(sizeof(void*));
      if (set.traces != 0) set.traces = take(sizeof(NumberTraces));
    }
  }
  kind.last_begin = next;
  for (RecordOffset& last : kind.last) {
    if (last != 0) last = take(sizeof(std::uint32_t));
  }
  kind.record_bytes = (next + 15) / 16 * 16;
}

}  // namespace

std::optional<Column> parse_column(std::string_view name) {
  const auto at = std::find(kColumnNames.begin(), kColumnNames.end(), name);
  if (at == kColumnNames.end()) return std::nullopt;
  return static_cast<Column>(at - kColumnNames.begin());
}

Plan make_plan(const Catalogue& catalogue, std::uint32_t header_bytes) {
  Plan plan;
  Planner planner(plan);
  for (const Feature& feature : catalogue.features()) planner.add(feature);
  for (KindPlan& kind : plan.kinds) {
    eventlog::invariant(kind.filters.size() <= kFiltersMax, "a parsed catalogue has few enough filters");
    const unsigned used = kFilterShift + static_cast<unsigned>(kind.filters.size());
    if (kind.places_labels) kind.layout.hash_mask = static_cast<std::uint16_t>(0xffffu << used);
    kind.layout.arrange();
    place_record(kind, header_bytes);
  }
  return plan;
}

}  // namespace vigil::rules
