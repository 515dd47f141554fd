#include "eventlog/storage/forward_reader.h"

#include <algorithm>
#include <cstring>

#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"

namespace vigil::eventlog {

namespace {

// Large enough that a disk works at full speed, small enough that what was read is still in the second-level cache
// when it is hashed.
constexpr std::uint64_t kPieceBytes = 512 << 10;

std::unexpected<Error> damaged(const std::filesystem::path& path, const std::string& what) {
  return fail(ErrorKind::damaged, path.string() + ": damaged: " + what + std::string(kRestoreHint));
}

}  // namespace

ForwardReader::ForwardReader(std::filesystem::path path, std::uint64_t bytes, AfterPiece after)
    : path_(std::move(path)), bytes_(bytes), after_piece_(std::move(after)) {}

Expected<ForwardReader> ForwardReader::open(Environment& environment, const std::filesystem::path& directory,
                                            const SegmentHeader& header, AfterPiece after_piece,
                                            std::string_view suffix) {
  const std::filesystem::path path = directory / segment_name(header.first_position).append(suffix);
  auto file = environment.open(path, OpenMode::read);
  if (!file && file.error().kind == ErrorKind::not_found) {
    const std::filesystem::path packed = directory / archive_name(header.first_position).append(suffix);
    auto archive = ArchiveFile::open(environment, packed);
    if (archive) {
      const bool same = std::ranges::equal(checked_bytes((*archive)->header().segment), checked_bytes(header));
      if (!same) return damaged(packed, "the archive of another segment");
      ForwardReader reader(packed, header.segment_bytes, std::move(after_piece));
      reader.archive_ = std::move(*archive);
      return reader;
    }
    if (archive.error().kind != ErrorKind::not_found) return std::unexpected(archive.error());
    file = environment.open(path, OpenMode::read);  // unarchived between the two looks
  }
  if (!file) return std::unexpected(file.error());
  const auto bytes = (*file)->size();
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < header.segment_bytes) return damaged(path, "the file was cut off at offset " + std::to_string(*bytes));
  ForwardReader reader(path, header.segment_bytes, std::move(after_piece));
  reader.file_ = std::move(*file);
  return reader;
}

Expected<std::span<const std::byte>> ForwardReader::at(std::uint64_t offset, std::uint64_t wanted) {
  wanted = std::min(wanted, bytes_ - offset);
  if (offset < begin_ || offset > end_) begin_ = end_ = offset;
  if (end_ < offset + wanted) {
    if (end_ > offset) std::memmove(buffer_.data(), buffer_.data() + (offset - begin_), end_ - offset);
    begin_ = offset;
    auto done = file_ ? read_more(wanted) : unpack_more(wanted);
    if (!done) {
      begin_ = end_ = 0;
      return std::unexpected(done.error());
    }
  }
  return std::span<const std::byte>(buffer_).subspan(offset - begin_, end_ - offset);
}

std::span<std::byte> ForwardReader::room_behind(std::uint64_t bytes) {
  const std::uint64_t kept = end_ - begin_;
  if (buffer_.size() < kept + bytes) buffer_.resize(kept + bytes);
  return std::span(buffer_).subspan(kept, bytes);
}

Expected<void> ForwardReader::read_more(std::uint64_t wanted) {
  const std::uint64_t until = std::min(bytes_, std::max(begin_ + wanted, end_ + kPieceBytes));
  const auto piece = room_behind(until - end_);
  if (auto read = file_->read_at(end_, piece); !read) return read;
  end_ = until;
  return after_piece_ ? after_piece_(*file_, piece.size()) : Expected<void>{};
}

Expected<void> ForwardReader::unpack_more(std::uint64_t wanted) {
  const std::uint64_t until = begin_ + wanted;
  if (begin_ == end_) begin_ = end_ = archive_->chunks()[archive_->chunk_of(begin_)].begin;
  while (end_ < until) {
    const std::size_t i = archive_->chunk_of(end_);
    const ArchiveFile::Chunk& chunk = archive_->chunks()[i];
    if (auto unpacked = archive_->unpack(i, room_behind(chunk.end - chunk.begin)); !unpacked) return unpacked;
    end_ = chunk.end;
    if (!after_piece_) continue;
    if (auto go_on = after_piece_(archive_->file(), chunk.end - chunk.begin); !go_on) return go_on;
  }
  return {};
}

}  // namespace vigil::eventlog
