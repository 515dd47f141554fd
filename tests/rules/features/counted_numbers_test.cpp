#include "rules/features/counted_numbers.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace vigil::rules::counted_numbers_test {
namespace {

TEST(CountedNumbers, AgreesWithAMap) {
  for (const unsigned range : {20u, 300u, 5000u}) {
    std::mt19937 random(range);
    CountedNumbers counted;
    std::map<std::uint32_t, int> expected;
    for (int step = 0; step < 30'000; ++step) {
      const std::uint32_t number = 1 + random() % range;
      if (expected.contains(number) && random() % 2 == 0) {
        counted.remove(number);
        if (--expected[number] == 0) expected.erase(number);
      } else {
        counted.add(number);
        ++expected[number];
      }
      const std::uint32_t asked = 1 + random() % range;
      ASSERT_EQ(counted.contains(asked), expected.contains(asked));
      ASSERT_EQ(counted.distinct(), expected.size());
    }
  }
}

TEST(CountedNumbersDeathTest, RemovingWhatIsNotThereEndsTheProcess) {
  CountedNumbers counted;
  counted.add(1);
  EXPECT_DEATH(counted.remove(2), "only counted numbers are removed");
}

}  // namespace
}  // namespace vigil::rules::counted_numbers_test
