// A segment's bytes read forward in large pieces, for those who read all of it once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "eventlog/storage/archive_file.h"
#include "eventlog/storage/environment.h"
#include "eventlog/storage/format.h"

namespace vigil::eventlog {

// Not thread-safe. Reads by read_at(), so that a disk that fails is an error and not the end of the process, and so
// that nothing is mapped. A segment that was archived is unpacked chunk by chunk.
class ForwardReader {
 public:
  // `after_piece` is called with the file and the bytes of each piece that was read, unpacked; what it returns as an
  // error ends the reading.
  using AfterPiece = std::function<Expected<void>(File&, std::uint64_t)>;

  // `suffix` stands behind the name of a file that has not got its own yet.
  // Errors: not_found, io, damaged (the file was cut off, or the archive is none of this segment).
  static Expected<ForwardReader> open(Environment& environment, const std::filesystem::path& directory,
                                      const SegmentHeader& header, AfterPiece after_piece,
                                      std::string_view suffix = {});

  // The file that is read.
  const std::filesystem::path& path() const { return path_; }
  // `wanted` bytes from `offset` on or more, fewer only at the end of the segment; valid until the next call.
  // Errors: io, damaged (an archive's chunk), and those of `after_piece`.
  Expected<std::span<const std::byte>> at(std::uint64_t offset, std::uint64_t wanted);
  // What was read is read again: the file may have changed.
  void forget() { begin_ = end_ = 0; }
  // All that was read so far is on the disk once this returned without error.
  Expected<void> sync() { return file_ ? file_->sync() : Expected<void>{}; }

 private:
  ForwardReader(std::filesystem::path path, std::uint64_t bytes, AfterPiece after);

  Expected<void> read_more(std::uint64_t wanted);
  Expected<void> unpack_more(std::uint64_t wanted);
  std::span<std::byte> room_behind(std::uint64_t bytes);

  std::filesystem::path path_;
  std::unique_ptr<File> file_;  // one of the two
  std::unique_ptr<ArchiveFile> archive_;
  std::uint64_t bytes_;
  AfterPiece after_piece_;
  std::vector<std::byte> buffer_;
  std::uint64_t begin_ = 0, end_ = 0;  // offsets in the segment of what is in the buffer
};

}  // namespace vigil::eventlog
