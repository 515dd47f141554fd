#include "rules/expression/functions.h"

#include "rules/expression/limits.h"

namespace vigil::rules {
namespace {

using enum Parameter;
using enum CallForm;
constexpr ValueType kDepends = ValueType::null;

const Function kFunctions[] = {
    {"if", "if(condition, then, else)", conditional, 3, 3, {Parameter::boolean, any, any}, kDepends, nullptr, nullptr},
    {"is_null", "is_null(x)", by_type, 1, 1, {any}, ValueType::boolean, nullptr, is_null_kernel},
    {"coalesce", "coalesce(a, b, …)", first_known, 2, kArgumentsMax, {any}, kDepends, nullptr, nullptr},
    {"abs", "abs(number)", by_type, 1, 1, {number}, kDepends, nullptr, abs_kernel},
    {"min", "min(a, b, …)", pairwise, 2, kArgumentsMax, {number}, kDepends, nullptr, min_kernel},
    {"max", "max(a, b, …)", pairwise, 2, kArgumentsMax, {number}, kDepends, nullptr, max_kernel},
    {"round", "round(number)", kernel, 1, 1, {number}, ValueType::integer, round_kernel, nullptr},
    {"floor", "floor(number)", kernel, 1, 1, {number}, ValueType::integer, floor_kernel, nullptr},
    {"sqrt", "sqrt(number)", kernel, 1, 1, {number}, ValueType::floating, sqrt_kernel, nullptr},
    {"mod",
     "mod(integer, integer)",
     kernel,
     2,
     2,
     {Parameter::integer, Parameter::integer},
     ValueType::integer,
     modulo_kernel,
     nullptr},
    {"hour", "hour(time)", kernel, 1, 1, {Parameter::integer}, ValueType::integer, hour_kernel, nullptr},
    {"weekday", "weekday(time)", kernel, 1, 1, {Parameter::integer}, ValueType::integer, weekday_kernel, nullptr},
    {"starts_with",
     "starts_with(text, start)",
     kernel,
     2,
     2,
     {Parameter::text, Parameter::text},
     ValueType::boolean,
     starts_with_kernel,
     nullptr},
    {"ends_with",
     "ends_with(text, end)",
     kernel,
     2,
     2,
     {Parameter::text, Parameter::text},
     ValueType::boolean,
     ends_with_kernel,
     nullptr},
    {"contains",
     "contains(text, part)",
     kernel,
     2,
     2,
     {Parameter::text, Parameter::text},
     ValueType::boolean,
     contains_kernel,
     nullptr},
    {"lower", "lower(text)", kernel, 1, 1, {Parameter::text}, ValueType::text, lower_kernel, nullptr},
    {"distance_km",
     "distance_km(latitude, longitude, latitude, longitude)",
     kernel,
     4,
     4,
     {number, number, number, number},
     ValueType::floating,
     distance_kernel,
     nullptr},
};

}  // namespace

Parameter Function::parameter(std::size_t index) const {
  std::size_t last = 0;
  while (last + 1 < parameters.size() && parameters[last + 1] != none) ++last;
  return parameters[index < last ? index : last];
}

std::span<const Function> functions() { return kFunctions; }

const Function* find_function(std::string_view name) {
  for (const Function& function : kFunctions) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

}  // namespace vigil::rules
