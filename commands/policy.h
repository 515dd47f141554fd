// The validation policy in force: what is accepted, and in which currency Vigil thinks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eventlog/schema/events.h"

namespace vigil::commands {

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

}  // namespace vigil::commands
