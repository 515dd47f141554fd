#include "rules/features/name_table.h"

#include <gtest/gtest.h>
#include <string>

namespace vigil::rules::name_table_test {
namespace {

TEST(NameTable, NumbersFollowTheOrderOfComing) {
  NameTable table;
  EXPECT_EQ(table.intern("ann"), 0u);
  EXPECT_EQ(table.intern("bob"), 1u);
  EXPECT_EQ(table.intern("ann"), 0u);
  EXPECT_EQ(table.text(1), "bob");
  EXPECT_FALSE(table.find(NameTable::hash("eve"), "eve"));
}

TEST(NameTable, LongTextsAndNoTextAreKeptWhole) {
  NameTable table;
  for (const std::size_t length : {0, 1, 22, 23, 24, 64, 255}) {
    const std::string text(length, 'x');
    EXPECT_EQ(table.text(table.intern(text)), text);
  }
  EXPECT_EQ(table.size(), 7u);
}

TEST(NameTable, AllAreFoundWhileItGrows) {
  NameTable table;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    ASSERT_EQ(table.intern("name-" + std::to_string(i)), i);
    // Old and new names, in the middle of a move too.
    for (const std::uint32_t known : {i, i / 2, 0u}) ASSERT_EQ(table.intern("name-" + std::to_string(known)), known);
  }
}

TEST(NameTable, TextsOfEqualHashAreToldApart) {
  NameTable table;
  const std::uint32_t first = table.insert(42, "first");
  const std::uint32_t second = table.insert(42, "second");
  EXPECT_EQ(table.find(42, "first"), first);
  EXPECT_EQ(table.find(42, "second"), second);
  EXPECT_FALSE(table.find(42, "third"));
}

}  // namespace
}  // namespace vigil::rules::name_table_test
