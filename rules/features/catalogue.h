// The features in force, declared in features.toml: names, entities, aggregates, windows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/schema/events.h"
#include "rules/expression/expression.h"

namespace vigil::rules {

// Limits of a catalogue; each has its error.
inline constexpr std::size_t kFeaturesMax = 256;
inline constexpr std::size_t kCatalogueBytesMax = 128 * 1024;  // the text is one event of the log
inline constexpr std::size_t kFeatureNameBytesMax = 64;
inline constexpr std::size_t kFeatureDescriptionBytesMax = 1024;
inline constexpr std::int64_t kReachMaxUs = std::int64_t{730} * 24 * 3600 * 1'000'000;  // window + delay
inline constexpr std::int64_t kDivideByMax = 1'000'000'000;

enum class Aggregate : std::uint8_t {
  // over a window
  count,
  sum,
  mean,
  stddev,
  min,
  max,
  distinct,
  ratio,
  fraud_count,
  fraud_rate,
  decline_count,
  zscore,       // of this amount against the window (current excluded): (x − mean) / stddev
  seen_before,  // whether `field` of this transaction occurs in the window (current excluded)
  // of the entity, without a window
  last,                   // `field` of the newest known transaction
  seconds_since_last,     // event time minus that of the newest known transaction
  distance_km_from_last,  // from the newest known place
  speed_kmh_from_last,    // null when no time has passed
  distance_km_from_home,
  seconds_since_first_seen,
  lifetime_count,
  lifetime_mean,
  lifetime_zscore,
  // of the transaction alone
  expression,
};

struct Feature {
  std::string name;
  std::optional<eventlog::EntityKind> entity;  // nothing for `expression`
  Aggregate aggregate = Aggregate::count;
  std::string field;           // "amount_base" unless said otherwise; distinct, last, seen_before: an id or code
  std::int64_t window_us = 0;  // 0 for aggregates without a window
  std::int64_t delay_us = 0;
  std::string filter;  // expression text, "" for all
  bool exclude_current = false;
  std::int64_t divide_by = 1;  // sum, mean, stddev, min, max: the value is divided by it, rounded once
  std::string expression;      // for Aggregate::expression
  ValueType type = ValueType::integer;
  std::string description;
  TextPlace place;
};

// Immutable; copying is cheap enough for tests, the service moves it.
class Catalogue {
 public:
  // `file` is only used in errors: "FILE:LINE:COLUMN: reason; did you mean …?". Error: invalid.
  static Expected<Catalogue> parse(std::string_view toml, const std::string& file);

  const std::string& text() const { return text_; }
  const std::array<std::byte, 32>& sha256() const { return sha256_; }
  std::span<const Feature> features() const { return features_; }
  std::size_t size() const { return features_.size(); }
  std::optional<std::size_t> index_of(std::string_view name) const;
  // The longest window + delay: how long an entry must be kept behind stream time.
  std::int64_t reach_us() const;
  // Transaction fields, then the features: feature i has slot kTransactionFields + i.
  const Symbols& symbols() const { return symbols_; }

 private:
  std::string text_;
  std::array<std::byte, 32> sha256_{};
  std::vector<Feature> features_;
  Symbols symbols_;
};

// The catalogue Vigil starts with (rules/features/default_features.toml, built in).
std::string_view default_features_toml();

}  // namespace vigil::rules
