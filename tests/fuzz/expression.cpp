// The text of a condition or value. Input: a seed for the values it is run on (1 byte), then the text.
#include "rules/expression/expression.h"

#include <string>

#include "rules/expression/lists.h"
#include "rules/expression/transaction_fields.h"
#include "tests/fuzz/slots.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/toml_error.h"

namespace vigil::rules {
namespace {

using fuzz::require;

void run(const Expression& expression, const Expression& again, const Lists& lists, std::uint64_t seed) {
  const std::vector<Value> slots = fuzz::any_slots(transaction_symbols(), seed);
  const Value value = expression.evaluate(slots, lists);
  require(value.is_null() || value.type == expression.type(), "an expression gives its type or nothing");
  require(value == again.evaluate(slots, lists), "the same text and values, the same result");
  require(value == expression.evaluate(slots, lists), "an expression keeps nothing from one run to the next");
  if (expression.type() == ValueType::boolean) {
    require(expression.holds(slots, lists) == value.truth(), "a condition holds when its value is true");
  }
}

}  // namespace

VIGIL_FUZZ_TARGET(expression) {
  static const Lists lists = [] {
    Lists some;
    some.apply({"blocked", {"a", "customer-17"}, {}});
    return some;
  }();
  fuzz::Taker in(bytes);
  const std::uint64_t seed = in.take<std::uint8_t>();
  const std::string text(fuzz::text(in.rest()));
  const TextPlace place{"e.toml", 1, 1};
  const auto expression = Expression::compile_any(text, transaction_symbols(), place);
  if (!expression) return fuzz::check_toml_error(expression.error(), text, "e.toml");
  require(expression->text() == text, "an expression keeps its text");
  const auto again = Expression::compile(text, transaction_symbols(), expression->type(), place);
  require(again.has_value(), "an expression has the type that was found");
  for (std::uint64_t i = 0; i < 4; ++i) run(*expression, *again, i % 2 == 0 ? lists : Lists{}, seed * 4 + i);
}

}  // namespace vigil::rules
