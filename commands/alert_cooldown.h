// Which alerts are still cooling down, so that one burst does not become a hundred alerts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "eventlog/schema/events.h"
#include "eventlog/storage/image_file.h"
#include "eventlog/storage/value_bytes.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

// A fold of AlertRaised: per rule and customer the event times of the newest alert and of the one raised last, which
// may be late: a burst that comes late is one alert too. Not thread-safe. Memory follows the alerts of the last
// `kKeptUs` of event time: 32 bytes each at a load of at most 1/2. The alerts of one customer stand side by side, so
// that one prefetch serves all rules; the table grows shard by shard, so that no single alert waits for a move of the
// whole.
class AlertCooldown {
 public:
  void apply(const eventlog::AlertRaised& event);
  // Whether an alert of this rule for this customer at `time` comes within `cooldown_us` of one of the two.
  bool cooling(std::string_view rule_id, std::string_view customer_id, eventlog::EventTime time,
               std::int64_t cooldown_us) const;
  // Brings what is known of a customer towards the cache.
  void prefetch(std::string_view customer_id) const;
  // Pairs of rule and customer that are remembered.
  std::size_t size() const { return size_; }

  // Appends a shard to `piece`; shards are numbered from 0 to kShards − 1.
  void save(std::size_t shard, eventlog::Piece& piece) const;
  // Adds the alerts of a piece. False when it is none.
  bool restore(eventlog::ValueReader& piece);
  static constexpr std::size_t kShards = 64;

  // The longest cool-down a rule may ask for.
  static constexpr std::int64_t kKeptUs = rules::kRuleCooldownUsMax;

 private:
  struct Entry {
    std::uint64_t customer = 0;
    std::uint64_t rule = 0;
    std::int64_t time_us = kFree;  // the newest
    std::int64_t last_us = kFree;  // the one raised last
  };
  struct Shard {
    std::vector<Entry> entries;  // a power of two
    std::size_t used = 0;
    std::size_t mask() const { return entries.size() - 1; }
  };
  static constexpr std::int64_t kFree = INT64_MIN;  // no event time
  void remember(std::uint64_t customer, std::uint64_t rule, std::int64_t time_us);
  static std::size_t shard_of(std::uint64_t customer) { return customer >> 58; }
  // The place of the pair, or the free one it would take. Requires a free place.
  static std::size_t place_of(const Shard& shard, std::uint64_t customer, std::uint64_t rule);
  // Moves the entries whose time is at least `oldest_us` to a table of `size` places.
  static void rebuild(Shard& shard, std::size_t size, std::int64_t oldest_us);
  // Pairs whose newest alert is older may be forgotten. Some alert was remembered.
  std::int64_t forgotten_before_us() const { return stream_time_us_ - 2 * kKeptUs; }
  void forget_old();

  std::array<Shard, kShards> shards_;  // looked up only, never iterated for a result
  std::size_t size_ = 0;
  std::int64_t stream_time_us_ = INT64_MIN;
  std::size_t forget_at_ = 1 << 16;
};

}  // namespace vigil::commands
