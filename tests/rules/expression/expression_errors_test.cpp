#include <gtest/gtest.h>

#include <string>

#include "rules/expression/expression.h"
#include "rules/expression/limits.h"

namespace vigil::rules::expression_errors_test {
namespace {

const Symbols kSymbols{{"amount", ValueType::integer, 0},
                       {"amount_base", ValueType::integer, 1},
                       {"country", ValueType::text, 2},
                       {"is_night", ValueType::boolean, 3},
                       {"zscore", ValueType::floating, 4}};

std::string error_of(std::string_view text, ValueType wanted = ValueType::boolean) {
  const auto expression = Expression::compile(text, kSymbols, wanted, {"r.toml", 12, 9});
  return expression ? "compiles" : expression.error().text;
}

TEST(ExpressionErrors, NameThePlaceInTheFile) {
  EXPECT_EQ(error_of("is_night and speed > 3"), "r.toml:12:22: unknown name 'speed'");
  EXPECT_EQ(error_of("is_night\n  and speed > 3"), "r.toml:13:7: unknown name 'speed'");
  EXPECT_EQ(error_of("country == 'Zürich' and speed > 3"), "r.toml:12:33: unknown name 'speed'")
      << "columns count characters";
}

TEST(ExpressionErrors, UnknownNamesComeWithTheNearestKnownOne) {
  EXPECT_EQ(error_of("amont > 3"), "r.toml:12:9: unknown name 'amont'; did you mean 'amount'?");
  EXPECT_EQ(error_of("amount_bsae > 3"), "r.toml:12:9: unknown name 'amount_bsae'; did you mean 'amount_base'?");
  EXPECT_EQ(error_of("IsNight"), "r.toml:12:9: unknown name 'IsNight'; did you mean 'is_night'?");
  EXPECT_EQ(error_of("xyz > 3"), "r.toml:12:9: unknown name 'xyz'");
  EXPECT_EQ(error_of("colaesce(amount, 1) > 3"), "r.toml:12:9: unknown function 'colaesce'; did you mean 'coalesce'?");
  EXPECT_EQ(error_of("frobnicate(1) > 3"), "r.toml:12:9: unknown function 'frobnicate'");
  EXPECT_EQ(error_of("abs > 3"), "r.toml:12:9: 'abs' is a function: abs(number)");
}

TEST(ExpressionErrors, MalformedLiterals) {
  EXPECT_EQ(error_of("amount > 99999999999999999999"), "r.toml:12:18: the integer does not fit 64 bits");
  EXPECT_EQ(error_of("amount > 1e999"), "r.toml:12:18: the number does not fit a double");
  EXPECT_EQ(error_of("amount > 1.5h"), "r.toml:12:18: malformed number");
  EXPECT_EQ(error_of("amount > 10min"), "r.toml:12:20: unknown unit 'min' (durations end in us, ms, s, m, h, d or w)");
  EXPECT_EQ(error_of("amount > 1__0"), "r.toml:12:19: unknown unit '__0' (durations end in us, ms, s, m, h, d or w)");
  EXPECT_EQ(error_of("amount > 99999999999999d"), "r.toml:12:18: the duration does not fit 64 bits of microseconds");
  EXPECT_EQ(error_of("country == \"FR"), "r.toml:12:20: the text is not closed");
  EXPECT_EQ(error_of("country == 'F\\R'"), "r.toml:12:22: unknown escape (known are \\\\ \\\" \\' \\n \\t)");
}

TEST(ExpressionErrors, UnknownOperatorsComeWithTheRightOne) {
  EXPECT_EQ(error_of("amount = 3"), "r.toml:12:16: unknown operator '='; did you mean '=='?");
  EXPECT_EQ(error_of("amount <> 3"), "r.toml:12:16: unknown operator '<>'; did you mean '!='?");
  EXPECT_EQ(error_of("is_night & is_night"), "r.toml:12:18: unknown operator '&'; did you mean '&&'?");
  EXPECT_EQ(error_of("is_night | is_night"), "r.toml:12:18: unknown operator '|'; did you mean '||'?");
  EXPECT_EQ(error_of("amount ^ 2"), "r.toml:12:16: unexpected character '^'");
  EXPECT_EQ(error_of("amount × 2"), "r.toml:12:16: unexpected character outside of a text");
}

TEST(ExpressionErrors, MalformedSyntax) {
  EXPECT_EQ(error_of(""), "r.toml:12:9: the expression is empty");
  EXPECT_EQ(error_of("  \n "), "r.toml:12:9: the expression is empty");
  EXPECT_EQ(error_of("amount >"), "r.toml:12:17: expected a value, but the expression ends here");
  EXPECT_EQ(error_of("amount > )"), "r.toml:12:18: expected a value, got ')'");
  EXPECT_EQ(error_of("amount 3"), "r.toml:12:16: expected an operator or the end, got '3'");
  EXPECT_EQ(error_of("(amount > 3"), "r.toml:12:20: expected ')', but the expression ends here");
  EXPECT_EQ(error_of("is_night not"), "r.toml:12:18: expected an operator before 'not'");
  EXPECT_EQ(error_of("1 < amount < 3"), "r.toml:12:20: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("1 in [1] in [true]"), "r.toml:12:18: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("1 in [1] not in [true]"), "r.toml:12:18: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("amount == 1 in [true]"), "r.toml:12:21: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("amount == 1 not in [true]"), "r.toml:12:21: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("country in list 'a' == true"), "r.toml:12:29: comparisons do not chain; join them with 'and'");
  EXPECT_EQ(error_of("abs(amount 3)"), "r.toml:12:20: expected ',' or ')', got '3'");
  EXPECT_EQ(error_of("abs(amount,)"), "r.toml:12:20: expected a value, got ')'");
}

TEST(ExpressionErrors, MalformedSets) {
  EXPECT_EQ(error_of("country in 'FR'"), "r.toml:12:20: expected '[' or 'list', got ''FR''");
  EXPECT_EQ(error_of("country in []"), "r.toml:12:21: the set is empty");
  EXPECT_EQ(error_of("country in [FR]"), "r.toml:12:21: items are literals; did you mean \"FR\"?");
  EXPECT_EQ(error_of("country in [(1)]"), "r.toml:12:21: expected a literal, got '('");
  EXPECT_EQ(error_of("amount in [-amount]"), "r.toml:12:20: items are literals");
  EXPECT_EQ(error_of("country in ['FR' 'DE']"), "r.toml:12:26: expected ',' or ']', got ''DE''");
  EXPECT_EQ(error_of("country in ['FR', 3]"), "r.toml:12:27: the item must be text like what is sought, got integer");
  EXPECT_EQ(error_of("country in list blocked"), "r.toml:12:25: expected the list's name in quotes, got 'blocked'");
  EXPECT_EQ(error_of("country in list ''"), "r.toml:12:17: the list's name is empty");
  EXPECT_EQ(error_of("amount in list 'a'"), "r.toml:12:16: lists hold texts, but integer is sought");
  EXPECT_EQ(error_of("null in [1]"), "r.toml:12:14: null is in no set; use is_null(x)");
}

TEST(ExpressionErrors, TypesThatDoNotFit) {
  EXPECT_EQ(error_of("country + 1 > 2"), "r.toml:12:17: '+' needs numbers on both sides, got text and integer");
  EXPECT_EQ(error_of("zscore % 2 == 0"), "r.toml:12:16: '%' needs integers on both sides, got floating and integer");
  EXPECT_EQ(error_of("country > 3"), "r.toml:12:17: '>' needs the same type on both sides, got text and integer");
  EXPECT_EQ(error_of("is_night < true"),
            "r.toml:12:18: '<' needs numbers or texts on both sides, got boolean and boolean");
  EXPECT_EQ(error_of("amount == null"), "r.toml:12:16: a comparison with null is always null; use is_null(x)");
  EXPECT_EQ(error_of("amount and is_night"),
            "r.toml:12:16: 'and' needs booleans on both sides, got integer and boolean");
  EXPECT_EQ(error_of("not amount"), "r.toml:12:9: 'not' needs a boolean, got integer");
  EXPECT_EQ(error_of("-country == 1"), "r.toml:12:9: '-' needs a number, got text");
  EXPECT_EQ(error_of("hour(country) > 3"), "r.toml:12:14: argument 1 of 'hour' must be an integer, got text");
  EXPECT_EQ(error_of("min(1, 2, country) > 3"), "r.toml:12:19: argument 3 of 'min' must be a number, got text");
  EXPECT_EQ(error_of("contains(country, 3)"), "r.toml:12:27: argument 2 of 'contains' must be a text, got integer");
  EXPECT_EQ(error_of("if(amount, 1, 2) > 0"), "r.toml:12:12: argument 1 of 'if' must be a boolean, got integer");
  EXPECT_EQ(error_of("if(is_night, 1, country) > 0"),
            "r.toml:12:25: 'if' needs one type for all its values, got integer and text");
  EXPECT_EQ(error_of("abs()"), "r.toml:12:9: 'abs' got 0 arguments, but is abs(number)");
  EXPECT_EQ(error_of("hour(1, 2) > 0"), "r.toml:12:9: 'hour' got 2 arguments, but is hour(time)");
  EXPECT_EQ(error_of("min(1) > 0"), "r.toml:12:9: 'min' got 1 argument, but is min(a, b, …)");
}

TEST(ExpressionErrors, ResultsThatAreNotWhatIsWanted) {
  EXPECT_EQ(error_of("amount + 1"), "r.toml:12:9: the value must be boolean, but is integer");
  EXPECT_EQ(error_of("zscore", ValueType::integer), "r.toml:12:9: the value must be integer, but is floating");
  EXPECT_EQ(error_of("null"), "r.toml:12:9: the value is always null");
  EXPECT_EQ(error_of("lower(country)", ValueType::text),
            "r.toml:12:9: the result of 'lower' can be compared, not returned");
  EXPECT_EQ(error_of("coalesce(if(is_night, country, lower(country)), 'x')", ValueType::text),
            "r.toml:12:9: the result of 'lower' can be compared, not returned");
}

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

TEST(ExpressionErrors, LengthIsLimited) {
  const std::string fits = "is_night" + std::string(kExpressionBytesMax - 8, ' ');
  EXPECT_EQ(error_of(fits), "compiles");
  EXPECT_EQ(error_of(fits + " "), "r.toml:12:9: the expression is longer than 4096 bytes");
}

TEST(ExpressionErrors, DepthIsLimited) {
  const std::size_t most = kExpressionDepthMax - 1;
  EXPECT_EQ(error_of(repeated("(", most) + "is_night" + repeated(")", most)), "compiles");
  EXPECT_NE(
      error_of(repeated("(", most + 1) + "is_night" + repeated(")", most + 1)).find("nested deeper than 64 levels"),
      std::string::npos);
  EXPECT_EQ(error_of(repeated("not ", most) + "is_night"), "compiles");
  EXPECT_NE(error_of(repeated("not ", most + 1) + "is_night").find("nested deeper than 64 levels"), std::string::npos);
  EXPECT_EQ(error_of("is_night" + repeated(" and is_night", most)), "compiles");
  EXPECT_NE(error_of("is_night" + repeated(" and is_night", most + 1)).find("nested deeper than 64 levels"),
            std::string::npos);
  EXPECT_NE(error_of(repeated("-", 4000) + "1").find("nested deeper"), std::string::npos);
}

TEST(ExpressionErrors, TheDeepestCallsHaveRoom) {
  // Each level keeps three arguments while it works on the fourth.
  const std::size_t levels = kExpressionDepthMax - 1;
  EXPECT_EQ(error_of(repeated("distance_km(1,1,1,", levels) + "1" + repeated(")", levels), ValueType::floating),
            "compiles");
}

TEST(ExpressionErrors, ArgumentsItemsAndLowerCallsAreLimited) {
  EXPECT_EQ(error_of("min(1" + repeated(",1", kArgumentsMax - 1) + ") > 0"), "compiles");
  EXPECT_EQ(error_of("min(1" + repeated(",1", kArgumentsMax) + ") > 0"), "r.toml:12:29: more than 8 arguments");
  EXPECT_EQ(error_of("amount in [1" + repeated(",1", kSetItemsMax - 1) + "]"), "compiles");
  EXPECT_NE(error_of("amount in [1" + repeated(",1", kSetItemsMax) + "]").find("more than 256 items; use a list"),
            std::string::npos);
  const std::string lower = " or lower(country) == 'a'";
  EXPECT_EQ(error_of("is_night" + repeated(lower, kLowerCallsMax)), "compiles");
  EXPECT_NE(error_of("is_night" + repeated(lower, kLowerCallsMax + 1)).find("more than 16 calls of 'lower'"),
            std::string::npos);
}

}  // namespace
}  // namespace vigil::rules::expression_errors_test
