#include "eventlog/storage/forward_reader.h"

#include <algorithm>
#include <cstring>

namespace vigil::eventlog {

namespace {

// Large enough that a disk works at full speed, small enough that what was read is still in the second-level cache
// when it is hashed.
constexpr std::uint64_t kPieceBytes = 512 << 10;

}  // namespace

ForwardReader::ForwardReader(std::unique_ptr<File> file, std::span<const std::byte> whole, std::uint64_t bytes,
                             AfterPiece after)
    : file_(std::move(file)), whole_(whole), bytes_(bytes), after_piece_(std::move(after)) {}

Expected<ForwardReader> ForwardReader::open(Environment& environment, const Segment& segment, AfterPiece after_piece) {
  auto file = environment.open(segment.path(), OpenMode::read);
  if (file) {
    const auto bytes = (*file)->size();
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes < segment.header().segment_bytes) {
      return std::unexpected(segment.damage(*bytes, segment.header().first_position, "the file was cut off"));
    }
    return ForwardReader(std::move(*file), {}, segment.header().segment_bytes, std::move(after_piece));
  }
  if (file.error().kind != ErrorKind::not_found) return std::unexpected(file.error());
  const auto whole = segment.bytes();
  if (!whole) return std::unexpected(whole.error());
  return ForwardReader(nullptr, *whole, whole->size(), std::move(after_piece));
}

Expected<std::span<const std::byte>> ForwardReader::at(std::uint64_t offset, std::uint64_t wanted) {
  wanted = std::min(wanted, bytes_ - offset);
  if (!file_) {
    if (offset + wanted > end_ && after_piece_) {
      const std::uint64_t end = std::min(bytes_, std::max(offset + wanted, end_ + kPieceBytes));
      if (auto go_on = after_piece_(nullptr, end - end_); !go_on) return std::unexpected(go_on.error());
      end_ = end;
    }
    return whole_.subspan(offset);
  }
  if (offset < begin_ || offset > end_) begin_ = end_ = offset;
  if (end_ - offset < wanted) {
    const std::uint64_t kept = end_ - offset;
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + (offset - begin_), kept);
    begin_ = offset;
    const std::uint64_t room = std::min(std::max(wanted, kept + kPieceBytes), bytes_ - offset);
    if (buffer_.size() < room) buffer_.resize(room);
    const auto piece = std::span(buffer_).subspan(kept, room - kept);
    if (auto read = file_->read_at(end_, piece); !read) {
      begin_ = end_ = 0;
      return std::unexpected(read.error());
    }
    end_ += piece.size();
    if (after_piece_) {
      if (auto go_on = after_piece_(file_.get(), piece.size()); !go_on) return std::unexpected(go_on.error());
    }
  }
  return std::span<const std::byte>(buffer_).subspan(offset - begin_, end_ - offset);
}

}  // namespace vigil::eventlog
