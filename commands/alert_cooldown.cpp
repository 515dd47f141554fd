#include "commands/alert_cooldown.h"

#include <xxhash.h>

#include <algorithm>

namespace vigil::commands {

namespace {

std::uint64_t cooldown_key(std::string_view rule_id, std::string_view customer_id) {
  return XXH3_64bits_withSeed(customer_id.data(), customer_id.size(),
                              XXH3_64bits(rule_id.data(), rule_id.size()));
}

}  // namespace

void AlertCooldown::apply(const eventlog::AlertRaised& event) {
  const std::int64_t time_us = event.event_time.value();
  auto [found, fresh] = newest_.try_emplace(cooldown_key(event.rule_id, event.customer_id), time_us);
  if (!fresh) found->second = std::max(found->second, time_us);
  stream_time_us_ = std::max(stream_time_us_, time_us);
  if (newest_.size() > forget_at_) forget_old();
}

bool AlertCooldown::cooling(std::string_view rule_id, std::string_view customer_id, eventlog::EventTime time,
                            std::int64_t cooldown_us) const {
  if (cooldown_us == 0) return false;
  const auto found = newest_.find(cooldown_key(rule_id, customer_id));
  if (found == newest_.end()) return false;
  const std::int64_t since = time.value() - found->second;
  return since > -cooldown_us && since < cooldown_us;
}

void AlertCooldown::forget_old() {
  std::erase_if(newest_, [&](const auto& entry) { return entry.second < stream_time_us_ - 2 * kKeptUs; });
  forget_at_ = std::max<std::size_t>(1 << 16, newest_.size() * 2);
}

}  // namespace vigil::commands
