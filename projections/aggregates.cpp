#include "projections/aggregates.h"

#include <algorithm>
#include <limits>
#include <map>

namespace vigil::projections {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr std::uint32_t kMinutesPerHour = 60, kMinutesPerDay = 1440;
constexpr std::size_t kPendingMax = 1 << 17;  // then settled, so that the map stays near the cache

// A pending key: minute (32 bits), dimension (3), value (29).
constexpr unsigned kDimensionShift = 29;
constexpr std::uint64_t pending_key(std::uint32_t bucket, Dimension dimension, std::uint32_t value) {
  return std::uint64_t{bucket} << 32 | std::uint64_t(dimension) << kDimensionShift | value;
}
constexpr std::uint32_t bucket_of(std::uint64_t key) { return static_cast<std::uint32_t>(key >> 32); }
constexpr Dimension dimension_of(std::uint64_t key) { return static_cast<Dimension>(key >> kDimensionShift & 7); }
constexpr std::uint32_t value_of(std::uint64_t key) {
  return static_cast<std::uint32_t>(key & ((1u << kDimensionShift) - 1));
}

std::uint32_t minute_of(EventTime time) {
  const std::int64_t minute = time.value() / kMinuteUs;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(minute, 0, std::numeric_limits<std::uint32_t>::max()));
}

constexpr std::uint32_t minutes_per(Granularity granularity) {
  return granularity == Granularity::minute ? 1 : granularity == Granularity::hour ? kMinutesPerHour : kMinutesPerDay;
}

// The first bucket that begins at or after `time`.
std::uint64_t first_bucket(EventTime time, std::int64_t bucket_us) {
  if (time.value() <= 0) return 0;
  const std::int64_t whole = time.value() / bucket_us;
  return static_cast<std::uint64_t>(whole + (time.value() % bucket_us != 0 ? 1 : 0));
}

// Database key: dimension, bucket number, value.
std::string row_key(Dimension dimension, std::uint32_t bucket, std::string_view value) {
  std::string key(1, static_cast<char>(dimension));
  append_be32(key, bucket);
  key += value;
  return key;
}

std::string_view day_key(std::array<char, 4 + eventlog::kIdBytesMax>& buffer, std::uint32_t day, std::string_view id) {
  const std::uint32_t big_endian = __builtin_bswap32(day);
  std::memcpy(buffer.data(), &big_endian, sizeof big_endian);
  id.copy(buffer.data() + sizeof big_endian, id.size());
  return {buffer.data(), sizeof big_endian + id.size()};
}

int fraud_change(const eventlog::LabelReported& label) {
  const bool was = label.corrects && is_fraud(label.corrected_kind);
  return int(is_fraud(label.kind)) - int(was);
}

void add_to_row(AggregateRow& row, const Counters& counters) {
  row.transactions += counters.transactions;
  row.amount_minor += counters.amount_minor;
  row.frauds += counters.frauds;
  row.declined += counters.declined;
  row.reviewed += counters.reviewed;
}

}  // namespace

bool DayEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  active_customers = in.take<std::uint64_t>();
  active_merchants = in.take<std::uint64_t>();
  compromised_customers = in.take<std::uint64_t>();
  return in.ok();
}

bool DayCustomer::load(std::string_view bytes) {
  ValueReader in(bytes);
  frauds = in.take<std::int32_t>();
  return in.ok();
}

AggregatesModel::AggregatesModel(const eventlog::LogSource* log)
    : Projection(log),
      minutes_(&loader_, 0),
      hours_(&loader_, 1),
      days_(&loader_, 2),
      day_entities_(&loader_, 3),
      day_customers_(&loader_, 4),
      day_merchants_(&loader_, 5),
      categories_(nullptr, 0) {
  own(minutes_);
  own(hours_);
  own(days_);
  own(day_entities_);
  own(day_customers_);
  own(day_merchants_);
}

std::uint32_t AggregatesModel::category_number(std::string_view category) {
  if (category.empty()) return 0;
  auto& entry = categories_.at(category, hash_of(category));
  if (!entry.exists) {
    entry.exists = true;
    category_names_.push_back(entry.key);
    entry.value.number = static_cast<std::uint32_t>(category_names_.size());
  }
  return entry.value.number;
}

std::string_view AggregatesModel::value_text(Dimension dimension, std::uint32_t number) const {
  switch (dimension) {
    case Dimension::all: return "";
    case Dimension::status: return eventlog::name(static_cast<eventlog::Status>(number));
    case Dimension::category: return number == 0 ? std::string_view() : category_names_[number - 1];
    case Dimension::outcome: return eventlog::name(static_cast<eventlog::Outcome>(number));
    case Dimension::country:
    case Dimension::currency: return eventlog::Code{static_cast<std::uint16_t>(number)}.text();
  }
  return "";
}

void AggregatesModel::add(std::uint32_t minute, const eventlog::TransactionDecided& decided, const Counters& counters) {
  const eventlog::Transaction& t = decided.transaction;
  const std::uint32_t values[kDimensions] = {0,
                                             static_cast<std::uint32_t>(t.status),
                                             category_number(t.category),
                                             t.country.packed(),
                                             t.amount.currency.packed(),
                                             static_cast<std::uint32_t>(decided.outcome)};
  for (std::size_t i = 0; i < kDimensions; ++i) {
    pending_[pending_key(minute, static_cast<Dimension>(i), values[i])].add(counters);
  }
}

void AggregatesModel::apply_transaction(const Event& event) {
  const eventlog::TransactionDecided& decided = *event.decided;
  const std::uint32_t minute = minute_of(decided.transaction.event_time);
  const Counters counters{1, decided.amount_base_minor, 0, decided.outcome == eventlog::Outcome::decline,
                          decided.outcome == eventlog::Outcome::review};
  add(minute, decided, counters);
  const std::uint32_t day = minute / kMinutesPerDay;
  std::array<char, 4 + eventlog::kIdBytesMax> buffer;
  if (const std::string_view id = event.id(EntityKind::customer); !id.empty()) {
    auto& entry = day_customers_.at(day_key(buffer, day, id), combine(event.hash(EntityKind::customer), day));
    if (!entry.exists) {
      day_customers_.change(entry);
      ++day_entities_.change(day_key(buffer, day, {}), combine(0, day)).active_customers;
    }
  }
  if (const std::string_view id = event.id(EntityKind::merchant); !id.empty()) {
    auto& entry = day_merchants_.at(day_key(buffer, day, id), combine(event.hash(EntityKind::merchant), day));
    if (!entry.exists) {
      day_merchants_.change(entry);
      ++day_entities_.change(day_key(buffer, day, {}), combine(0, day)).active_merchants;
    }
  }
}

void AggregatesModel::prefetch(const Event& event) const {
  if (event.decided == nullptr) return;
  const std::uint32_t day = minute_of(event.decided->transaction.event_time) / kMinutesPerDay;
  day_customers_.prefetch(combine(event.hash(EntityKind::customer), day));
  day_merchants_.prefetch(combine(event.hash(EntityKind::merchant), day));
}

void AggregatesModel::prefetch_entries(const Event& event) const {
  if (event.decided == nullptr) return;
  const std::uint32_t day = minute_of(event.decided->transaction.event_time) / kMinutesPerDay;
  day_customers_.prefetch_entry(combine(event.hash(EntityKind::customer), day));
  day_merchants_.prefetch_entry(combine(event.hash(EntityKind::merchant), day));
}

// A label is booked where its transaction was; one whose transaction the log does not hold counts overall.
void AggregatesModel::apply_label(const Event& event) {
  const int change = fraud_change(*event.label);
  if (change == 0) return;
  Counters counters;
  counters.frauds = change;
  if (event.labelled == nullptr) {
    pending_[pending_key(minute_of(event.label->transaction_time), Dimension::all, 0)].add(counters);
    return;
  }
  const eventlog::Transaction& t = event.labelled->transaction;
  const std::uint32_t minute = minute_of(t.event_time);
  add(minute, *event.labelled, counters);
  if (t.customer_id.empty()) return;
  const std::uint32_t day = minute / kMinutesPerDay;
  std::array<char, 4 + eventlog::kIdBytesMax> buffer;
  DayCustomer& customer =
      day_customers_.change(day_key(buffer, day, t.customer_id), combine(hash_of(t.customer_id), day));
  const bool was = customer.frauds > 0;
  customer.frauds += change;
  const bool is = customer.frauds > 0;
  if (was == is) return;
  DayEntry& entry = day_entities_.change(day_key(buffer, day, {}), combine(0, day));
  entry.compromised_customers += is ? 1 : std::uint64_t(-1);
}

void AggregatesModel::apply(const Event& event) {
  if (event.decided != nullptr) apply_transaction(event);
  if (event.label != nullptr) apply_label(event);
  if (pending_.size() >= kPendingMax) settle_more();
}

void AggregatesModel::add_to(Table<Counters>& table, const CounterMap& sums) {
  std::string key;
  sums.for_each([&](std::uint64_t packed, const Counters& counters) {
    const Dimension dimension = dimension_of(packed);
    key = row_key(dimension, bucket_of(packed), value_text(dimension, value_of(packed)));
    table.change(key, hash_of(key)).add(counters);
  });
}

void AggregatesModel::settle_more() {
  if (pending_.size() == 0) return;
  const auto coarser = [](const CounterMap& fine, std::uint32_t per) {
    CounterMap coarse;
    fine.for_each([&](std::uint64_t key, const Counters& counters) {
      coarse[pending_key(bucket_of(key) / per, dimension_of(key), value_of(key))].add(counters);
    });
    return coarse;
  };
  const CounterMap hours = coarser(pending_, kMinutesPerHour);
  const CounterMap days = coarser(hours, kMinutesPerDay / kMinutesPerHour);
  add_to(minutes_, pending_);
  add_to(hours_, hours);
  add_to(days_, days);
  pending_.clear();
}

void AggregatesModel::drop() {
  pending_.clear();
  category_names_.clear();
  categories_.clear();
  Projection::drop();
}

Expected<void> AggregatesModel::add_day_entities(const ReadTransaction& view, std::vector<AggregateRow>& rows) const {
  for (AggregateRow& row : rows) {
    const std::uint32_t day = minute_of(row.bucket) / kMinutesPerDay;
    std::string key;
    append_be32(key, day);
    auto found = day_entities_.find(view, key, combine(0, day));
    if (!found) return std::unexpected(found.error());
    if (!*found) continue;
    row.active_customers = (*found)->active_customers;
    row.active_merchants = (*found)->active_merchants;
    row.compromised_customers = (*found)->compromised_customers;
  }
  return {};
}

Expected<std::vector<AggregateRow>> AggregatesModel::rows(const ReadTransaction& view,
                                                          const AggregateQuery& query) const {
  const std::uint32_t per = minutes_per(query.granularity);
  const std::int64_t bucket_us = kMinuteUs * per;
  const std::uint64_t from = first_bucket(query.from, bucket_us), to = first_bucket(query.to, bucket_us);
  std::vector<AggregateRow> rows;
  if (query.limit == 0 || from >= to || from > std::numeric_limits<std::uint32_t>::max()) return rows;
  std::map<std::string, Counters> found;  // by database key
  const auto wanted = [&](std::uint32_t bucket, std::string_view value) {
    return bucket >= from && bucket < to && (!query.value || *query.value == value);
  };
  const Table<Counters>& table = query.granularity == Granularity::minute ? minutes_
                                 : query.granularity == Granularity::hour ? hours_
                                                                          : days_;
  const std::string first = row_key(query.dimension, static_cast<std::uint32_t>(from), {});
  auto scanned = table.scan(view, first, [&](std::string_view key, const Counters& counters) {
    if (key[0] != first[0] || be32_at(key, 1) >= to) return false;
    if (wanted(be32_at(key, 1), key.substr(5))) found.emplace(key, counters);
    return found.size() < query.limit;
  });
  if (!scanned) return std::unexpected(scanned.error());
  const std::string last = found.size() < query.limit ? std::string() : found.rbegin()->first;
  pending_.for_each([&](std::uint64_t key, const Counters& counters) {
    const std::uint32_t bucket = bucket_of(key) / per;
    const std::string_view value = value_text(dimension_of(key), value_of(key));
    if (dimension_of(key) != query.dimension || !wanted(bucket, value)) return;
    const std::string full = row_key(query.dimension, bucket, value);
    if (last.empty() || full <= last) found[full].add(counters);
  });
  for (const auto& [key, counters] : found) {
    if (rows.size() == query.limit) break;
    AggregateRow& row = rows.emplace_back();
    row.bucket = EventTime{std::int64_t{be32_at(key, 1)} * bucket_us};
    row.value = key.substr(5);
    add_to_row(row, counters);
  }
  if (query.granularity == Granularity::day && query.dimension == Dimension::all) {
    if (auto added = add_day_entities(view, rows); !added) return std::unexpected(added.error());
  }
  return rows;
}

}  // namespace vigil::projections
