// A file of checked pieces that appears whole or not at all: what a fold keeps beside the log to begin from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "eventlog/storage/environment.h"

namespace vigil::eventlog {

// What is written and read at once: fields one behind the other (value_bytes.h reads them).
class Piece {
 public:
  template <class T>
  Piece& put(T field) {
    static_assert(std::has_unique_object_representations_v<T>);
    return put_bytes(std::as_bytes(std::span(&field, 1)));
  }
  Piece& put_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Piece& put_text(std::string_view text) {  // at most 255 bytes
    put(static_cast<std::uint8_t>(text.size()));
    return put_bytes(std::as_bytes(std::span(text)));
  }
  // Writes over what was put at `at`.
  template <class T>
  void change(std::size_t at, T field) {
    std::memcpy(bytes_.data() + at, &field, sizeof(field));
  }
  std::size_t size() const { return bytes_.size(); }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), size()}; }
  void clear() { bytes_.clear(); }

  static constexpr std::size_t kBytesMax = std::size_t{1} << 31;

 private:
  friend class ImageWriter;
  std::vector<std::byte> bytes_;
};

// Of a piece, in the list behind all of them.
struct ListedPiece {
  std::uint32_t bytes = 0;
  std::uint32_t number = 0;
  std::uint64_t check = 0;  // XXH3-64 of the content, seeded with the two fields before
};
static_assert(sizeof(ListedPiece) == 16);

// Writes `path` on a thread of its own, under a temporary name until it is published. add(), publish() and
// destruction belong to one thread; an image that was not published is removed. A failed write or sync ends the image,
// nothing else: what `path` held before stays.
class ImageWriter {
 public:
  ImageWriter(Environment& environment, std::filesystem::path path);
  ~ImageWriter();
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;

  // An empty piece, with the room of one that was written if there is any.
  Piece empty_piece();
  // Never waits for the disk.
  void add(Piece piece);
  // No more pieces follow: what was added is synced and takes the place of `path`.
  void publish();

  enum class Stage { writing, published, failed };
  Stage stage() const;
  void wait();  // until it is published or has failed; after publish()
  // Until at most `bytes` wait to be written, or it failed.
  void wait_for_room(std::uint64_t bytes);
  std::string failure() const;  // why it failed
  std::uint64_t bytes_added() const { return bytes_added_; }
  std::uint64_t bytes_waiting() const;  // added and not yet written

 private:
  void run();
  Expected<void> write_all();
  Expected<void> write(File& file, std::span<const std::byte> bytes);
  Expected<void> write_end(File& file);

  Environment& environment_;
  std::filesystem::path path_, temporary_;
  std::uint64_t bytes_added_ = 0;
  std::unique_ptr<Monitor> monitor_;  // of the next seven
  std::deque<Piece> pieces_;
  std::vector<Piece> written_;
  std::uint64_t bytes_waiting_ = 0;
  bool complete_ = false, abandoned_ = false;
  Stage stage_ = Stage::writing;
  std::string failure_;
  // Of the thread alone.
  std::uint64_t offset_ = 0, written_back_ = 0;
  std::vector<ListedPiece> list_;
  std::unique_ptr<Thread> thread_;
};

// Reads what an ImageWriter published. Thread-safe.
class ImageReader {
 public:
  // Reads header and list, and asks the system to fetch the rest meanwhile. Errors: not_found, io, damaged,
  // unsupported_version; each names the file.
  static Expected<std::unique_ptr<ImageReader>> open(Environment& environment, const std::filesystem::path& path);

  std::uint32_t pieces() const { return static_cast<std::uint32_t>(list_.size()); }
  std::uint64_t bytes() const { return bytes_; }
  // Reads a piece into `room`, checks it, and returns it there. Errors: io, damaged (names file and offset).
  Expected<std::string_view> piece(std::uint32_t number, std::vector<std::byte>& room) const;

 private:
  std::filesystem::path path_;
  std::unique_ptr<File> file_;
  std::vector<ListedPiece> list_;
  std::vector<std::uint64_t> offsets_;  // of the pieces
  std::uint64_t bytes_ = 0;
};

}  // namespace vigil::eventlog
