// One segment file, as its readers see it.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/frame.h"
#include "eventlog/storage/segment_index.h"
#include "eventlog/storage/unpacked_chunks.h"

namespace vigil::eventlog {

std::string segment_name(std::uint64_t first_position);  // "00000000000000000001.seg"
std::string index_name(std::uint64_t first_position);    // "00000000000000000001.idx"
inline constexpr std::string_view kSegmentSuffix = ".seg";

// A whole block that begins with `header`, its checksum filled in.
std::vector<std::byte> encode_segment_header(SegmentHeader header);
// Errors: damaged, unsupported_version; the text begins with `path`.
Expected<SegmentHeader> decode_segment_header(std::span<const std::byte> block, const std::filesystem::path& path);

// Thread-safe, except that one thread at a time grows it. The file is opened and mapped at the first use and
// stays so until destruction; a disk that fails under a mapping ends the process with SIGBUS. When there is only an
// archive of it, that is opened instead, and what is asked for is unpacked.
class Segment {
 public:
  // `growing`: the index of a segment that is still written; without one, the index is loaded from the side
  // file, or built from the frames, when it is first needed.
  Segment(Environment& environment, const std::filesystem::path& directory, const SegmentHeader& header,
          std::uint64_t durable_bytes, std::unique_ptr<GrowingIndex> growing);

  const SegmentHeader& header() const { return header_; }
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t base() const { return header_.base_address; }
  // The whole segment. An archived one is unpacked as a whole, and stays so until destruction.
  Expected<std::span<const std::byte>> bytes() const;
  // Bytes that hold `offset`, and with it the whole frame there if it is the beginning of one or inside it.
  Expected<SegmentWindow> window(std::uint64_t offset) const;
  // Moves `window` there, if it does not hold it already.
  Expected<void> move(SegmentWindow& window, std::uint64_t offset) const;
  // Where window() keeps what it unpacks; without it, it unpacks the whole segment. Before anybody reads.
  void unpack_into(UnpackedChunks& chunks) { chunks_ = &chunks; }

  // Offset behind the last durable frame; the frames before it are all durable.
  std::uint64_t durable_bytes() const { return durable_bytes_.load(std::memory_order_acquire); }
  void set_durable_bytes(std::uint64_t bytes) { durable_bytes_.store(bytes, std::memory_order_release); }
  // For the thread that grows the segment.
  GrowingIndex& growing() { return *growing_; }

  // A listed frame at or before what is sought. not_found when the segment has no frames.
  Expected<FramePlace> floor_by_position(std::uint64_t position) const;
  Expected<FramePlace> floor_by_time(std::int64_t ingest_time_us) const;
  // Appends the places of the records with `key`, oldest first.
  Expected<void> find(std::uint64_t key, std::vector<std::uint32_t>& places) const;

  // Writes the side file of a segment that grows no more, unless there is a good one, and uses it from then
  // on. Error: the side file could not be written; the index in memory stays in use.
  Expected<void> seal_index();

  // A chain state for beginning at a listed frame.
  ChainState chain_at(const FramePlace& place) const;
  // The frame that `chain` leads to; `damaged` naming file, offset, position and fault otherwise.
  Expected<Frame> frame_at(const SegmentWindow& window, const ChainState& chain, FrameCheck check) const;
  Error damage(std::uint64_t offset, std::uint64_t position, std::string_view what) const;

 private:
  // Calls `ask` with whichever index there is.
  template <class Ask>
  Expected<void> with_index(Ask ask) const;
  Expected<std::unique_ptr<SealedIndex>> load_index() const;
  Expected<std::unique_ptr<GrowingIndex>> build_index() const;
  void use(std::unique_ptr<SealedIndex> index) const;
  bool has_side_file() const;
  // Opens the file, or its archive, whichever there is. With mapping_mutex_ held.
  Expected<void> find_file() const;
  Expected<void> map_file(File& file) const;
  Expected<std::span<const std::byte>> unpack_all() const;

  Environment& environment_;
  std::filesystem::path directory_;
  std::filesystem::path path_;
  SegmentHeader header_;
  std::atomic<std::uint64_t> durable_bytes_;

  mutable std::mutex mapping_mutex_;
  mutable std::unique_ptr<Mapping> mapping_;
  mutable std::atomic<const std::byte*> mapped_{nullptr};  // the whole segment, mapped or unpacked
  mutable std::unique_ptr<ArchiveFile> archive_;
  mutable std::atomic<const ArchiveFile*> archived_{nullptr};
  mutable std::unique_ptr<std::byte, void (*)(void*)> unpacked_{nullptr, std::free};
  UnpackedChunks* chunks_ = nullptr;

  mutable std::mutex index_mutex_;
  mutable std::unique_ptr<GrowingIndex> growing_;  // until the sealed index takes over
  mutable std::unique_ptr<SealedIndex> sealed_;
  mutable std::atomic<const SealedIndex*> sealed_in_use_{nullptr};
};

// Adds a frame and its keyed records to the index of the segment it stands in.
void add_to_index(GrowingIndex& index, const Frame& frame, std::uint64_t offset, std::vector<KeyPlace>& scratch);

}  // namespace vigil::eventlog
