#include "eventlog/storage/posix_environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

namespace vigil::eventlog::posix_environment_test {
namespace {

class PosixFileTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  PosixEnvironment environment_;
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("vigil-posix-file-" + std::to_string(getpid()));
};

TEST_F(PosixFileTest, HintsAndWritingBackLeaveTheContentAsItIs) {
  constexpr std::size_t kBytes = (3 << 20) + 77;  // no whole number of anything
  std::vector<std::byte> written(kBytes), read(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) written[i] = static_cast<std::byte>(i * 2654435761u >> 13);
  auto file = environment_.open(path_, OpenMode::create);
  ASSERT_TRUE(file) << file.error().text;
  ASSERT_TRUE((*file)->write_at(0, written));
  ASSERT_TRUE((*file)->write_back(0, 1 << 20));
  ASSERT_TRUE((*file)->write_back(1 << 20, kBytes - (1 << 20)));
  ASSERT_TRUE((*file)->write_back(kBytes, 1 << 20)) << "nothing is there, and nothing waits";
  ASSERT_TRUE((*file)->sync());
  (*file)->forget_cached();
  (*file)->will_be_read();
  ASSERT_TRUE((*file)->read_at(0, read));
  EXPECT_TRUE(std::ranges::equal(read, written));
}

TEST_F(PosixFileTest, WhereAFileCannotBeWrittenBackItIsSynced) {
  auto null = environment_.open("/dev/null", OpenMode::write);  // no file on a disk: neither is possible
  ASSERT_TRUE(null) << null.error().text;
  const auto done = (*null)->write_back(0, 4096);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("/dev/null: "), std::string::npos) << done.error().text;
}

}  // namespace
}  // namespace vigil::eventlog::posix_environment_test
