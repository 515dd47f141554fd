// Reads feature values off the records of a transaction's entities, whose windows stand at its event time.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "rules/features/entity_store.h"
#include "rules/features/window_plan.h"

namespace vigil::rules {

// A number that no entry holds: of a text that was never applied.
inline constexpr std::uint32_t kNeverSeen = 0xffffffff;

// The transaction being observed, in the terms of the state.
struct Observed {
  std::int64_t time_us = 0;
  std::int64_t amount_minor = 0;
  std::optional<eventlog::Place> place;
  ColumnNumbers columns{};                                      // kNeverSeen, or 0 when it does not say
  std::array<std::uint16_t, eventlog::kEntityKinds> flags{};    // which filters of each kind it passes
  std::array<EntityRecord*, eventlog::kEntityKinds> records{};  // null: it names no such entity
  // Kilometres from the last place of each entity, once a feature has asked.
  std::array<std::optional<double>, eventlog::kEntityKinds> km_from_last{};
};

// The text behind a number of each column; the texts live as long as the state.
class ColumnTexts {
 public:
  virtual ~ColumnTexts() = default;
  virtual std::string_view text(Column column, std::uint32_t number) const = 0;
};

// The value of one feature that is read from a record (all aggregates but `expression`). docs/features.md
// defines each.
Value read_feature(const FeaturePlan& feature, Observed& observed, EntityWindows& windows, const ColumnTexts& texts);

}  // namespace vigil::rules
