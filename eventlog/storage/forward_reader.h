// A segment's bytes read forward in large pieces, for those who read all of it once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

// Not thread-safe. Reads by read_at(), so that a disk that fails is an error and not the end of the process, and so
// that nothing is mapped. A segment whose file is not there under its own name (it was archived) is read as its
// readers see it.
class ForwardReader {
 public:
  // `after_piece` is called with the file and the bytes of each piece that was read; what it returns as an error ends
  // the reading.
  using AfterPiece = std::function<Expected<void>(File*, std::uint64_t)>;

  static Expected<ForwardReader> open(Environment& environment, const Segment& segment, AfterPiece after_piece);

  // `wanted` bytes from `offset` on or more, fewer only at the end of the segment; valid until the next call.
  Expected<std::span<const std::byte>> at(std::uint64_t offset, std::uint64_t wanted);
  // What was read is read again: the file may have changed.
  void forget() { begin_ = end_ = 0; }
  // All that was read so far is on the disk once this returned without error.
  Expected<void> sync() { return file_ ? file_->sync() : Expected<void>{}; }

 private:
  ForwardReader(std::unique_ptr<File> file, std::span<const std::byte> whole, std::uint64_t bytes, AfterPiece after);

  std::unique_ptr<File> file_;  // null when `whole_` is all
  std::span<const std::byte> whole_;
  std::uint64_t bytes_;
  AfterPiece after_piece_;
  std::vector<std::byte> buffer_;
  std::uint64_t begin_ = 0, end_ = 0;  // offsets in the segment of what is in the buffer
};

}  // namespace vigil::eventlog
