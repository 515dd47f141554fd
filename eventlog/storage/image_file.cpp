#include "eventlog/storage/image_file.h"

#include <xxhash.h>

#include <mutex>

#include "eventlog/storage/checksum.h"
#include "eventlog/storage/invariant.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::eventlog {
namespace {

// The file: a header, then pieces, each under a header of its own; the last one is empty and closes the file.
constexpr std::uint64_t kMagic = 0x3130'474d'494c'4756;  // "VGLIMG01"
struct FileHeader {
  std::uint64_t magic = kMagic;
  std::uint32_t version = 1;
  std::uint32_t check = 0;  // CRC-32C of what is before it
};
struct PieceHeader {
  std::uint32_t bytes = 0;
  std::uint32_t number = 0;
  std::uint64_t check = 0;  // XXH3-64 of the content, seeded with the two fields before
};
static_assert(sizeof(FileHeader) == 16 && sizeof(PieceHeader) == 16);

// So that the disk is asked for little at a time, beside the log's own syncs.
constexpr std::uint64_t kSyncEvery = 4 << 20;
constexpr std::size_t kWrittenKept = 8;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::uint32_t check_of(const FileHeader& header) { return crc32c(bytes_of(header).first(offsetof(FileHeader, check))); }

std::uint64_t check_of(const PieceHeader& header, std::span<const std::byte> content) {
  return XXH3_64bits_withSeed(content.data(), content.size(), std::uint64_t{header.number} << 32 | header.bytes);
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
  if (auto done = (*file)->write_at(0, bytes_of(header)); !done) return done;
  offset_ = sizeof(header);
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
    if (auto done = write(**file, piece); !done) return done;
    std::lock_guard hold(*monitor_);
    bytes_waiting_ -= piece.size();
    monitor_->notify_all();
    piece.clear();
    if (written_.size() < kWrittenKept) written_.push_back(std::move(piece));
  }
  Piece end;
  if (auto done = write(**file, end); !done) return done;
  if (auto synced = (*file)->sync(); !synced) return synced;
  if (auto renamed = environment_.rename(temporary_, path_); !renamed) return renamed;
  return environment_.sync_directory(path_.parent_path());
}

Expected<void> ImageWriter::write(File& file, Piece& piece) {
  PieceHeader header{static_cast<std::uint32_t>(piece.size()), number_++, 0};
  header.check = check_of(header, std::span(piece.bytes_).subspan(sizeof(header)));
  std::memcpy(piece.bytes_.data(), &header, sizeof(header));
  if (auto done = file.write_at(offset_, piece.bytes_); !done) return done;
  offset_ += piece.bytes_.size();
  unsynced_ += piece.bytes_.size();
  if (unsynced_ < kSyncEvery) return {};
  unsynced_ = 0;
  return file.sync();
}

Expected<std::unique_ptr<ImageReader>> ImageReader::open(Environment& environment, const std::filesystem::path& path) {
  auto file = environment.open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  FileHeader header;
  if (*size < sizeof(header)) return damaged(path, 0, "it is too short for an image");
  if (auto read = (*file)->read_at(0, std::as_writable_bytes(std::span(&header, 1))); !read) {
    return std::unexpected(read.error());
  }
  if (header.magic != kMagic || header.check != check_of(header)) return damaged(path, 0, "this is no image's header");
  if (header.version != FileHeader{}.version) {
    return fail(ErrorKind::unsupported_version, path.string() + ": has image format " + std::to_string(header.version));
  }
  auto reader = std::make_unique<ImageReader>();
  reader->path_ = path;
  reader->bytes_ = *size;
  for (std::uint64_t offset = sizeof(header);;) {
    PieceHeader piece;
    if (*size - offset < sizeof(piece)) return damaged(path, offset, "the image has no end");
    if (auto read = (*file)->read_at(offset, std::as_writable_bytes(std::span(&piece, 1))); !read) {
      return std::unexpected(read.error());
    }
    offset += sizeof(piece);
    if (piece.number != reader->pieces() || piece.bytes > *size - offset) {
      return damaged(path, offset - sizeof(piece), "a piece's header is not the next one's");
    }
    if (piece.bytes == 0) {
      if (piece.check != check_of(piece, {}) || offset != *size) {
        return damaged(path, offset - sizeof(piece), "this is not the image's end");
      }
      break;
    }
    reader->places_.push_back({offset, piece.bytes, piece.check});
    offset += piece.bytes;
  }
  reader->file_ = std::move(*file);
  return reader;
}

Expected<std::string_view> ImageReader::piece(std::uint32_t number, std::vector<std::byte>& room) const {
  const Place& place = places_[number];
  room.resize(place.bytes);
  if (auto read = file_->read_at(place.offset, room); !read) return std::unexpected(read.error());
  if (check_of({place.bytes, number, 0}, room) != place.check) {
    return damaged(path_, place.offset, "a piece is not what was written");
  }
  return std::string_view(reinterpret_cast<const char*>(room.data()), room.size());
}

}  // namespace vigil::eventlog
