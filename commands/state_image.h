// Images of the write state beside the log, so that a start folds only the events behind the newest one.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "commands/write_state.h"
#include "eventlog/storage/image_file.h"
#include "eventlog/storage/log.h"

namespace vigil::commands {

// Raise it whenever a fold of the write state, or how its pieces are saved, changes: older images are not used then.
inline constexpr std::uint32_t kStateVersion = 2;

// What an image says of itself: its last piece.
struct ImageSummary {
  static constexpr char kNoPart = '\xff';
  std::string log_id;
  eventlog::Placed begun;        // all before and with it is in every piece
  eventlog::Placed ended;        // nothing behind it is in any piece; durable before the image was published
  std::uint64_t ended_hash = 0;  // of that event: the image is of this very history
  std::uint64_t plan_hash = 0;
  eventlog::EventTime stream_time;            // when the last piece was saved
  eventlog::EventTime ids_forgotten_before;   // likewise (transaction_index.h)
  std::vector<eventlog::Placed> activations;  // up to `begun`
  std::string parts;                          // of each piece, one byte; kNoPart: it is to be passed over
};
// Errors: not_found, io, damaged, unsupported_version (another kStateVersion).
eventlog::Expected<ImageSummary> read_summary(const eventlog::ImageReader& image);
// Of the image at `path`; nothing when there is none that can be trusted: the log is folded from its beginning then.
std::optional<ImageSummary> peek_summary(eventlog::Environment& environment, const std::filesystem::path& path);

struct RestoredState {
  std::unique_ptr<WriteState> state;  // as of the newest durable event
  eventlog::Placed begun;             // of the image; the events behind it were folded
  std::uint64_t image_bytes = 0;
};
// From the image at `path` and the events behind it. Every error means that the image is of no use, and says why:
// not_found, io, damaged, unsupported_version, invalid (of another log, or made for other features).
eventlog::Expected<RestoredState> restore_state(eventlog::Environment& environment, const std::filesystem::path& path,
                                                const eventlog::LogSource& log, std::uint64_t undurable_bytes_max,
                                                const std::function<void(std::uint64_t, std::uint64_t)>& progress);

// Takes images while the state goes on. All calls belong to the deciding thread; files are written by a thread of their
// own. Each share is as large as the log's growth asks for, so that an image is complete when the log has grown by
// half an interval. A failed image is given up with a warning in the program's log; the next one is tried after an
// interval.
class StateImages {
 public:
  // An image is begun when the log has grown by `interval_bytes` since the last, by more (up to twice that) when
  // images are large. 0: never.
  StateImages(eventlog::Environment& environment, const eventlog::Log& log, std::filesystem::path path,
              std::uint64_t interval_bytes);

  // The state came from an image: the next one is due an interval behind it.
  void restored_from(eventlog::Placed begun, std::uint64_t image_bytes, std::uint64_t state_number) {
    begun_ = begun;
    image_bytes_ = image_bytes;
    state_number_ = state_number;
  }
  // Does the next share, if one is due. `state_number` changes when `state` is another one than before: an image
  // that was begun of the one before is given up.
  void advance(const WriteState& state, std::uint64_t state_number);
  // The whole image at once, waiting for the disk. All of `state` must be durable. Only if an interval has passed.
  void take_if_due(const WriteState& state, std::uint64_t state_number);

 private:
  std::uint64_t interval() const;
  bool due(const WriteState& state) const;
  void begin(const WriteState& state);
  void begin_again_with_lists(const WriteState& state);
  void save_up_to(const WriteState& state, std::uint64_t bytes);
  void save_piece(const WriteState& state);
  void publish_when_durable();
  void look_at_end();
  void look_at_state(std::uint64_t state_number);
  void give_up(const std::string& reason);

  eventlog::Environment& environment_;
  const eventlog::Log& log_;
  std::filesystem::path path_;
  std::uint64_t interval_bytes_;
  std::uint64_t image_bytes_ = 0;  // of the last image, or what the first may come to
  eventlog::Placed begun_{};       // where the newest image, or the one being taken, was begun
  // Of the image being taken.
  std::unique_ptr<eventlog::ImageWriter> writer_;
  std::uint64_t state_number_ = 0;
  WriteState::SavedSoFar saved_;
  ImageSummary summary_;
  bool all_saved_ = false, published_ = false;
};

}  // namespace vigil::commands
