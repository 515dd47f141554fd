// A read model that another version of its code has written is not read as if it were ours.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "projections/store.h"

namespace vigil::projections {
namespace {

TEST(NewerSchema, AModelOfAnotherVersionIsRefusedAndSaysWhatToDo) {
  const auto directory = std::filesystem::temp_directory_path() / ("vigil-schema-" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  StoreOptions options{{"rows"}, 1 << 20, 1, "log"};
  {
    auto store = Store::open(directory, options, "boot");
    ASSERT_TRUE(store) << store.error().text;
    ASSERT_TRUE((*store)->write(eventlog::Position{1}, [](WriteTransaction&) {}));
  }
  options.schema_hash = 2;
  const auto opened = Store::open_read_only(directory, options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, eventlog::ErrorKind::unsupported_version);
  EXPECT_EQ(opened.error().text,
            (directory / "data.mdb").string() +
                ": written by another version of Vigil; upgrade this one if it is the older, else make "
                "the model anew with `vigil rebuild`");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace vigil::projections
