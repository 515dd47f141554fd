#include "rules/expression/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "rules/expression/calendar.h"
#include "rules/expression/limits.h"
#include "rules/features/geography.h"

namespace vigil::rules {
namespace {

bool integer_of(const Value& v, std::int64_t& integer) {
  integer = v.integer;
  return v.type == ValueType::integer;
}

bool floating_of(const Value& v, double& floating) {
  floating = v.type == ValueType::integer ? static_cast<double>(v.integer) : v.floating;
  return v.type == ValueType::floating || v.type == ValueType::integer;
}

// Infinities and NaN never leave an operation: they are null.
Value finite_or_null(double x) { return x - x == 0.0 ? Value::of(x) : Value::null(); }

// --- arithmetic ---

struct Add {
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) { return !__builtin_add_overflow(a, b, r); }
  static double apply(double a, double b) { return a + b; }
};
struct Subtract {
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) { return !__builtin_sub_overflow(a, b, r); }
  static double apply(double a, double b) { return a - b; }
};
struct Multiply {
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) { return !__builtin_mul_overflow(a, b, r); }
  static double apply(double a, double b) { return a * b; }
};
struct Minimum {
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) { return *r = std::min(a, b), true; }
  static double apply(double a, double b) { return std::min(a, b); }
};
struct Maximum {
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) { return *r = std::max(a, b), true; }
  static double apply(double a, double b) { return std::max(a, b); }
};
struct Divide {  // by zero: infinity or NaN, hence null
  static double apply(double a, double b) { return a / b; }
};
struct Modulo {  // the sign is that of the dividend
  static bool apply(std::int64_t a, std::int64_t b, std::int64_t* r) {
    if (b == 0) return false;
    return *r = b == -1 ? 0 : a % b, true;  // INT64_MIN % -1 would trap
  }
};

template <class Operation>
void on_integers(const Evaluation&, const Value& a, const Value& b, Value& out) {
  std::int64_t x, y, result;
  const bool known = integer_of(a, x) & integer_of(b, y);
  out = known && Operation::apply(x, y, &result) ? Value::of(result) : Value::null();
}

template <class Operation>
void on_floatings(const Evaluation&, const Value& a, const Value& b, Value& out) {
  double x, y;
  const bool known = floating_of(a, x) & floating_of(b, y);
  out = known ? finite_or_null(Operation::apply(x, y)) : Value::null();
}

void negate_integer(const Evaluation&, const Value& a, const Value&, Value& out) {
  std::int64_t x, result;
  out = integer_of(a, x) && !__builtin_sub_overflow(0, x, &result) ? Value::of(result) : Value::null();
}
void negate_floating(const Evaluation&, const Value& a, const Value&, Value& out) {
  double x;
  out = floating_of(a, x) ? Value::of(-x) : Value::null();
}
void abs_integer(const Evaluation&, const Value& a, const Value&, Value& out) {
  std::int64_t x;
  const bool known = integer_of(a, x) && x != INT64_MIN;
  out = known ? Value::of(x < 0 ? -x : x) : Value::null();
}
void abs_floating(const Evaluation&, const Value& a, const Value&, Value& out) {
  double x;
  out = floating_of(a, x) ? Value::of(std::fabs(x)) : Value::null();
}

// --- comparison ---

struct Equal {
  template <class T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <class T>
  static bool apply(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static bool apply(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a >= b;
  }
};

// Integers and booleans.
template <class Comparison, ValueType type>
void compare_integers(const Evaluation&, const Value& a, const Value& b, Value& out) {
  const bool known = (a.type == type) & (b.type == type);
  out = known ? Value::boolean(Comparison::apply(a.integer, b.integer)) : Value::null();
}
template <class Comparison>
void compare_floatings(const Evaluation&, const Value& a, const Value& b, Value& out) {
  double x, y;
  const bool known = floating_of(a, x) & floating_of(b, y);
  out = known ? Value::boolean(Comparison::apply(x, y)) : Value::null();
}
template <class Comparison>
void compare_texts(const Evaluation&, const Value& a, const Value& b, Value& out) {
  const bool known = (a.type == ValueType::text) & (b.type == ValueType::text);
  out = known ? Value::boolean(Comparison::apply(a.text_view(), b.text_view())) : Value::null();
}

template <class Comparison>
Kernel comparison(ValueType type) {
  switch (type) {
    case ValueType::boolean: return compare_integers<Comparison, ValueType::boolean>;
    case ValueType::integer: return compare_integers<Comparison, ValueType::integer>;
    case ValueType::floating: return compare_floatings<Comparison>;
    case ValueType::text: return compare_texts<Comparison>;
    case ValueType::null: break;
  }
  std::abort();  // the checker refuses comparisons with nothing but null
}

template <class Operation>
Kernel arithmetic(ValueType type) {
  return type == ValueType::integer ? on_integers<Operation> : on_floatings<Operation>;
}

// --- three-valued logic ---

bool is(const Value& v, bool truth) { return v.type == ValueType::boolean && (v.integer != 0) == truth; }

void and_kernel(const Evaluation&, const Value& a, const Value& b, Value& out) {
  const bool some_false = is(a, false) | is(b, false);
  const bool both_true = is(a, true) & is(b, true);
  out = some_false | both_true ? Value::boolean(both_true) : Value::null();
}
void or_kernel(const Evaluation&, const Value& a, const Value& b, Value& out) {
  const bool some_true = is(a, true) | is(b, true);
  const bool both_false = is(a, false) & is(b, false);
  out = some_true | both_false ? Value::boolean(some_true) : Value::null();
}
void not_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  out = a.type == ValueType::boolean ? Value::boolean(a.integer == 0) : Value::null();
}

// --- moving, nulls, membership ---

template <ValueType type>
void move_typed(const Evaluation&, const Value& a, const Value&, Value& out) {
  out = a.type == type ? a : Value::null();
}
void move_floating(const Evaluation&, const Value& a, const Value&, Value& out) {
  double x;
  out = floating_of(a, x) ? Value::of(x) : Value::null();
}

template <ValueType type>
void is_null_typed(const Evaluation&, const Value& a, const Value&, Value& out) {
  const bool known = a.type == type || (type == ValueType::floating && a.type == ValueType::integer);
  out = Value::boolean(!known);
}

template <class Item>
Value found(const std::vector<Item>& items, Item item) {
  return Value::boolean(std::binary_search(items.begin(), items.end(), item));
}
template <ValueType type>
void in_integers(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  const auto& items = evaluation.sets[static_cast<std::size_t>(b.integer)].integers;
  out = a.type == type ? found(items, a.integer) : Value::null();
}
void in_floatings(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  double x;
  const auto& items = evaluation.sets[static_cast<std::size_t>(b.integer)].floatings;
  out = floating_of(a, x) ? found(items, x) : Value::null();
}
void in_texts(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  const auto& items = evaluation.sets[static_cast<std::size_t>(b.integer)].texts;
  out = a.type == ValueType::text ? found(items, a.text_view()) : Value::null();
}

template <class Test>
void on_texts(const Value& a, const Value& b, Value& out, Test test) {
  const bool known = a.type == ValueType::text && b.type == ValueType::text;
  out = known ? Value::boolean(test(a.text_view(), b.text_view())) : Value::null();
}

// A whole double as integer; null when it does not fit 64 bits.
Value integer_or_null(double whole) {
  const bool fits = whole >= -0x1p63 && whole < 0x1p63;
  return fits ? Value::of(static_cast<std::int64_t>(whole)) : Value::null();
}

}  // namespace

Kernel operator_kernel(Operator op, ValueType type) {
  switch (op) {
    case Operator::or_: return or_kernel;
    case Operator::and_: return and_kernel;
    case Operator::not_: return not_kernel;
    case Operator::equal: return comparison<Equal>(type);
    case Operator::not_equal: return comparison<NotEqual>(type);
    case Operator::less: return comparison<Less>(type);
    case Operator::less_equal: return comparison<LessEqual>(type);
    case Operator::greater: return comparison<Greater>(type);
    case Operator::greater_equal: return comparison<GreaterEqual>(type);
    case Operator::add: return arithmetic<Add>(type);
    case Operator::subtract: return arithmetic<Subtract>(type);
    case Operator::multiply: return arithmetic<Multiply>(type);
    case Operator::divide: return on_floatings<Divide>;
    case Operator::modulo: return on_integers<Modulo>;
    case Operator::negate: return type == ValueType::integer ? negate_integer : negate_floating;
  }
  std::abort();
}

Kernel min_kernel(ValueType type) { return arithmetic<Minimum>(type); }
Kernel max_kernel(ValueType type) { return arithmetic<Maximum>(type); }
Kernel abs_kernel(ValueType type) { return type == ValueType::integer ? abs_integer : abs_floating; }

Kernel move_kernel(ValueType type) {
  switch (type) {
    case ValueType::null: return move_typed<ValueType::null>;
    case ValueType::boolean: return move_typed<ValueType::boolean>;
    case ValueType::integer: return move_typed<ValueType::integer>;
    case ValueType::floating: return move_floating;
    case ValueType::text: return move_typed<ValueType::text>;
  }
  std::abort();
}

Kernel is_null_kernel(ValueType type) {
  switch (type) {
    case ValueType::null:
    case ValueType::boolean: return is_null_typed<ValueType::boolean>;
    case ValueType::integer: return is_null_typed<ValueType::integer>;
    case ValueType::floating: return is_null_typed<ValueType::floating>;
    case ValueType::text: return is_null_typed<ValueType::text>;
  }
  std::abort();
}

Kernel in_set_kernel(ValueType type) {
  switch (type) {
    case ValueType::boolean: return in_integers<ValueType::boolean>;
    case ValueType::integer: return in_integers<ValueType::integer>;
    case ValueType::floating: return in_floatings;
    case ValueType::text: return in_texts;
    case ValueType::null: break;
  }
  std::abort();  // the checker refuses sets of nothing but null
}

void in_list_kernel(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  const bool known = a.type == ValueType::text;
  out = known ? Value::boolean(evaluation.lists.contains(b.text_view(), a.text_view())) : Value::null();
}

// Half away from zero. The difference to the floor is exact, unlike x + 0.5.
void round_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  double x;
  if (a.type == ValueType::integer) {
    out = a;
  } else if (floating_of(a, x)) {
    const double size = std::fabs(x);
    const double below = std::floor(size);
    const double rounded = size - below >= 0.5 ? below + 1 : below;
    out = integer_or_null(x < 0 ? -rounded : rounded);
  } else {
    out = Value::null();
  }
}

void floor_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  if (a.type == ValueType::integer) out = a;
  else out = a.type == ValueType::floating ? integer_or_null(std::floor(a.floating)) : Value::null();
}

void sqrt_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  double x;
  out = floating_of(a, x) && x >= 0 ? Value::of(std::sqrt(x)) : Value::null();
}

void modulo_kernel(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  on_integers<Modulo>(evaluation, a, b, out);
}

void hour_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  std::int64_t time_us;
  out = integer_of(a, time_us) ? Value::of(utc_hour(time_us)) : Value::null();
}

void weekday_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  std::int64_t time_us;
  out = integer_of(a, time_us) ? Value::of(utc_weekday(time_us)) : Value::null();
}

void starts_with_kernel(const Evaluation&, const Value& a, const Value& b, Value& out) {
  on_texts(a, b, out, [](std::string_view text, std::string_view part) { return text.starts_with(part); });
}

void ends_with_kernel(const Evaluation&, const Value& a, const Value& b, Value& out) {
  on_texts(a, b, out, [](std::string_view text, std::string_view part) { return text.ends_with(part); });
}

void contains_kernel(const Evaluation&, const Value& a, const Value& b, Value& out) {
  on_texts(a, b, out,
           [](std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; });
}

void lower_kernel(const Evaluation& evaluation, const Value& a, const Value& b, Value& out) {
  const std::string_view text = a.text_view();
  if (a.type != ValueType::text || text.size() > kLowerBytesMax) {
    out = Value::null();
    return;
  }
  char* lowered = evaluation.lowered + static_cast<std::size_t>(b.integer) * kLowerBytesMax;
  std::transform(text.begin(), text.end(), lowered,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  out = Value::of(std::string_view(lowered, text.size()));
}

void distance_kernel(const Evaluation&, const Value& a, const Value&, Value& out) {
  const Value* degrees = &a;
  double at[4];
  bool known = true;
  for (int i = 0; i < 4; ++i) known &= floating_of(degrees[i], at[i]);
  known =
      known && std::fabs(at[0]) <= 90 && std::fabs(at[1]) <= 180 && std::fabs(at[2]) <= 90 && std::fabs(at[3]) <= 180;
  out = known ? finite_or_null(distance_km(at[0], at[1], at[2], at[3])) : Value::null();
}

}  // namespace vigil::rules
