// The operations an expression is made of, each on values that may be null or of another type (which counts
// as null).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "rules/expression/lists.h"
#include "rules/expression/syntax.h"

namespace vigil::rules {

// The constant items of `in [ … ]`, sorted for binary search; those of the operand's type are filled.
struct LiteralSet {
  std::vector<std::int64_t> integers;  // booleans too
  std::vector<double> floatings;
  std::vector<std::string_view> texts;
};

// What an operation may look at besides its operands.
struct Evaluation {
  const Lists& lists;
  std::span<const LiteralSet> sets;
  char* lowered;  // room for kLowerCallsMax × kLowerBytesMax bytes
};

// Computes `out` from `a` and `b`; `out` may be the same object as either. Unary operations ignore `b`.
using Kernel = void (*)(const Evaluation& evaluation, const Value& a, const Value& b, Value& out);

// The kernel of an operator on operands of `type` (floating: either may be an integer). Never null for
// what the checker lets through.
Kernel operator_kernel(Operator op, ValueType type);

// `a` if it has `type` (an integer becomes floating where floating is asked), else null.
Kernel move_kernel(ValueType type);
// Whether `a` is null for one who expects `type`.
Kernel is_null_kernel(ValueType type);
Kernel min_kernel(ValueType type);
Kernel max_kernel(ValueType type);
Kernel abs_kernel(ValueType type);
// `b` is the index of the set.
Kernel in_set_kernel(ValueType type);

using KernelFunction = void(const Evaluation&, const Value&, const Value&, Value&);
KernelFunction in_list_kernel;  // `b` is the list's name
KernelFunction round_kernel, floor_kernel, sqrt_kernel;
KernelFunction modulo_kernel;
KernelFunction hour_kernel, weekday_kernel;
KernelFunction starts_with_kernel, ends_with_kernel, contains_kernel;
KernelFunction lower_kernel;     // `b` is the number of the lower() within its expression
KernelFunction distance_kernel;  // four values in a row from `a`: latitude, longitude, latitude, longitude

}  // namespace vigil::rules
