// What the subcommands write: files, CSV fields, counts and durations.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/csv_text.h"
#include "tools/data_directory.h"
#include "tools/output_file.h"
#include "tools/progress.h"

namespace vigil::tools {
namespace {

using eventlog::Value;

class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("vigil-output-" + std::to_string(::getpid()) + "-" +
                                                  testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path(const char* name) const { return directory_ / name; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  std::filesystem::path directory_;
};

std::string csv(const Value& value) {
  std::string out;
  append_csv_value(out, value);
  return out;
}

TEST_F(OutputTest, AFileTakesItsNameOnlyWhenItIsWhole) {
  auto file = OutputFile::create(path("a.csv"));
  ASSERT_TRUE(file);
  (*file)->write("one\n");
  EXPECT_FALSE(std::filesystem::exists(path("a.csv")));
  ASSERT_TRUE((*file)->finish());
  EXPECT_EQ(*read_text_file(path("a.csv")), "one\n");
}

TEST_F(OutputTest, AnUnfinishedFileLeavesNothingBehind) {
  {
    auto file = OutputFile::create(path("a.csv"));
    ASSERT_TRUE(file);
    (*file)->write("one\n");
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(OutputTest, AMissingDirectoryIsNamed) {
  const auto file = OutputFile::create(path("nowhere/a.csv"));
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().text.find("nowhere/a.csv"), std::string::npos) << file.error().text;
}

TEST_F(OutputTest, AFullDiskIsAnErrorOfFinish) {
  auto file = OutputFile::create("/dev/full");
  ASSERT_TRUE(file);
  (*file)->write("one\n");
  const auto finished = (*file)->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, eventlog::ErrorKind::full);
}

TEST_F(OutputTest, ACompressedFileBeginsWithTheZstdMagic) {
  auto file = OutputFile::create(path("a.csv.zst"));
  ASSERT_TRUE(file);
  for (int n = 0; n < 400'000; ++n) (*file)->write("the same line again\n");
  ASSERT_TRUE((*file)->finish());
  const std::string bytes = *read_text_file(path("a.csv.zst"));
  EXPECT_TRUE(bytes.starts_with("\x28\xb5\x2f\xfd"));
  EXPECT_LT(bytes.size(), 100'000u);
}

TEST_F(OutputTest, AMissingDataDirectoryIsNamedAndNotMade) {
  const auto there = require_log(directory_ / "nowhere");
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().kind, eventlog::ErrorKind::not_found);
  EXPECT_NE(there.error().text.find("nowhere"), std::string::npos);
  EXPECT_FALSE(require_log(directory_));
  EXPECT_EQ(files(), 0u);
}

TEST(CsvTextTest, OnlyTextsThatNeedItAreQuoted) {
  EXPECT_EQ(csv(Value::of(std::string_view("plain"))), "plain");
  EXPECT_EQ(csv(Value::of(std::string_view("a,b"))), "\"a,b\"");
  EXPECT_EQ(csv(Value::of(std::string_view("say \"x\"\n"))), "\"say \"\"x\"\"\n\"");
}

TEST(CsvTextTest, NumbersAreExactAndNullIsEmpty) {
  EXPECT_EQ(csv(Value::of(std::int64_t{-42})), "-42");
  EXPECT_EQ(csv(Value::of(0.1)), "0.1");
  EXPECT_EQ(csv(Value::of(1.0 / 3.0)), "0.3333333333333333");
  EXPECT_EQ(csv(Value::boolean(true)), "1");
  EXPECT_EQ(csv(Value::boolean(false)), "0");
  EXPECT_EQ(csv(Value::null()), "");
}

TEST(ProgressTextTest, CountsAndDurationsReadWell) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(duration_text(0.25), "250 ms");
  EXPECT_EQ(duration_text(12.34), "12.3 s");
  EXPECT_EQ(duration_text(125), "2 min 05 s");
}

}  // namespace
}  // namespace vigil::tools
