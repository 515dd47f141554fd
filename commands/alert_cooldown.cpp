#include "commands/alert_cooldown.h"

#include <xxhash.h>

#include <algorithm>

namespace vigil::commands {

namespace {

constexpr std::size_t kShardPlacesMin = 16;

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace

std::size_t AlertCooldown::place_of(const Shard& shard, std::uint64_t customer, std::uint64_t rule) {
  std::size_t place = customer & shard.mask();
  while (true) {
    const Entry& entry = shard.entries[place];
    if (entry.time_us == kFree || (entry.customer == customer && entry.rule == rule)) return place;
    place = (place + 1) & shard.mask();
  }
}

void AlertCooldown::rebuild(Shard& shard, std::size_t size, std::int64_t oldest_us) {
  const std::vector<Entry> old = std::move(shard.entries);
  shard.entries.assign(size, Entry{});
  shard.used = 0;
  for (const Entry& entry : old) {
    if (entry.time_us == kFree || entry.time_us < oldest_us) continue;
    shard.entries[place_of(shard, entry.customer, entry.rule)] = entry;
    ++shard.used;
  }
}

void AlertCooldown::apply(const eventlog::AlertRaised& event) {
  remember(hash_of(event.customer_id), hash_of(event.rule_id), std::max(event.event_time.value(), kFree + 1));
}

void AlertCooldown::remember(std::uint64_t customer, std::uint64_t rule, std::int64_t time_us) {
  Shard& shard = shards_[shard_of(customer)];
  if ((shard.used + 1) * 2 > shard.entries.size()) {
    rebuild(shard, std::max(kShardPlacesMin, shard.entries.size() * 2), INT64_MIN);
  }
  Entry& entry = shard.entries[place_of(shard, customer, rule)];
  if (entry.time_us == kFree) ++shard.used, ++size_;
  entry = {customer, rule, std::max(entry.time_us, time_us), time_us};
  stream_time_us_ = std::max(stream_time_us_, time_us);
  if (size_ > forget_at_) forget_old();
}

bool AlertCooldown::cooling(std::string_view rule_id, std::string_view customer_id, eventlog::EventTime time,
                            std::int64_t cooldown_us) const {
  if (cooldown_us == 0) return false;
  const std::uint64_t customer = hash_of(customer_id);
  const Shard& shard = shards_[shard_of(customer)];
  if (shard.entries.empty()) return false;
  const Entry& entry = shard.entries[place_of(shard, customer, hash_of(rule_id))];
  // What is due to be forgotten counts no more, whether or not it was: a restored state forgets at another moment.
  if (entry.time_us == kFree || entry.time_us < forgotten_before_us()) return false;
  const auto near = [&](std::int64_t alert_us) {
    const std::int64_t since = time.value() - alert_us;
    return since > -cooldown_us && since < cooldown_us;
  };
  return near(entry.time_us) || near(entry.last_us);
}

void AlertCooldown::save(std::size_t shard, eventlog::Piece& piece) const {
  for (const Entry& entry : shards_[shard].entries) {
    if (entry.time_us != kFree) {
      piece.put(entry.customer).put(entry.rule).put(entry.time_us).put(entry.last_us);
    }
  }
}

bool AlertCooldown::restore(eventlog::ValueReader& piece) {
  while (!piece.is_short() && !piece.ok()) {
    const auto customer = piece.take<std::uint64_t>(), rule = piece.take<std::uint64_t>();
    const auto time_us = piece.take<std::int64_t>(), last_us = piece.take<std::int64_t>();
    if (piece.is_short() || time_us == kFree || last_us == kFree) continue;
    remember(customer, rule, time_us);
    remember(customer, rule, last_us);
  }
  return piece.ok();
}

void AlertCooldown::prefetch(std::string_view customer_id) const {
  const std::uint64_t customer = hash_of(customer_id);
  const Shard& shard = shards_[shard_of(customer)];
  if (!shard.entries.empty()) __builtin_prefetch(&shard.entries[customer & shard.mask()]);
}

void AlertCooldown::forget_old() {
  const std::int64_t oldest_us = forgotten_before_us();
  size_ = 0;
  for (Shard& shard : shards_) {
    if (!shard.entries.empty()) rebuild(shard, shard.entries.size(), oldest_us);
    size_ += shard.used;
  }
  forget_at_ = std::max<std::size_t>(1 << 16, size_ * 2);
}

}  // namespace vigil::commands
