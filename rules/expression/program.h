// The compiled form of an expression: a flat list of steps over three banks of values.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "rules/expression/guard.h"
#include "rules/expression/kernels.h"
#include "rules/expression/limits.h"

namespace vigil::rules {

// Where a step reads from. A step writes temporaries only.
enum class Bank : std::uint8_t { temporary, constant, slot };

struct Operand {
  Bank bank = Bank::temporary;
  std::uint16_t index = 0;
  friend bool operator==(const Operand&, const Operand&) = default;
};

enum class Control : std::uint8_t {
  compute,           // out = kernel(a, b)
  jump,              // always
  jump_if_false,     // when a is false (not when null)
  jump_if_true,      // when a is true
  jump_unless_true,  // when a is false or null
  jump_unless_null,  // when a is not null
};

struct Step {
  Kernel kernel = nullptr;
  Operand a, b;
  std::uint16_t out = 0;     // temporary
  std::uint16_t target = 0;  // step to go on with after a jump; always ahead
  Control control = Control::compute;
};

// A node needs its own temporary and those of the arguments before the one under way: at most three more
// per level (distance_km).
inline constexpr std::size_t kTemporariesMax = 4 * (kExpressionDepthMax + 1);

struct Expression::Program {
  std::string text;
  ValueType type = ValueType::boolean;
  std::vector<Step> steps;
  std::vector<Value> constants;
  std::vector<LiteralSet> sets;
  std::deque<std::string> texts;  // what constants and sets point to; a deque never moves its elements
  Operand result;
  Guards guards;  // of a boolean
  std::size_t slots_needed = 0;
  std::size_t lower_calls = 0;
  std::vector<std::string> lists_used;
  std::vector<std::size_t> slots_used;
};

// `root` has been checked. `wanted` is its type, or floating for an integer.
std::shared_ptr<const Expression::Program> generate_program(const Node& root, ValueType wanted, std::string text);

}  // namespace vigil::rules
