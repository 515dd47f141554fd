// Which alerts are still cooling down, so that one burst does not become a hundred alerts.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "eventlog/schema/events.h"

namespace vigil::commands {

// A fold of AlertRaised: per rule and customer the event time of the newest alert. Not thread-safe.
// Memory follows the alerts of the last `kKeptUs` of event time.
class AlertCooldown {
 public:
  void apply(const eventlog::AlertRaised& event);
  // Whether an alert of this rule for this customer at `time` comes within `cooldown_us` of an earlier one.
  bool cooling(std::string_view rule_id, std::string_view customer_id, eventlog::EventTime time,
               std::int64_t cooldown_us) const;

  // The longest cool-down a rule may ask for.
  static constexpr std::int64_t kKeptUs = 30ll * 86'400 * 1'000'000;

 private:
  void forget_old();

  std::unordered_map<std::uint64_t, std::int64_t> newest_;  // looked up only, never iterated for a result
  std::int64_t stream_time_us_ = INT64_MIN;
  std::size_t forget_at_ = 1 << 16;
};

}  // namespace vigil::commands
