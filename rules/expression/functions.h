// The functions an expression may call: one table, read by the checker and the compiler.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "rules/expression/kernels.h"

namespace vigil::rules {

inline bool is_number(ValueType type) { return type == ValueType::integer || type == ValueType::floating; }

enum class Parameter : std::uint8_t {
  none,
  any,
  boolean,
  integer,
  number,  // integer or floating
  text,
};

// How the compiler lays a call out.
enum class CallForm : std::uint8_t {
  kernel,       // one kernel over the arguments
  by_type,      // one kernel chosen by the argument's type: abs, is_null
  pairwise,     // a kernel by type, folded from left to right: min, max
  conditional,  // if
  first_known,  // coalesce
};

struct Function {
  std::string_view name;
  std::string_view signature;  // for errors
  CallForm form = CallForm::kernel;
  std::size_t arguments_min = 1;
  std::size_t arguments_max = 1;
  std::array<Parameter, 4> parameters{};          // the last one stands for all that follow
  ValueType result = ValueType::null;             // null: depends on the arguments
  Kernel kernel = nullptr;                        // for CallForm::kernel
  Kernel (*kernel_of)(ValueType type) = nullptr;  // for by_type and pairwise

  Parameter parameter(std::size_t index) const;
};

std::span<const Function> functions();
const Function* find_function(std::string_view name);

}  // namespace vigil::rules
