#include "rules/expression/lists.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace vigil::rules::lists_test {
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

TEST(Lists, WhatWasMovedFromIsEmptyAndCanBeFilled) {
  Lists original;
  update(original, "blocked", {"c1", "c2"});
  const Lists moved = std::move(original);
  EXPECT_TRUE(original.empty());
  update(original, "blocked", {"c3"});
  EXPECT_TRUE(original.contains("blocked", "c3"));
  EXPECT_FALSE(original.contains("blocked", "c1"));
  EXPECT_TRUE(moved.contains("blocked", "c1"));
}

TEST(Lists, AreEmptyAgainWhenTheLastEntryGoes) {
  Lists lists;
  EXPECT_TRUE(lists.empty());
  update(lists, "a", {"1"});
  update(lists, "b", {"1"});
  EXPECT_FALSE(lists.empty());
  update(lists, "a", {}, {"1"});
  EXPECT_FALSE(lists.empty());
  update(lists, "b", {}, {"1"});
  EXPECT_TRUE(lists.empty());
}

TEST(Lists, RandomUpdatesGiveWhatPlainSetsGive) {
  std::mt19937_64 random(9);
  Lists lists;
  std::set<std::pair<std::string, std::string>> model;
  const auto list = [&] { return "list-" + std::to_string(random() % 5); };
  const auto text = [&] { return "text-" + std::to_string(random() % 300); };
  for (int round = 0; round < 5'000; ++round) {
    const std::string name = list();
    std::vector<std::string> added, removed;
    for (std::size_t i = random() % 8; i > 0; --i) added.push_back(text());
    for (std::size_t i = random() % 12; i > 0; --i) removed.push_back(text());
    update(lists, name, {added.begin(), added.end()}, {removed.begin(), removed.end()});
    for (const std::string& each : removed) model.erase({name, each});
    for (const std::string& each : added) model.emplace(name, each);
    for (int i = 0; i < 20; ++i) {
      const std::string asked_list = list(), asked = text();
      ASSERT_EQ(lists.contains(asked_list, asked), model.contains({asked_list, asked})) << asked_list << ' ' << asked;
    }
    ASSERT_EQ(lists.empty(), model.empty());
  }
}

}  // namespace
}  // namespace vigil::rules::lists_test
