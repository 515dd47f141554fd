#include "rules/expression/expression.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "rules/expression/limits.h"
#include "rules/expression/lists.h"

namespace vigil::rules::expression_test {
namespace {

const Symbols kSymbols{
    {"i", ValueType::integer, 0},   {"j", ValueType::integer, 1},  {"f", ValueType::floating, 2},
    {"g", ValueType::floating, 3},  {"t", ValueType::text, 4},     {"u", ValueType::text, 5},
    {"yes", ValueType::boolean, 6}, {"no", ValueType::boolean, 7}, {"ni", ValueType::integer, 8},
    {"nf", ValueType::floating, 9}, {"nt", ValueType::text, 10},   {"nb", ValueType::boolean, 11},
};
const TextPlace kPlace{"rules.toml", 1, 1};

std::array<Value, 12> slots() {
  return {Value::of(std::int64_t{7}),
          Value::of(std::int64_t{-3}),
          Value::of(2.5),
          Value::of(-0.5),
          Value::of(std::string_view("Paris")),
          Value::of(std::string_view("")),
          Value::boolean(true),
          Value::boolean(false),
          Value::null(),
          Value::null(),
          Value::null(),
          Value::null()};
}

Lists some_lists() {
  Lists lists;
  eventlog::ListUpdated event;
  event.list = "cities";
  event.added = {"Paris", "Rome"};
  lists.apply(event);
  return lists;
}

// What the expression gives, as people would write it.
std::string value_of(std::string_view text) {
  const auto expression = Expression::compile_any(text, kSymbols, kPlace);
  if (!expression) return expression.error().text;
  const auto values = slots();
  const Value value = expression->evaluate(values, some_lists());
  switch (value.type) {
    case ValueType::null: return "null";
    case ValueType::boolean: return value.integer != 0 ? "true" : "false";
    case ValueType::integer: return std::to_string(value.integer);
    case ValueType::floating: return std::to_string(value.floating);
    case ValueType::text: return '"' + std::string(value.text_view()) + '"';
  }
  return "";
}

TEST(Expression, LiteralsOfEveryKind) {
  EXPECT_EQ(value_of("1_000_000"), "1000000");
  EXPECT_EQ(value_of("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(value_of("1_0.2_5"), "10.250000");
  EXPECT_EQ(value_of(".5"), "0.500000");
  EXPECT_EQ(value_of("25e-1"), "2.500000");
  EXPECT_EQ(value_of("1E+2"), "100.000000");
  EXPECT_EQ(value_of("true"), "true");
  EXPECT_EQ(value_of("false"), "false");
  EXPECT_EQ(value_of("\"a\\\"b\\\\c\\n\\t\""), "\"a\"b\\c\n\t\"");
  EXPECT_EQ(value_of("'it\\'s'"), "\"it's\"");
  EXPECT_EQ(value_of("'Zürich'"), "\"Zürich\"");
}

TEST(Expression, DurationsAreMicroseconds) {
  EXPECT_EQ(value_of("3us"), "3");
  EXPECT_EQ(value_of("3ms"), "3000");
  EXPECT_EQ(value_of("90s"), "90000000");
  EXPECT_EQ(value_of("10m"), "600000000");
  EXPECT_EQ(value_of("24h"), "86400000000");
  EXPECT_EQ(value_of("1_0d"), "864000000000");
  EXPECT_EQ(value_of("1w"), "604800000000");
  EXPECT_EQ(value_of("90d / 1s"), "7776000.000000");
}

TEST(Expression, ArithmeticOnIntegersStaysInteger) {
  EXPECT_EQ(value_of("i + j"), "4");
  EXPECT_EQ(value_of("i - j"), "10");
  EXPECT_EQ(value_of("i * j"), "-21");
  EXPECT_EQ(value_of("i % 4"), "3");
  EXPECT_EQ(value_of("j % 2"), "-1");
  EXPECT_EQ(value_of("mod(i, 4)"), "3");
  EXPECT_EQ(value_of("-i"), "-7");
  EXPECT_EQ(value_of("--i"), "7");
}

TEST(Expression, MixedArithmeticIsFloating) {
  EXPECT_EQ(value_of("i + f"), "9.500000");
  EXPECT_EQ(value_of("f - i"), "-4.500000");
  EXPECT_EQ(value_of("i * g"), "-3.500000");
  EXPECT_EQ(value_of("i / 2"), "3.500000");
  EXPECT_EQ(value_of("f / g"), "-5.000000");
  EXPECT_EQ(value_of("-f"), "-2.500000");
}

TEST(Expression, WhatDoesNotFitIsNull) {
  EXPECT_EQ(value_of("9223372036854775807 + 1"), "null");
  EXPECT_EQ(value_of("-9223372036854775807 - 2"), "null");
  EXPECT_EQ(value_of("9223372036854775807 * 2"), "null");
  EXPECT_EQ(value_of("-(-9223372036854775807 - 1)"), "null");
  EXPECT_EQ(value_of("abs(-9223372036854775807 - 1)"), "null");
  EXPECT_EQ(value_of("i / 0"), "null");
  EXPECT_EQ(value_of("0 / 0"), "null");
  EXPECT_EQ(value_of("i % 0"), "null");
  EXPECT_EQ(value_of("(-9223372036854775807 - 1) % -1"), "0");
  EXPECT_EQ(value_of("1e308 * 10"), "null");
  EXPECT_EQ(value_of("sqrt(g)"), "null");
  EXPECT_EQ(value_of("round(1e300)"), "null");
  EXPECT_EQ(value_of("floor(-1e300)"), "null");
}

TEST(Expression, ComparisonsOfEveryType) {
  EXPECT_EQ(value_of("i > j"), "true");
  EXPECT_EQ(value_of("i >= 7"), "true");
  EXPECT_EQ(value_of("i < 7"), "false");
  EXPECT_EQ(value_of("i <= 7"), "true");
  EXPECT_EQ(value_of("i == 7"), "true");
  EXPECT_EQ(value_of("i != 7"), "false");
  EXPECT_EQ(value_of("f > i"), "false");
  EXPECT_EQ(value_of("f >= 2.5"), "true");
  EXPECT_EQ(value_of("f < 2.5"), "false");
  EXPECT_EQ(value_of("g <= i"), "true");
  EXPECT_EQ(value_of("f == 2.5"), "true");
  EXPECT_EQ(value_of("f != 2"), "true");
  EXPECT_EQ(value_of("t == 'Paris'"), "true");
  EXPECT_EQ(value_of("t != 'paris'"), "true");
  EXPECT_EQ(value_of("t < 'Rome'"), "true");
  EXPECT_EQ(value_of("t <= 'Paris'"), "true");
  EXPECT_EQ(value_of("t > u"), "true");
  EXPECT_EQ(value_of("u >= t"), "false");
  EXPECT_EQ(value_of("yes == no"), "false");
  EXPECT_EQ(value_of("yes != no"), "true");
}

TEST(Expression, PrecedenceIsThatOfArithmeticThenComparisonThenLogic) {
  EXPECT_EQ(value_of("1 + 2 * 3"), "7");
  EXPECT_EQ(value_of("(1 + 2) * 3"), "9");
  EXPECT_EQ(value_of("10 - 3 - 2"), "5");
  EXPECT_EQ(value_of("2 * 3 % 4"), "2");
  EXPECT_EQ(value_of("1 + 1 == 2 and 3 > 2"), "true");
  EXPECT_EQ(value_of("yes or no and no"), "true");
  EXPECT_EQ(value_of("(yes or no) and no"), "false");
  EXPECT_EQ(value_of("not no and no"), "false");
  EXPECT_EQ(value_of("not i == 7"), "false");
  EXPECT_EQ(value_of("!(yes && no) || no"), "true");
  EXPECT_EQ(value_of("yes == not no"), "true");
  EXPECT_EQ(value_of("-2 * -3"), "6");
  EXPECT_EQ(value_of("1 - -1"), "2");
}

TEST(Expression, LogicIsThreeValued) {
  const std::array<std::pair<const char*, const char*>, 3> operands{{{"yes", "true"}, {"no", "false"}, {"nb", "null"}}};
  const char* const conjunction[3][3] = {
      {"true", "false", "null"}, {"false", "false", "false"}, {"null", "false", "null"}};
  const char* const disjunction[3][3] = {{"true", "true", "true"}, {"true", "false", "null"}, {"true", "null", "null"}};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      const std::string left = operands[a].first, right = operands[b].first;
      EXPECT_EQ(value_of(left + " and " + right), conjunction[a][b]) << left << ' ' << right;
      EXPECT_EQ(value_of(left + " or " + right), disjunction[a][b]) << left << ' ' << right;
    }
  }
  EXPECT_EQ(value_of("not yes"), "false");
  EXPECT_EQ(value_of("not no"), "true");
  EXPECT_EQ(value_of("not nb"), "null");
}

TEST(Expression, NullsSpreadThroughArithmeticComparisonAndFunctions) {
  for (const char* text : {"ni + 1",
                           "1 - ni",
                           "nf * 2",
                           "ni / 2",
                           "ni % 2",
                           "-ni",
                           "-nf",
                           "ni > 1",
                           "ni == ni",
                           "nt == 'a'",
                           "nb == yes",
                           "nf < 1",
                           "ni in [1]",
                           "nt in ['a']",
                           "nf in [1.5]",
                           "nb in [true]",
                           "nt in list 'cities'",
                           "abs(ni)",
                           "abs(nf)",
                           "min(ni, 1)",
                           "max(1, nf)",
                           "min(1, 2, ni)",
                           "round(nf)",
                           "floor(nf)",
                           "sqrt(nf)",
                           "mod(ni, 2)",
                           "hour(ni)",
                           "weekday(ni)",
                           "starts_with(nt, 'a')",
                           "ends_with('a', nt)",
                           "contains(nt, 'a')",
                           "lower(nt) == 'a'",
                           "distance_km(1, 2, nf, 3)",
                           "coalesce(ni, ni)",
                           "if(yes, ni, 1)"}) {
    EXPECT_EQ(value_of(text), "null") << text;
  }
}

TEST(Expression, NullsAreCaughtByIsNullCoalesceAndIf) {
  EXPECT_EQ(value_of("is_null(ni)"), "true");
  EXPECT_EQ(value_of("is_null(i)"), "false");
  EXPECT_EQ(value_of("is_null(nt)"), "true");
  EXPECT_EQ(value_of("is_null(yes)"), "false");
  EXPECT_EQ(value_of("is_null(f)"), "false");
  EXPECT_EQ(value_of("is_null(i / 0)"), "true");
  EXPECT_EQ(value_of("coalesce(ni, i)"), "7");
  EXPECT_EQ(value_of("coalesce(ni, nf, 3)"), "3.000000");
  EXPECT_EQ(value_of("coalesce(null, 'x')"), "\"x\"");
  EXPECT_EQ(value_of("coalesce(t, nt)"), "\"Paris\"");
  EXPECT_EQ(value_of("if(nb, 1, 2)"), "2") << "a null condition does not hold";
  EXPECT_EQ(value_of("if(no, 1, null)"), "null");
}

TEST(Expression, IfTakesTheTypeOfBothBranches) {
  EXPECT_EQ(value_of("if(yes, 1, 2)"), "1");
  EXPECT_EQ(value_of("if(no, 1, 2.5)"), "2.500000");
  EXPECT_EQ(value_of("if(yes, i, 2.5)"), "7.000000");
  EXPECT_EQ(value_of("if(i > 5, t, 'small')"), "\"Paris\"");
  EXPECT_EQ(value_of("1 + if(no, 10, if(yes, 20, 30)) * 2"), "41");
}

TEST(Expression, FunctionsOnNumbers) {
  EXPECT_EQ(value_of("abs(j)"), "3");
  EXPECT_EQ(value_of("abs(g)"), "0.500000");
  EXPECT_EQ(value_of("min(i, j, 0)"), "-3");
  EXPECT_EQ(value_of("max(i, f, 1, 2, 3, 4, 5, 6)"), "7.000000");
  EXPECT_EQ(value_of("min(f, 1)"), "1.000000");
  EXPECT_EQ(value_of("round(2.5)"), "3");
  EXPECT_EQ(value_of("round(-2.5)"), "-3");
  EXPECT_EQ(value_of("round(0.49999999999999994)"), "0");
  EXPECT_EQ(value_of("round(i)"), "7");
  EXPECT_EQ(value_of("floor(-0.5)"), "-1");
  EXPECT_EQ(value_of("floor(2.9)"), "2");
  EXPECT_EQ(value_of("sqrt(16)"), "4.000000");
}

TEST(Expression, FunctionsOnTextsCompareBytes) {
  EXPECT_EQ(value_of("starts_with(t, 'Pa')"), "true");
  EXPECT_EQ(value_of("starts_with(t, 'pa')"), "false");
  EXPECT_EQ(value_of("ends_with(t, 'is')"), "true");
  EXPECT_EQ(value_of("ends_with('is', t)"), "false");
  EXPECT_EQ(value_of("contains(t, 'ari')"), "true");
  EXPECT_EQ(value_of("contains(t, '')"), "true");
  EXPECT_EQ(value_of("contains(u, 'a')"), "false");
  EXPECT_EQ(value_of("lower(t) == 'paris'"), "true");
  EXPECT_EQ(value_of("lower('ÀB') == 'Àb'"), "true") << "ASCII letters alone";
  EXPECT_EQ(value_of("lower(t) == lower('PARIS') and lower('Q') != lower(t)"), "true");
  EXPECT_EQ(value_of("if(yes, lower(t), 'x') in ['paris']"), "true");
}

TEST(Expression, LowerOfATextLongerThanItsRoomIsNull) {
  const std::string fits(kLowerBytesMax, 'A');
  EXPECT_EQ(value_of("lower('" + fits + "') == 'b'"), "false");
  EXPECT_EQ(value_of("lower('" + fits + "A') == 'b'"), "null");
}

TEST(Expression, FunctionsOnTimeAreUtc) {
  EXPECT_EQ(value_of("hour(0)"), "0");
  EXPECT_EQ(value_of("hour(-1)"), "23");
  EXPECT_EQ(value_of("hour(23h + 59m)"), "23");
  EXPECT_EQ(value_of("weekday(0)"), "4") << "1970-01-01 was a Thursday";
  EXPECT_EQ(value_of("weekday(-1)"), "3");
  EXPECT_EQ(value_of("weekday(4d)"), "1");
  EXPECT_EQ(value_of("weekday(3d)"), "7");
}

TEST(Expression, DistanceNeedsRealPlaces) {
  EXPECT_EQ(value_of("round(distance_km(48.8566, 2.3522, 51.5074, -0.1278))"), "344") << "Paris to London";
  EXPECT_EQ(value_of("distance_km(1, 1, 1, 1)"), "0.000000");
  EXPECT_EQ(value_of("distance_km(91, 0, 0, 0)"), "null");
  EXPECT_EQ(value_of("distance_km(0, 0, 0, -180.5)"), "null");
  EXPECT_EQ(value_of("distance_km(min(1, 2), max(1, 2), 1 + 0, i - 5) < 0.001"), "true");
}

TEST(Expression, MembershipInSetsOfLiterals) {
  EXPECT_EQ(value_of("t in ['Rome', 'Paris', 'Oslo']"), "true");
  EXPECT_EQ(value_of("t in ['Rome']"), "false");
  EXPECT_EQ(value_of("t not in ['Rome']"), "true");
  EXPECT_EQ(value_of("not t in ['Rome']"), "true");
  EXPECT_EQ(value_of("i in [9, 8, 7]"), "true");
  EXPECT_EQ(value_of("j in [3, -3]"), "true");
  EXPECT_EQ(value_of("i in [7.5, 7.0]"), "true");
  EXPECT_EQ(value_of("f in [2, 3]"), "false");
  EXPECT_EQ(value_of("yes in [false]"), "false");
  EXPECT_EQ(value_of("i + 3 in [10] and yes"), "true");
}

TEST(Expression, MembershipInNamedLists) {
  EXPECT_EQ(value_of("t in list \"cities\""), "true");
  EXPECT_EQ(value_of("u in list 'cities'"), "false");
  EXPECT_EQ(value_of("t not in list 'cities'"), "false");
  EXPECT_EQ(value_of("t in list 'never updated'"), "false");
}

TEST(Expression, KnowsTheListsAndSlotsItReads) {
  const auto expression =
      Expression::compile_any("t in list 'b' or u in list 'a' or t in list 'b' and i > 0", kSymbols, kPlace);
  ASSERT_TRUE(expression) << expression.error().text;
  EXPECT_EQ(expression->lists_used(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(expression->slots_used(), (std::vector<std::size_t>{0, 4, 5}));
  EXPECT_EQ(expression->type(), ValueType::boolean);
  EXPECT_EQ(expression->text(), "t in list 'b' or u in list 'a' or t in list 'b' and i > 0");
}

TEST(Expression, AnIntegerIsConvertedWhereFloatingIsWanted) {
  const auto values = slots();
  for (const char* text : {"i", "7", "i + 0", "coalesce(ni, 7)"}) {
    const auto expression = Expression::compile(text, kSymbols, ValueType::floating, kPlace);
    ASSERT_TRUE(expression) << expression.error().text;
    EXPECT_EQ(expression->type(), ValueType::floating);
    EXPECT_EQ(expression->evaluate(values, Lists{}), Value::of(7.0)) << text;
  }
}

TEST(Expression, AConditionThatIsNullDoesNotHold) {
  const auto values = slots();
  const auto expression = Expression::compile("ni > 3", kSymbols, ValueType::boolean, kPlace);
  ASSERT_TRUE(expression);
  EXPECT_FALSE(expression->holds(values, Lists{}));
}

TEST(Expression, ASlotOfAnotherTypeCountsAsNull) {
  auto values = slots();
  values[0] = Value::of(std::string_view("seven"));
  values[2] = Value::of(std::int64_t{2});  // an integer is a number
  const auto evaluate = [&](const char* text) {
    return Expression::compile_any(text, kSymbols, kPlace)->evaluate(values, Lists{});
  };
  EXPECT_TRUE(evaluate("i").is_null());
  EXPECT_TRUE(evaluate("i + 1").is_null());
  EXPECT_EQ(evaluate("is_null(i)"), Value::boolean(true));
  EXPECT_EQ(evaluate("f"), Value::of(2.0));
  EXPECT_EQ(evaluate("f * 2"), Value::of(4.0));
}

TEST(ExpressionDeathTest, SlotsThatDoNotCoverTheSymbolsAbort) {
  const auto expression = Expression::compile_any("nb", kSymbols, kPlace);
  const std::array<Value, 11> short_slots{};
  EXPECT_DEATH(expression->evaluate(short_slots, Lists{}), "");
}

}  // namespace
}  // namespace vigil::rules::expression_test
