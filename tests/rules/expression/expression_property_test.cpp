// Random expressions against an evaluator of a few lines that shares no code with the real one.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "rules/expression/expression.h"
#include "rules/expression/lists.h"

namespace vigil::rules::expression_property_test {
namespace {

using Plain = std::variant<std::monostate, bool, std::int64_t, double, std::string>;  // monostate is null

struct Tree {
  std::string text;  // in parentheses where needed
  ValueType type = ValueType::integer;
  Plain value;  // what it must give
};

const Symbols kSymbols{{"i0", ValueType::integer, 0},  {"i1", ValueType::integer, 1},  {"i2", ValueType::integer, 2},
                       {"f0", ValueType::floating, 3}, {"f1", ValueType::floating, 4}, {"b0", ValueType::boolean, 5},
                       {"b1", ValueType::boolean, 6},  {"t0", ValueType::text, 7},     {"t1", ValueType::text, 8}};

std::optional<double> number(const Plain& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* f = std::get_if<double>(&value)) return *f;
  return std::nullopt;
}
Plain floating(std::optional<double> value) { return value && std::isfinite(*value) ? Plain(*value) : Plain(); }
Plain narrowed(__int128 value) {
  const bool fits = value >= INT64_MIN && value <= INT64_MAX;
  return fits ? Plain(static_cast<std::int64_t>(value)) : Plain();
}

class Grower {
 public:
  explicit Grower(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kSymbols.size(); ++i) slots_.push_back(random_plain(kSymbols[i].type));
  }

  Tree grow(ValueType type, int depth) {
    if (depth == 0 || pick(6) == 0) return leaf(type);
    const std::size_t choice = pick(4);
    if (choice == 0) return conditional(type, depth - 1);
    if (choice == 1) return first_known(type, depth - 1);
    if (type == ValueType::boolean) return boolean(depth - 1);
    if (type == ValueType::text) return leaf(type);
    return arithmetic(type, depth - 1);
  }
  std::size_t pick(std::size_t count) { return random_() % count; }
  std::vector<Value> slots() const {
    std::vector<Value> values;
    for (const Plain& slot : slots_) values.push_back(as_value(slot));
    return values;
  }

  static Value as_value(const Plain& plain) {
    if (const auto* b = std::get_if<bool>(&plain)) return Value::boolean(*b);
    if (const auto* i = std::get_if<std::int64_t>(&plain)) return Value::of(*i);
    if (const auto* f = std::get_if<double>(&plain)) return Value::of(*f);
    if (const auto* t = std::get_if<std::string>(&plain)) return Value::of(std::string_view(*t));
    return Value::null();
  }

 private:
  Plain random_plain(ValueType type) {
    if (pick(4) == 0) return {};
    const std::int64_t numbers[] = {0, 1, -1, 2, 7, -13, 1000, INT64_MAX, INT64_MIN, INT64_MAX / 3};
    const char* const texts[] = {"", "a", "ab", "Ab", "b"};
    switch (type) {
      case ValueType::boolean: return pick(2) == 0;
      case ValueType::integer: return numbers[pick(std::size(numbers))];
      case ValueType::floating: return static_cast<double>(static_cast<std::int64_t>(pick(2000)) - 1000) / 8;
      default: return std::string(texts[pick(std::size(texts))]);
    }
  }

  Tree leaf(ValueType type) {
    std::vector<std::size_t> fitting;
    for (std::size_t i = 0; i < kSymbols.size(); ++i) {
      if (kSymbols[i].type == type) fitting.push_back(i);
    }
    if (pick(3) != 0) {
      const std::size_t slot = fitting[pick(fitting.size())];
      return {kSymbols[slot].name, type, slots_[slot]};
    }
    const std::int64_t small = static_cast<std::int64_t>(pick(20)) - 10;
    switch (type) {
      case ValueType::boolean: return small > 0 ? Tree{"true", type, true} : Tree{"false", type, false};
      case ValueType::integer: return {std::to_string(small), type, small};
      case ValueType::floating: return {std::to_string(small) + ".25", type, quarter_beyond(small)};
      default: return {"'ab'", type, std::string("ab")};
    }
  }
  // "-3.25" is minus (3 + 0.25).
  static double quarter_beyond(std::int64_t small) { return static_cast<double>(small) + (small < 0 ? -0.25 : 0.25); }

  static Plain converted(const Tree& tree, ValueType type) {
    return type == ValueType::floating ? floating(number(tree.value)) : tree.value;
  }
  ValueType narrower(ValueType type) { return type == ValueType::floating && pick(2) == 0 ? ValueType::integer : type; }

  Tree conditional(ValueType type, int depth) {
    const Tree condition = grow(ValueType::boolean, depth), yes = grow(type, depth), no = grow(narrower(type), depth);
    const bool* holds = std::get_if<bool>(&condition.value);
    const Tree& chosen = holds && *holds ? yes : no;
    return {"if(" + condition.text + ", " + yes.text + ", " + no.text + ")", type, converted(chosen, type)};
  }
  Tree first_known(ValueType type, int depth) {
    const Tree a = grow(narrower(type), depth), b = grow(type, depth);
    const bool known = !std::holds_alternative<std::monostate>(a.value);
    return {"coalesce(" + a.text + ", " + b.text + ")", type, converted(known ? a : b, type)};
  }

  Tree arithmetic(ValueType type, int depth) {
    const bool integral = type == ValueType::integer;
    const Tree a = grow(type, depth), b = grow(narrower(type), depth);
    const char* const names[] = {"+", "-", "*", "min", "max", "%", "/", "-x", "abs"};
    std::size_t op = pick(std::size(names));
    if (integral && op == 6) op = 5;
    if (!integral && op == 5) op = 6;
    std::string text = "(" + a.text + " " + names[op] + " " + b.text + ")";
    if (op == 3 || op == 4) text = std::string(names[op]) + "(" + a.text + ", " + b.text + ")";
    if (op == 7) text = "(-" + a.text + ")";
    if (op == 8) text = "abs(" + a.text + ")";
    return {text, type, integral ? on_integers(op, a.value, b.value) : on_floatings(op, a.value, b.value)};
  }
  static Plain on_integers(std::size_t op, const Plain& left, const Plain& right) {
    const auto* a = std::get_if<std::int64_t>(&left);
    const auto* b = std::get_if<std::int64_t>(&right);
    if (!a || (!b && op < 7)) return {};
    const __int128 x = *a, y = b ? *b : 0;
    switch (op) {
      case 0: return narrowed(x + y);
      case 1: return narrowed(x - y);
      case 2: return narrowed(x * y);
      case 3: return narrowed(x < y ? x : y);
      case 4: return narrowed(x > y ? x : y);
      case 5: return y == 0 ? Plain() : narrowed(x % y);
      case 7: return narrowed(-x);
      default: return narrowed(x < 0 ? -x : x);
    }
  }
  static Plain on_floatings(std::size_t op, const Plain& left, const Plain& right) {
    const auto a = number(left), b = number(right);
    if (!a || (!b && op < 7)) return {};
    switch (op) {
      case 0: return floating(*a + *b);
      case 1: return floating(*a - *b);
      case 2: return floating(*a * *b);
      case 3: return floating(*b < *a ? *b : *a);
      case 4: return floating(*a < *b ? *b : *a);
      case 6: return floating(*a / *b);
      case 7: return floating(-*a);
      default: return floating(std::fabs(*a));
    }
  }

  Tree boolean(int depth) {
    const std::size_t choice = pick(6);
    if (choice == 0) {
      const Tree a = grow(ValueType::boolean, depth);
      const bool* x = std::get_if<bool>(&a.value);
      return {"(not " + a.text + ")", ValueType::boolean, x ? Plain(!*x) : Plain()};
    }
    if (choice == 1) {
      const Tree a = grow(random_type(), depth);
      return {"is_null(" + a.text + ")", ValueType::boolean, std::holds_alternative<std::monostate>(a.value)};
    }
    return choice < 4 ? logic(depth) : comparison(depth);
  }
  ValueType random_type() {
    const ValueType types[] = {ValueType::boolean, ValueType::integer, ValueType::floating, ValueType::text};
    return types[pick(4)];
  }
  // Kleene: null is a half, `and` the smaller, `or` the larger.
  Tree logic(int depth) {
    const Tree a = grow(ValueType::boolean, depth), b = grow(ValueType::boolean, depth);
    const bool conjunction = pick(2) == 0;
    const auto level = [](const Plain& value) {
      const bool* known = std::get_if<bool>(&value);
      return !known ? 1 : *known ? 2 : 0;
    };
    const int result =
        conjunction ? std::min(level(a.value), level(b.value)) : std::max(level(a.value), level(b.value));
    return {"(" + a.text + (conjunction ? " and " : " or ") + b.text + ")", ValueType::boolean,
            result == 1 ? Plain() : Plain(result == 2)};
  }
  template <class T>
  static bool compared(std::size_t op, const T& a, const T& b) {
    const bool results[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    return results[op];
  }
  Tree comparison(int depth) {
    const ValueType type = random_type();
    const Tree a = grow(type, depth), b = grow(narrower(type), depth);
    const std::size_t op = pick(type == ValueType::boolean ? 2 : 6);
    const char* const names[] = {"==", "!=", "<", "<=", ">", ">="};
    Plain value;
    const bool known = a.value.index() != 0 && b.value.index() != 0;
    if (known && type == ValueType::floating) value = compared(op, *number(a.value), *number(b.value));
    else if (known) value = compared(op, a.value, b.value);
    return {"(" + a.text + " " + names[op] + " " + b.text + ")", ValueType::boolean, value};
  }

  std::mt19937_64 random_;
  std::vector<Plain> slots_;
};

TEST(ExpressionProperty, RandomExpressionsGiveWhatAPlainEvaluatorGives) {
  std::size_t known = 0;
  const Lists lists;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Grower grower(seed);
    const ValueType types[] = {ValueType::boolean, ValueType::integer, ValueType::floating, ValueType::text};
    const Tree tree = grower.grow(types[seed % 4], 1 + static_cast<int>(grower.pick(5)));
    if (tree.text.size() > 4096) continue;
    const auto expression = Expression::compile(tree.text, kSymbols, tree.type, {"random", 1, 1});
    ASSERT_TRUE(expression) << expression.error().text << "\n" << tree.text;
    const auto slots = grower.slots();
    const Value got = expression->evaluate(slots, lists);
    const Value expected = Grower::as_value(tree.value);
    ASSERT_EQ(got.type, expected.type) << "seed " << seed << ": " << tree.text;
    // Zeros of either sign are the same number.
    if (got.type == ValueType::floating) ASSERT_EQ(got.floating, expected.floating) << seed << ": " << tree.text;
    else if (got.type == ValueType::text) ASSERT_EQ(got.text_view(), expected.text_view()) << tree.text;
    else ASSERT_EQ(got, expected) << "seed " << seed << ": " << tree.text;
    known += got.is_null() ? 0 : 1;
  }
  EXPECT_GT(known, 10'000u) << "most of the expressions must say something";
}

TEST(ExpressionProperty, RandomGarbageIsRefusedWithAPlaceOrCompiles) {
  const char* const pieces[] = {
      "i0",     "f0", "b0", "t0",   "(",    ")",   "[",  "]",  ",",    " and ", " or ",      "not ",      "!",
      "-",      "+",  "*",  "/",    "%",    "<",   "<=", "==", "!=",   "in",    " in list ", "'x'",       "\"",
      "'",      "\\", "1",  "1.5",  "1e",   "10m", "0x", "_",  "null", "true",  "if(",       "coalesce(", "abs(",
      "lower(", "\n", "\t", "\xC3", "\xFF", "é",   "#",  "=",  "&&",   "||",    "."};
  std::mt19937_64 random(7);
  const Lists lists;
  Grower grower(7);
  const auto slots = grower.slots();
  std::size_t compiled = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    for (std::size_t length = random() % 12; length > 0; --length) {
      if (random() % 16 == 0) text += static_cast<char>(random());
      else text += pieces[random() % std::size(pieces)];
    }
    const auto expression = Expression::compile_any(text, kSymbols, {"garbage", 1, 1});
    if (expression) {
      expression->evaluate(slots, lists);
      ++compiled;
    } else {
      ASSERT_EQ(expression.error().kind, eventlog::ErrorKind::invalid);
      ASSERT_TRUE(expression.error().text.starts_with("garbage:")) << text;
    }
  }
  EXPECT_GT(compiled, 100u);
}

TEST(ExpressionProperty, EveryBytePrefixAndMutationOfAConditionIsSafe) {
  const std::string text =
      "if(t0 in ['a', \"b\"] && i0 % 3 != -1 or lower(t1) in list 'x', coalesce(f0, i1), 1_000.5e3) > min(1, 2, 10m)";
  ASSERT_TRUE(Expression::compile_any(text, kSymbols, {"f", 1, 1}));
  Grower grower(3);
  const auto slots = grower.slots();
  for (std::size_t i = 0; i < text.size(); ++i) {
    (void)Expression::compile_any(std::string_view(text).substr(0, i), kSymbols, {"f", 1, 1});
    for (int byte = 0; byte < 256; ++byte) {
      std::string mutated = text;
      mutated[i] = static_cast<char>(byte);
      const auto expression = Expression::compile_any(mutated, kSymbols, {"f", 1, 1});
      if (expression) expression->evaluate(slots, Lists{});
    }
  }
}

}  // namespace
}  // namespace vigil::rules::expression_property_test
