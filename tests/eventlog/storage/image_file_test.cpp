#include "eventlog/storage/image_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "eventlog/storage/value_bytes.h"
#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::eventlog::image_file_test {
namespace {

class ImageFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 (std::string("vigil-image-file-") + ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                  std::to_string(getpid()));
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path path() const { return directory_ / "deeper" / "state.image"; }
  bool temporary_is_there() const { return std::filesystem::exists(path().string() + ".tmp"); }
  static Piece numbered(std::uint32_t number, std::size_t bytes) {
    Piece piece;
    piece.put(number);
    while (piece.size() < bytes) piece.put_text("some text");
    return piece;
  }
  ImageWriter::Stage write(std::uint32_t pieces) {
    ImageWriter writer(environment_, path());
    for (std::uint32_t i = 0; i < pieces; ++i) writer.add(numbered(i, 100'000));
    writer.publish();
    writer.wait();
    failure_ = writer.failure();
    return writer.stage();
  }
  // How many pieces the image has; -1 when there is none that can be read.
  int pieces_there() {
    const auto image = ImageReader::open(environment_, path());
    return image ? static_cast<int>((*image)->pieces()) : -1;
  }

  FaultyEnvironment environment_;
  std::filesystem::path directory_;
  std::string failure_;
};

TEST_F(ImageFileTest, WhatWasAddedIsReadInAnyOrder) {
  ASSERT_EQ(write(80), ImageWriter::Stage::published);  // more than is written at a time
  EXPECT_FALSE(temporary_is_there());
  const auto image = ImageReader::open(environment_, path());
  ASSERT_TRUE(image) << image.error().text;
  ASSERT_EQ((*image)->pieces(), 80u);
  EXPECT_EQ((*image)->bytes(), std::filesystem::file_size(path()));
  std::vector<std::byte> room;
  for (const std::uint32_t number : {79u, 0u, 41u}) {
    const auto piece = (*image)->piece(number, room);
    ASSERT_TRUE(piece) << piece.error().text;
    EXPECT_EQ(*piece, numbered(number, 100'000).view());
    ValueReader reader(*piece);
    EXPECT_EQ(reader.take<std::uint32_t>(), number);
    EXPECT_EQ(reader.take_text(), "some text");
  }
}

TEST_F(ImageFileTest, ATakenPieceIsEmptyWhateverItHeldBefore) {
  ImageWriter writer(environment_, path());
  writer.add(numbered(1, 1000));
  writer.wait_for_room(0);
  EXPECT_EQ(writer.bytes_waiting(), 0u);
  EXPECT_EQ(writer.bytes_added(), numbered(1, 1000).size());
  EXPECT_EQ(writer.empty_piece().size(), 0u);
}

TEST_F(ImageFileTest, AnImageThatIsNotPublishedLeavesTheOneBefore) {
  ASSERT_EQ(write(3), ImageWriter::Stage::published);
  {
    ImageWriter writer(environment_, path());
    writer.add(numbered(0, 10));
    writer.wait_for_room(0);
    EXPECT_TRUE(temporary_is_there());
  }
  EXPECT_FALSE(temporary_is_there());
  EXPECT_EQ(pieces_there(), 3);
}

TEST_F(ImageFileTest, AFailedCallEndsTheImageAndNothingElse) {
  ASSERT_EQ(write(3), ImageWriter::Stage::published);
  for (const Call call : {Call::open, Call::write, Call::sync, Call::rename}) {
    environment_.fail_from_now(call, ".tmp", ErrorKind::io);
    EXPECT_EQ(write(60), ImageWriter::Stage::failed);
    EXPECT_NE(failure_.find("injected failure"), std::string::npos) << failure_;
    environment_.set({});
    EXPECT_FALSE(temporary_is_there());
    EXPECT_EQ(pieces_there(), 3);
  }
  EXPECT_EQ(write(60), ImageWriter::Stage::published);
  EXPECT_EQ(pieces_there(), 60);
}

// Until the directory is synced the name may be lost; then there is none, or the image before.
TEST_F(ImageFileTest, AnUnsyncedDirectoryIsAFailure) {
  environment_.fail_from_now(Call::sync_directory, "deeper", ErrorKind::io);
  EXPECT_EQ(write(1), ImageWriter::Stage::failed);
}

TEST_F(ImageFileTest, ACutImageIsNone) {
  ASSERT_EQ(write(3), ImageWriter::Stage::published);
  for (auto bytes = std::filesystem::file_size(path()); bytes > 0; bytes -= std::min<std::uintmax_t>(bytes, 4099)) {
    std::filesystem::resize_file(path(), bytes - 1);
    EXPECT_EQ(pieces_there(), -1) << bytes;
  }
}

TEST_F(ImageFileTest, RefusalsNameTheFileAndThePlace) {
  const auto refused = [this] {
    const auto image = ImageReader::open(environment_, path());
    return image ? Error{} : image.error();
  };
  EXPECT_EQ(refused().kind, ErrorKind::not_found);
  ASSERT_EQ(write(2), ImageWriter::Stage::published);
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::streamoff at, std::string_view bytes) {
    file.seekp(at).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.flush();
  };
  put(16 + 50, "xyz");  // in the first piece
  auto image = ImageReader::open(environment_, path());
  ASSERT_TRUE(image);
  std::vector<std::byte> room;
  const auto piece = (*image)->piece(0, room);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().kind, ErrorKind::damaged);
  EXPECT_EQ(piece.error().text, path().string() + ": offset 16: a piece is not what was written");
  EXPECT_TRUE((*image)->piece(1, room));
  const auto bytes = static_cast<std::streamoff>(std::filesystem::file_size(path()));
  const std::streamoff list = bytes - 24 - 2 * 16;
  put(list + 16, std::string_view("\xff\xff\xff\x7f", 4));  // the second piece's length
  EXPECT_EQ(refused().text, path().string() + ": offset " + std::to_string(list) +
                                ": the list of the image's pieces is not what was written");
  put(bytes - 1, "X");
  EXPECT_EQ(refused().text, path().string() + ": offset " + std::to_string(bytes - 24) + ": the image has no end");
  put(0, "X");
  EXPECT_EQ(refused().text, path().string() + ": offset 0: this is no image's header");
}

}  // namespace
}  // namespace vigil::eventlog::image_file_test
