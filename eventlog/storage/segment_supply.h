// Prepares segment files ahead of need, and writes the side files of sealed ones, in the background.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

// Names in the log's directory besides segments and their side files.
inline constexpr std::string_view kSpareName = "spare";       // zero-filled and synced, waiting for its name
inline constexpr std::string_view kTemporarySuffix = ".tmp";  // unfinished; removed by the next writer

// Thread-safe. Owns a thread.
class SegmentSupply {
 public:
  SegmentSupply(Environment& environment, std::filesystem::path directory, std::uint64_t segment_bytes);
  ~SegmentSupply();

  // Sees to it that a spare is there, or soon will be. A failure is only told when a segment is taken.
  void prepare();
  // Waits for the spare, makes it the segment of `header` and durable under its name. A preparation that
  // failed before is tried once more. Errors: full, io; then there is no such segment.
  Expected<std::unique_ptr<File>> take(const SegmentHeader& header);
  // Writes the side file of a segment that grows no more, when there is time. The segment must outlive this.
  void seal_index(Segment& segment);
  // Waits until all side files asked for are written or have failed (they are never needed for correctness).
  void finish_indexes();

 private:
  enum class Spare { none, wanted, ready, failed };

  void work();
  Expected<void> make_spare();
  void pause();
  Expected<void> fill(File& file);
  bool stopping() const;

  Environment& environment_;
  const std::filesystem::path directory_;
  const std::uint64_t segment_bytes_;

  const std::unique_ptr<Monitor> monitor_;  // guards what follows; notified when it changes
  Spare spare_ = Spare::none;
  std::optional<Error> failure_;
  std::deque<Segment*> to_seal_;
  bool sealing_ = false;
  bool stop_ = false;
  bool urgent_ = false;  // somebody waits for the spare

  std::unique_ptr<Thread> thread_;  // last: ends before what it uses
};

}  // namespace vigil::eventlog
