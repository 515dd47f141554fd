// Guards only save work: a condition holds with them exactly when its whole program gives true.
#include "rules/expression/guard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace vigil::rules::guard_test {
namespace {

const Symbols kSymbols{{"i0", ValueType::integer, 0},  {"i1", ValueType::integer, 1}, {"f0", ValueType::floating, 2},
                       {"f1", ValueType::floating, 3}, {"b0", ValueType::boolean, 4}, {"b1", ValueType::boolean, 5},
                       {"t0", ValueType::text, 6},     {"t1", ValueType::text, 7}};

Expression condition(const std::string& text) {
  auto compiled = Expression::compile(text, kSymbols, ValueType::boolean, {"guard", 1, 1});
  if (!compiled) throw std::runtime_error(compiled.error().text + "\n" + text);
  return std::move(*compiled);
}

Lists lists_with(std::initializer_list<std::string_view> entries) {
  Lists lists;
  lists.apply({"listed", {entries}, {}});
  return lists;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}

  std::size_t pick(std::size_t count) { return random_() % count; }
  template <class T, std::size_t N>
  const T& of(const T (&items)[N]) {
    return items[pick(N)];
  }

  // Mostly of the symbol's type, sometimes null or of another type.
  Value value(ValueType type) {
    if (pick(6) == 0) return Value::null();
    if (pick(12) == 0) type = static_cast<ValueType>(pick(5));
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static constexpr std::int64_t kIntegers[] = {
        0, 1, -1, 2, 3, 5, -5, 10, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1, (1ll << 53) + 1, 1ll << 53};
    static constexpr double kFloatings[] = {0.0,
                                            -0.0,
                                            1,
                                            -1,
                                            2.5,
                                            3,
                                            5,
                                            10,
                                            5e-324,
                                            -5e-324,
                                            kInfinity,
                                            -kInfinity,
                                            std::numeric_limits<double>::max(),
                                            std::nan(""),
                                            0x1p53,
                                            0x1p63};
    static constexpr std::string_view kTexts[] = {"", "a", "ab", "listed", "other"};
    switch (type) {
      case ValueType::null: return Value::null();
      case ValueType::boolean: return Value::boolean(pick(2) == 0);
      case ValueType::integer: return Value::of(of(kIntegers));
      case ValueType::floating: return Value::of(of(kFloatings));
      case ValueType::text: return Value::of(of(kTexts));
    }
    return Value::null();
  }

  std::string number() {
    static constexpr std::string_view kNumbers[] = {"0",
                                                    "1",
                                                    "-1",
                                                    "2",
                                                    "3",
                                                    "5",
                                                    "10",
                                                    "2.5",
                                                    "-0.0",
                                                    "1h / 1s",
                                                    "(2 + 3)",
                                                    "min(5, 7.5)",
                                                    "9223372036854775807",
                                                    "-9223372036854775807 - 1",
                                                    "9007199254740993",
                                                    "1 / 0",
                                                    "5 % 0",
                                                    "if(true, 3, 2.5)",
                                                    "1.7976931348623157e308",
                                                    "round(2.5)"};
    return std::string(of(kNumbers));
  }
  std::string comparison() {
    static constexpr std::string_view kOps[] = {"==", "!=", "<", "<=", ">", ">="};
    static constexpr std::string_view kNames[] = {"i0", "i1", "f0", "f1"};
    const std::string op = " " + std::string(of(kOps)) + " ";
    const std::string name(of(kNames));
    switch (pick(4)) {
      case 0: return number() + op + name;
      case 1: return name + op + std::string(of(kNames)) + " * 2";
      default: return name + op + number();
    }
  }
  std::string leaf() {
    static constexpr std::string_view kLeaves[] = {"b0",
                                                   "b1",
                                                   "b0 == true",
                                                   "false != b1",
                                                   "b0 == (1 < 2)",
                                                   "t0 == 'ab'",
                                                   "'a' != t1",
                                                   "t0 == t1",
                                                   "t0 != t1",
                                                   "t0 < 'b'",
                                                   "t0 in list 'listed'",
                                                   "t1 not in list 'listed'",
                                                   "t1 in list 'absent'",
                                                   "lower(t0) in list 'listed'",
                                                   "'a' in list 'listed'",
                                                   "t0 == lower('AB')",
                                                   "is_null(i0)",
                                                   "i0 in [1, 2, 5]",
                                                   "true",
                                                   "coalesce(b0, b1)"};
    return pick(3) == 0 ? std::string(of(kLeaves)) : comparison();
  }
  std::string tree(int depth) {
    if (depth == 0) return leaf();
    switch (pick(8)) {
      case 0: return leaf();
      case 1: return "not (" + tree(depth - 1) + ")";
      case 2: return "(" + tree(depth - 1) + " or " + tree(depth - 1) + ")";
      default: return "(" + tree(depth - 1) + " and " + tree(depth - 1) + ")";
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(Guard, RandomConditionsHoldExactlyWhenTheirProgramGivesTrue) {
  const Lists empty, some = lists_with({"a", "listed"});
  std::size_t held = 0, complete = 0, guards = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Random random(seed);
    const std::string text = random.tree(static_cast<int>(random.pick(4)));
    const Expression tested = condition(text);
    complete += tested.guards().complete ? 1 : 0;
    guards += tested.guards().all.size();
    for (int round = 0; round < 20; ++round) {
      std::vector<Value> slots;
      for (const Symbol& symbol : kSymbols) slots.push_back(random.value(symbol.type));
      const Lists& lists = random.pick(2) == 0 ? empty : some;
      const bool expected = tested.evaluate(slots, lists).truth();
      ASSERT_EQ(tested.holds(slots, lists), expected) << "seed " << seed << ", round " << round << ": " << text;
      held += expected ? 1 : 0;
    }
  }
  EXPECT_GT(held, 40'000u) << "many conditions must hold";
  EXPECT_GT(complete, 5'000u) << "many must be decided by guards alone";
  EXPECT_GT(guards, 20'000u);
}

// Every operator against every edge of its constant, on both sides.
TEST(Guard, ComparisonsWithConstantsAreExactAtTheirEdges) {
  Random random(1);
  for (const char* name : {"i0", "f0"}) {
    for (const char* op : {"==", "!=", "<", "<=", ">", ">="}) {
      for (int constant = 0; constant < 40; ++constant) {
        const std::string number = random.number();
        for (const std::string& text : {std::string(name) + op + number, number + op + name}) {
          const Expression tested = condition(text);
          const Expression negated = condition("not (" + text + ")");
          for (int round = 0; round < 60; ++round) {
            std::vector<Value> slots(kSymbols.size());
            slots[0] = random.value(ValueType::integer);
            slots[2] = random.value(ValueType::floating);
            ASSERT_EQ(tested.holds(slots, {}), tested.evaluate(slots, {}).truth()) << text;
            ASSERT_EQ(negated.holds(slots, {}), negated.evaluate(slots, {}).truth()) << "not " << text;
          }
        }
      }
    }
  }
}

TEST(Guard, PlainConjunctionsNeedNoProgram) {
  for (const char* text : {"i0 >= 5", "5 > f0 and b0", "not b1 and i0 < 1h / 1s", "t0 != t1 and t0 == 'x'",
                           "t0 in list 'a' and not (t1 in list 'b')", "i0 > 1 and (f0 < 2 and not (not b0))"}) {
    EXPECT_TRUE(condition(text).guards().complete) << text;
  }
  for (const char* text : {"i0 > 2 * i1", "i0 % 5 == 0", "b0 or b1", "is_null(t0)", "i0 < 1 / 0", "t0 < 'b'"}) {
    EXPECT_FALSE(condition(text).guards().complete) << text;
  }
}

TEST(Guard, ConjunctsBehindOthersAreGuardsToo) {
  const Expression tested = condition("i0 > 2 * i1 and f0 >= 1.5 and i1 % 3 == 0 and not b0");
  EXPECT_EQ(tested.guards().all.size(), 2u);
  EXPECT_FALSE(tested.guards().complete);
}

TEST(Guard, ListsAreNeededUnlessSomethingElseCanMakeItTrue) {
  EXPECT_EQ(condition("t0 in list 'a' or lower(t1) in list 'a'").guards().all.size(), 1u);
  EXPECT_EQ(condition("t0 in list 'a' or b0").guards().all.size(), 0u);
  EXPECT_TRUE(condition("t0 in list 'listed' or t1 in list 'listed'")
                  .holds(std::vector<Value>{{}, {}, {}, {}, {}, {}, {}, Value::of("a")}, lists_with({"a"})));
}

TEST(Guard, ValuesThatAreNoConditionsHaveNone) {
  const auto sum = Expression::compile_any("i0 + i1", kSymbols, {"guard", 1, 1});
  ASSERT_TRUE(sum);
  EXPECT_TRUE(sum->guards().all.empty());
  EXPECT_FALSE(sum->guards().complete);
}

TEST(GuardDeathTest, TooFewSlotsEndTheProcess) {
  const Expression tested = condition("i1 > 3");
  const std::vector<Value> one(1);
  EXPECT_DEATH((void)tested.holds(one, {}), "");
}

}  // namespace
}  // namespace vigil::rules::guard_test
