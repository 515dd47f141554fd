// What each aggregate is called, takes and gives: the table the catalogue is checked against.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/features/catalogue.h"

namespace vigil::rules {

enum class FieldUse : std::uint8_t {
  none,    // the aggregate has no field
  amount,  // amount_base, which may be left out
  number,  // one of the ids, words and codes an entry can hold; must be given
};
enum class FilterUse : std::uint8_t { none, optional, required };

struct AggregateTraits {
  Aggregate aggregate;
  std::string_view name;
  ValueType type;
  FieldUse field;
  FilterUse filter;
  bool windowed;
  bool may_exclude_current;
  bool may_divide;
};

std::span<const AggregateTraits> all_aggregates();
const AggregateTraits& traits_of(Aggregate aggregate);
const AggregateTraits* find_aggregate(std::string_view name);  // null: none of that name

}  // namespace vigil::rules
