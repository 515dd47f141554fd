// Exchange rates in force, and exact conversion of amounts to the base currency.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "eventlog/schema/events.h"
#include "eventlog/storage/image_file.h"
#include "eventlog/storage/value_bytes.h"

namespace vigil::commands {

// A fold of RateUpdated. Not thread-safe.
class Rates {
 public:
  void apply(const eventlog::RateUpdated& event);
  // The rate in force for exactly this pair, if any.
  std::optional<std::int64_t> rate_e9(eventlog::Code currency, eventlog::Code base) const;
  // `amount` in minor units of `base`, rounded half away from zero. Nothing without a rate, for an unknown
  // currency, or when the result does not fit 63 bits.
  std::optional<std::int64_t> to_base(const eventlog::Money& amount, eventlog::Code base) const;

  void save(eventlog::Piece& piece) const;
  // False when the piece is none.
  bool restore(eventlog::ValueReader& piece);

 private:
  std::map<std::pair<eventlog::Code, eventlog::Code>, std::int64_t> rates_;
};

}  // namespace vigil::commands
