// The validation policy in force: what is accepted, and in which currency Vigil thinks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eventlog/schema/events.h"
#include "rules/features/catalogue.h"

namespace vigil::commands {

// The most that `horizon` and `future_skew` may be, each: what window entries can be kept for (kKeepMaxUs), in days.
inline constexpr std::int64_t kPolicyDurationMaxUs = 814ll * 86'400 * 1'000'000;

// By which clock "too old" and "in the future" are judged.
enum class ReferenceClock : std::uint8_t {
  wall,    // the ingest time of the frame
  stream,  // the newest event time accepted so far; for loading history
};

// A value; recorded whole as PolicyUpdated.
struct Policy {
  eventlog::Code base_currency = *eventlog::Code::parse("EUR");
  std::int64_t amount_minor_min = 1;
  std::int64_t amount_minor_max = 100'000'000'00;
  std::int64_t future_skew_us = 300ll * 1'000'000;
  std::int64_t horizon_us = 7ll * 86'400 * 1'000'000;  // the acceptance horizon
  ReferenceClock clock = ReferenceClock::wall;

  // Keys: base_currency, amount_minor_min, amount_minor_max, future_skew, horizon ("7d"), clock.
  // Missing keys keep the defaults. Error `invalid`: "FILE:LINE:COLUMN: reason".
  static eventlog::Expected<Policy> parse(std::string_view toml, const std::string& file);
  // The canonical TOML of this policy: equal policies, equal texts.
  std::string to_toml() const;
  friend bool operator==(const Policy&, const Policy&) = default;
};

// How much older than stream time a transaction may be, under any of the policies allowed here: stream time may have
// run ahead of the wall clock by the skew of one before another accepts back by its horizon.
struct Lateness {
  std::int64_t horizon_us = 0, future_skew_us = 0;  // the longest of each

  void allow(const Policy& policy);
  std::int64_t us() const { return horizon_us + future_skew_us; }
};
// Whether the state can keep what the windows of `catalogue` need of transactions so late. Error `invalid`: it cannot.
eventlog::Expected<void> check_kept(const rules::Catalogue& catalogue, const Lateness& lateness);

}  // namespace vigil::commands
