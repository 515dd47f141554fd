#include "rules/expression/lists.h"

#include <gtest/gtest.h>

#include <string>

namespace vigil::rules {
namespace {

Lists& update(Lists& lists, std::string_view list, std::vector<std::string_view> added,
              std::vector<std::string_view> removed = {}) {
  lists.apply({list, std::move(added), std::move(removed)});
  return lists;
}

TEST(Lists, AListNobodyUpdatedIsEmpty) { EXPECT_FALSE(Lists{}.contains("blocked", "c1")); }

TEST(Lists, AddsAndRemoves) {
  Lists lists;
  update(lists, "blocked", {"c2", "c1"});
  EXPECT_TRUE(lists.contains("blocked", "c1"));
  EXPECT_TRUE(lists.contains("blocked", "c2"));
  EXPECT_FALSE(lists.contains("blocked", "c3"));
  EXPECT_FALSE(lists.contains("trusted", "c1"));
  update(lists, "blocked", {}, {"c1", "never there"});
  EXPECT_FALSE(lists.contains("blocked", "c1"));
  EXPECT_TRUE(lists.contains("blocked", "c2"));
}

TEST(Lists, RemovesBeforeItAdds) {
  Lists lists;
  update(lists, "blocked", {"c1"}, {"c1"});
  EXPECT_TRUE(lists.contains("blocked", "c1"));
  update(lists, "blocked", {"c1"}, {"c1"});
  EXPECT_TRUE(lists.contains("blocked", "c1"));
}

TEST(Lists, AnEmptiedListCanBeFilledAgain) {
  Lists lists;
  update(lists, "blocked", {"c1"});
  update(lists, "blocked", {}, {"c1"});
  EXPECT_FALSE(lists.contains("blocked", "c1"));
  update(lists, "blocked", {"c1"});
  EXPECT_TRUE(lists.contains("blocked", "c1"));
}

TEST(Lists, AllAreOrdered) {
  Lists lists;
  update(lists, "b", {"2", "10", "1"});
  update(lists, "a", {"x"});
  ASSERT_EQ(lists.all().size(), 2u);
  EXPECT_EQ(lists.all().begin()->first, "a");
  EXPECT_EQ(lists.all().at("b"), (std::set<std::string, std::less<>>{"1", "10", "2"}));
}

TEST(Lists, CopiesAndMovesStandAlone) {
  auto original = std::make_unique<Lists>();
  for (int i = 0; i < 100; ++i) update(*original, "blocked", {"customer-with-a-long-name-" + std::to_string(i)});
  Lists copy(*original);
  Lists assigned;
  update(assigned, "old", {"gone"});
  assigned = *original;
  Lists moved(std::move(*original));
  original.reset();
  for (const Lists* lists : {&copy, &assigned, &moved}) {
    EXPECT_TRUE(lists->contains("blocked", "customer-with-a-long-name-77"));
    EXPECT_FALSE(lists->contains("old", "gone"));
  }
  update(copy, "blocked", {}, {"customer-with-a-long-name-77"});
  EXPECT_TRUE(moved.contains("blocked", "customer-with-a-long-name-77"));
}

}  // namespace
}  // namespace vigil::rules
