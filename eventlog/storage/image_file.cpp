#include "eventlog/storage/image_file.h"

#include <xxhash.h>

#include <mutex>
#include <utility>

#include "eventlog/storage/checksum.h"
#include "eventlog/storage/invariant.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::eventlog {
namespace {

// The file: a header, the pieces one behind the other, a list of them, and a footer that says where the list begins. So
// the last pieces are found without reading those before.
constexpr std::uint64_t kMagic = 0x3130'474d'494c'4756;  // "VGLIMG01"
struct FileHeader {
  std::uint64_t magic = kMagic;
  std::uint32_t version = 2;
  std::uint32_t check = 0;  // CRC-32C of what is before it
};
struct FileFooter {
  std::uint64_t list_offset = 0;
  std::uint64_t list_check = 0;  // XXH3-64
  std::uint32_t pieces = 0;
  std::uint32_t check = 0;  // CRC-32C of what is before it
};
static_assert(sizeof(FileHeader) == 16 && sizeof(FileFooter) == 24);

// So that the disk is asked for little at a time, beside the log's own syncs. Without syncs of its own until the end:
// each would have the file system commit its journal, with all that others wrote meanwhile.
constexpr std::uint64_t kWrittenBackAtOnce = 2 << 20;
constexpr std::size_t kWrittenKept = 8;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <class T>
std::span<std::byte> writable_bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

template <class Framed>
std::uint32_t check_of(const Framed& framed) {
  return crc32c(bytes_of(framed).first(offsetof(Framed, check)));
}

std::uint64_t check_of(std::uint32_t number, std::span<const std::byte> content) {
  return XXH3_64bits_withSeed(content.data(), content.size(), std::uint64_t{number} << 32 | content.size());
}

std::unexpected<Error> damaged(const std::filesystem::path& path, std::uint64_t offset, const char* what) {
  return fail(ErrorKind::damaged, path.string() + ": offset " + std::to_string(offset) + ": " + what);
}

}  // namespace

ImageWriter::ImageWriter(Environment& environment, std::filesystem::path path)
    : environment_(environment),
      path_(std::move(path)),
      temporary_(path_.string() + ".tmp"),
      monitor_(environment.make_monitor()),
      thread_(environment.start_thread([this] { run(); })) {}

ImageWriter::~ImageWriter() {
  {
    std::lock_guard hold(*monitor_);
    abandoned_ = true;
    monitor_->notify_all();
  }
  thread_.reset();
}

Piece ImageWriter::empty_piece() {
  std::lock_guard hold(*monitor_);
  if (written_.empty()) return {};
  Piece piece = std::move(written_.back());
  written_.pop_back();
  return piece;
}

void ImageWriter::add(Piece piece) {
  invariant(piece.size() > 0 && piece.size() <= Piece::kBytesMax, "a piece has content, and less than 2 GiB");
  bytes_added_ += piece.size();
  std::lock_guard hold(*monitor_);
  bytes_waiting_ += piece.size();
  pieces_.push_back(std::move(piece));
  monitor_->notify_all();
}

void ImageWriter::publish() {
  std::lock_guard hold(*monitor_);
  complete_ = true;
  monitor_->notify_all();
}

ImageWriter::Stage ImageWriter::stage() const {
  std::lock_guard hold(*monitor_);
  return stage_;
}

void ImageWriter::wait() {
  std::lock_guard hold(*monitor_);
  monitor_->wait_until([this] { return stage_ != Stage::writing; });
}

void ImageWriter::wait_for_room(std::uint64_t bytes) {
  std::lock_guard hold(*monitor_);
  monitor_->wait_until([&] { return stage_ != Stage::writing || bytes_waiting_ <= bytes; });
}

std::string ImageWriter::failure() const {
  std::lock_guard hold(*monitor_);
  return failure_;
}

std::uint64_t ImageWriter::bytes_waiting() const {
  std::lock_guard hold(*monitor_);
  return bytes_waiting_;
}

void ImageWriter::run() {
  take_role(ThreadRole::usual);  // nicer, images could come late on a busy machine and starts be longer
  const Expected<void> done = write_all();
  // A temporary file that cannot be removed either is written over by the next image.
  if (!done) static_cast<void>(environment_.remove(temporary_));
  std::lock_guard hold(*monitor_);
  stage_ = done ? Stage::published : Stage::failed;
  if (!done) failure_ = done.error().text;
  monitor_->notify_all();
}

Expected<void> ImageWriter::write_all() {
  if (auto made = environment_.create_directories(path_.parent_path()); !made) return made;
  auto file = environment_.open(temporary_, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  FileHeader header;
  header.check = check_of(header);
  if (auto done = write(**file, bytes_of(header)); !done) return done;
  while (true) {
    Piece piece;
    {
      std::unique_lock hold(*monitor_);
      monitor_->wait_until([this] { return abandoned_ || complete_ || !pieces_.empty(); });
      if (abandoned_) return fail(ErrorKind::io, path_.string() + ": was abandoned");
      if (pieces_.empty()) break;
      piece = std::move(pieces_.front());
      pieces_.pop_front();
    }
    const auto number = static_cast<std::uint32_t>(list_.size());
    list_.push_back({static_cast<std::uint32_t>(piece.size()), number, check_of(number, piece.bytes_)});
    if (auto done = write(**file, piece.bytes_); !done) return done;
    std::lock_guard hold(*monitor_);
    bytes_waiting_ -= piece.size();
    monitor_->notify_all();
    piece.clear();
    if (written_.size() < kWrittenKept) written_.push_back(std::move(piece));
  }
  if (auto done = write_end(**file); !done) return done;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (auto renamed = environment_.rename(temporary_, path_); !renamed) return renamed;
  return environment_.sync_directory(path_.parent_path());
}

Expected<void> ImageWriter::write_end(File& file) {
  const auto list = std::as_bytes(std::span(list_));
  FileFooter footer;
  footer.list_offset = offset_;
  footer.list_check = XXH3_64bits(list.data(), list.size());
  footer.pieces = static_cast<std::uint32_t>(list_.size());
  footer.check = check_of(footer);
  if (auto done = write(file, list); !done) return done;
  return write(file, bytes_of(footer));
}

Expected<void> ImageWriter::write(File& file, std::span<const std::byte> bytes) {
  if (auto done = file.write_at(offset_, bytes); !done) return done;
  offset_ += bytes.size();
  if (offset_ - written_back_ < kWrittenBackAtOnce) return {};
  const std::uint64_t begin = std::exchange(written_back_, offset_);
  return file.write_back(begin, offset_ - begin);
}

Expected<std::unique_ptr<ImageReader>> ImageReader::open(Environment& environment, const std::filesystem::path& path) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  FileHeader header;
  FileFooter footer;
  if (*size < sizeof(header) + sizeof(footer)) return damaged(path, 0, "it is too short for an image");
  if (auto read = (*file)->read_at(0, writable_bytes_of(header)); !read) return std::unexpected(read.error());
  if (header.magic != kMagic || header.check != check_of(header)) return damaged(path, 0, "this is no image's header");
  if (header.version != FileHeader{}.version) {
    return fail(ErrorKind::unsupported_version, path.string() + ": has image format " + std::to_string(header.version));
  }
  const std::uint64_t end = *size - sizeof(footer);
  if (auto read = (*file)->read_at(end, writable_bytes_of(footer)); !read) return std::unexpected(read.error());
  const std::uint64_t list_bytes = footer.pieces * sizeof(ListedPiece);
  if (footer.check != check_of(footer) || list_bytes > end - sizeof(header) || footer.list_offset != end - list_bytes) {
    return damaged(path, end, "the image has no end");
  }
  auto reader = std::make_unique<ImageReader>();
  reader->path_ = path;
  reader->bytes_ = *size;
  reader->list_.resize(footer.pieces);
  const auto list = std::as_writable_bytes(std::span(reader->list_));
  if (auto read = (*file)->read_at(footer.list_offset, list); !read) return std::unexpected(read.error());
  std::uint64_t offset = sizeof(header);
  bool in_order = true;
  for (const ListedPiece& piece : reader->list_) {
    in_order = in_order && piece.number == reader->offsets_.size();
    reader->offsets_.push_back(offset);
    offset += piece.bytes;
  }
  const bool whole = XXH3_64bits(list.data(), list.size()) == footer.list_check;
  if (!whole || !in_order || offset != footer.list_offset) {
    return damaged(path, footer.list_offset, "the list of the image's pieces is not what was written");
  }
  (*file)->will_be_read();
  reader->file_ = std::move(*file);
  return reader;
}

Expected<std::string_view> ImageReader::piece(std::uint32_t number, std::vector<std::byte>& room) const {
  room.resize(list_[number].bytes);
  if (auto read = file_->read_at(offsets_[number], room); !read) return std::unexpected(read.error());
  if (check_of(number, room) != list_[number].check) {
    return damaged(path_, offsets_[number], "a piece is not what was written");
  }
  return std::string_view(reinterpret_cast<const char*>(room.data()), room.size());
}

}  // namespace vigil::eventlog
