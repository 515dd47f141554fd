#include "projections/data_quality.h"

#include <algorithm>
#include <map>

namespace vigil::projections {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;
constexpr std::string_view kStreamKey = "event_time";

constexpr std::array<std::string_view, kQualityCounters> kNames = {"transactions",
                                                                   "late:1s",
                                                                   "late:1m",
                                                                   "late:10m",
                                                                   "late:1h",
                                                                   "late:1d",
                                                                   "late:7d",
                                                                   "late:more",
                                                                   "missing:device_id",
                                                                   "missing:country",
                                                                   "missing:card_country",
                                                                   "missing:category",
                                                                   "missing:channel",
                                                                   "missing:place"};

// Upper bounds of lateness, for late_1s and those after it.
constexpr std::array<std::int64_t, 6> kLatenessUs = {kSecondUs,        60 * kSecondUs, 600 * kSecondUs,
                                                     3600 * kSecondUs, kDayUs,         7 * kDayUs};

std::uint32_t day_of(std::int64_t time_us) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time_us / kDayUs, 0, 0xffffffff));
}

std::string key_of(std::uint32_t day, std::string_view name, std::string_view detail = {}) {
  std::string key;
  append_be32(key, day);
  key += name;
  key += detail.substr(0, kStoreKeyBytesMax / 2);  // a reason code or kind, far shorter
  return key;
}

}  // namespace

bool QualityEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  count = in.take<std::uint64_t>();
  return in.ok();
}

DataQualityModel::DataQualityModel(const eventlog::LogSource* log)
    : Projection(log), counts_(&loader_, 0), stream_(&loader_, 1) {
  own(counts_);
  own(stream_);
}

void DataQualityModel::count(QualityCounter counter) {
  ++pending_[static_cast<std::size_t>(counter)];
  pending_any_ = true;
}

void DataQualityModel::count_named(std::string_view name, std::string_view detail) {
  const std::string key = key_of(day_of(stream_time_us_), name, detail);
  ++counts_.change(key, hash_of(key)).count;
}

// Stream time is part of the state: it is read back once after opening.
void DataQualityModel::know_stream_time() {
  if (stream_known_) return;
  const auto& entry = stream_.at(kStreamKey, hash_of(kStreamKey));
  stream_began_ = entry.exists;
  stream_time_us_ = static_cast<std::int64_t>(entry.value.count);
  stream_known_ = true;
}

void DataQualityModel::advance_to(std::int64_t time_us) {
  if (stream_began_ && day_of(time_us) != day_of(stream_time_us_)) settle_more();
  stream_began_ = true;
  stream_time_us_ = time_us;
  stream_moved_ = true;
}

void DataQualityModel::apply_transaction(const eventlog::Transaction& transaction) {
  const std::int64_t time = transaction.event_time.value();
  if (!stream_began_ || time > stream_time_us_) advance_to(time);
  count(QualityCounter::transactions);
  if (time < stream_time_us_) {
    const std::int64_t late = stream_time_us_ - time;
    std::size_t bucket = 0;
    while (bucket < kLatenessUs.size() && late > kLatenessUs[bucket]) ++bucket;
    count(static_cast<QualityCounter>(static_cast<std::size_t>(QualityCounter::late_1s) + bucket));
  }
  if (transaction.device_id.empty()) count(QualityCounter::missing_device);
  if (transaction.country.none()) count(QualityCounter::missing_country);
  if (transaction.card_country.none()) count(QualityCounter::missing_card_country);
  if (transaction.category.empty()) count(QualityCounter::missing_category);
  if (transaction.channel.empty()) count(QualityCounter::missing_channel);
  if (!transaction.place) count(QualityCounter::missing_place);
}

void DataQualityModel::apply(const Event& event) {
  know_stream_time();
  if (event.decided != nullptr) apply_transaction(event.decided->transaction);
  if (event.label != nullptr) {
    count_named("labels:", eventlog::name(event.label->kind));
    if (event.label->corrects) count_named("labels:corrections", {});
    if (event.labelled == nullptr) count_named("labels:unknown_transaction", {});
  }
  if (event.quarantined != nullptr) {
    count_named("quarantined", {});
    for (const eventlog::QuarantineReason& reason : event.quarantined->reasons) {
      count_named("quarantined:", reason.code);
    }
  }
}

void DataQualityModel::settle_more() {
  for (std::size_t i = 0; i < kQualityCounters && pending_any_; ++i) {
    if (pending_[i] == 0) continue;
    const std::string key = key_of(day_of(stream_time_us_), kNames[i]);
    counts_.change(key, hash_of(key)).count += pending_[i];
  }
  pending_.fill(0);
  pending_any_ = false;
  if (!stream_moved_) return;
  stream_.change(kStreamKey, hash_of(kStreamKey)).count = static_cast<std::uint64_t>(stream_time_us_);
  stream_moved_ = false;
}

void DataQualityModel::drop() {
  pending_.fill(0);
  pending_any_ = stream_moved_ = stream_known_ = false;
  Projection::drop();
}

Expected<std::vector<QualityCount>> DataQualityModel::counts(const ReadTransaction& view) const {
  std::map<std::string, std::uint64_t> found;
  auto scanned = counts_.scan(view, {}, [&](std::string_view key, const QualityEntry& entry) {
    found.emplace(key, entry.count);
    return true;
  });
  if (!scanned) return std::unexpected(scanned.error());
  for (std::size_t i = 0; i < kQualityCounters; ++i) {
    if (pending_[i] != 0) found[key_of(day_of(stream_time_us_), kNames[i])] += pending_[i];
  }
  std::vector<QualityCount> counts;
  for (const auto& [key, count] : found) {
    counts.push_back({EventTime{std::int64_t{be32_at(key, 0)} * kDayUs}, key.substr(4), count});
  }
  return counts;
}

}  // namespace vigil::projections
