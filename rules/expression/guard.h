// Cheap tests that a condition needs to pass before it can hold, so that most conditions are never run.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "rules/expression/expression.h"
#include "rules/expression/lists.h"

namespace vigil::rules {

struct Node;

enum class GuardKind : std::uint8_t {
  integers,   // lowest <= slot <= highest, of exactly `type` (integer or boolean)
  floatings,  // the same for floating point; an integer counts as one
  text,       // slot == text
  texts,      // slot == other_slot, both texts
  in_list,    // the slot's text is in the list named by the text
  some_list,  // some list has an entry
};

// One test of one slot. A null, or a value of another type, never passes: comparisons with it are null.
// 24 bytes, owns nothing: texts belong to the program the guard was taken from.
struct Guard {
  GuardKind kind = GuardKind::integers;
  ValueType type = ValueType::integer;
  bool wanted = true;  // false: the test must fail, on a value that is known
  std::uint16_t slot = 0;
  union {
    std::uint16_t other_slot = 0;
    std::uint16_t text_size;
  };
  union {
    std::int64_t lowest = 0;
    double lowest_floating;
    const char* text_data;
  };
  union {
    std::int64_t highest = 0;
    double highest_floating;
  };

  std::string_view text_view() const { return {text_data, text_size}; }
  bool passes(const Value* slots, const Lists& lists) const;

 private:
  bool passes_floating(const Value& value) const;
  bool passes_text(const Value* slots, const Lists& lists) const;
};
static_assert(sizeof(Guard) == 24);

// What a condition is known to need. Exact: the condition holds if and only if all guards pass and, unless
// they are `complete`, its program gives true.
struct Guards {
  std::vector<Guard> all;
  bool complete = false;
};

// The guards of a checked boolean tree: those of its conjuncts that compare a slot with a constant, a text slot
// with another one, or seek it in a list. `and` is true only when both sides are, and no operation has effects,
// so any conjunct may be asked first. Texts are kept in `texts`.
Guards find_guards(const Node& root, std::deque<std::string>& texts);

inline bool Guard::passes(const Value* slots, const Lists& lists) const {
  if (kind == GuardKind::integers) {
    const Value& value = slots[slot];
    const bool inside = (value.integer >= lowest) & (value.integer <= highest);
    return (value.type == type) & (inside == wanted);
  }
  return kind == GuardKind::floatings ? passes_floating(slots[slot]) : passes_text(slots, lists);
}

// Closed bounds, and `wanted` applied to the result: NaN is in no range and therefore != everything, as in the
// comparison itself.
inline bool Guard::passes_floating(const Value& value) const {
  double x = value.floating;
  if (value.type == ValueType::integer) x = static_cast<double>(value.integer);
  else if (value.type != ValueType::floating) return false;
  return ((x >= lowest_floating) & (x <= highest_floating)) == wanted;
}

inline bool Guard::passes_text(const Value* slots, const Lists& lists) const {
  if (kind == GuardKind::some_list) return !lists.empty();
  const Value& value = slots[slot];
  if (value.type != ValueType::text) return false;
  if (kind == GuardKind::in_list) return lists.contains(text_view(), value.text_view()) == wanted;
  if (kind == GuardKind::text) return (value.text_view() == text_view()) == wanted;
  const Value& other = slots[other_slot];
  return other.type == ValueType::text && (value.text_view() == other.text_view()) == wanted;
}

}  // namespace vigil::rules
