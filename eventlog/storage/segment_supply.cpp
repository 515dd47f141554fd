#include "eventlog/storage/segment_supply.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <vector>

#include "eventlog/storage/planted_bug.h"

namespace vigil::eventlog {

namespace {

constexpr std::uint64_t kFillAtOnceBytes = 1u << 20;
// The zeros reach the disk in portions, so that commits under way need not queue behind a whole segment.
constexpr std::uint64_t kFillSyncBytes = 8u << 20;
// Between two portions, as long as nobody waits for the spare: it is needed much later, commits are on their
// way now. A default segment takes a second or two, and is used up in no less than that.
constexpr std::chrono::milliseconds kFillPause{4};

}  // namespace

SegmentSupply::SegmentSupply(Environment& environment, std::filesystem::path directory, std::uint64_t segment_bytes)
    : environment_(environment),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      monitor_(environment.make_monitor()) {
  // A spare left by the writer before was renamed only after it was synced, and nothing wrote to it since
  // but perhaps a header, which take() overwrites.
  if (auto file = environment_.open(directory_ / kSpareName, OpenMode::read)) {
    const auto bytes = (*file)->size();
    if (bytes && *bytes == segment_bytes_) spare_ = Spare::ready;
  }
  thread_ = environment_.start_thread([this] { work(); });
}

SegmentSupply::~SegmentSupply() {
  {
    const std::lock_guard lock(*monitor_);
    stop_ = true;
  }
  monitor_->notify_all();
  thread_.reset();
}

bool SegmentSupply::stopping() const {
  const std::lock_guard lock(*monitor_);
  return stop_;
}

void SegmentSupply::prepare() {
  {
    const std::lock_guard lock(*monitor_);
    if (spare_ != Spare::none) return;
    spare_ = Spare::wanted;
  }
  monitor_->notify_all();
}

void SegmentSupply::seal_index(Segment& segment) {
  {
    const std::lock_guard lock(*monitor_);
    to_seal_.push_back(&segment);
  }
  monitor_->notify_all();
}

void SegmentSupply::finish_indexes() {
  std::unique_lock lock(*monitor_);
  monitor_->wait_until([this] { return stop_ || (to_seal_.empty() && !sealing_); });
}

Expected<std::unique_ptr<File>> SegmentSupply::take(const SegmentHeader& header) {
  {
    std::unique_lock lock(*monitor_);
    if (spare_ == Spare::none || spare_ == Spare::failed) {
      spare_ = Spare::wanted;
      monitor_->notify_all();
    }
    urgent_ = true;
    bool tried_again = false;
    while (spare_ != Spare::ready) {
      monitor_->wait_until([this] { return spare_ == Spare::ready || spare_ == Spare::failed; });
      if (spare_ == Spare::ready) break;
      if (tried_again) return std::unexpected(*failure_);
      tried_again = true;
      spare_ = Spare::wanted;
      monitor_->notify_all();
    }
    spare_ = Spare::none;
    urgent_ = false;
  }
  const std::filesystem::path spare = directory_ / kSpareName;
  auto file = environment_.open(spare, OpenMode::write);
  if (!file) return file;
  if (auto done = (*file)->write_at(0, encode_segment_header(header)); !done) return std::unexpected(done.error());
  if (auto done = (*file)->sync(); !done) return std::unexpected(done.error());
  if (auto done = environment_.rename(spare, directory_ / segment_name(header.first_position)); !done) {
    return std::unexpected(done.error());
  }
  if (!planted(Bug::skip_directory_sync)) {
    if (auto done = environment_.sync_directory(directory_); !done) return std::unexpected(done.error());
  }
  return environment_.open(directory_ / segment_name(header.first_position), OpenMode::write);  // errors name it
}

void SegmentSupply::pause() {
  std::unique_lock lock(*monitor_);
  if (!stop_ && !urgent_) monitor_->wait_for(kFillPause);
}

Expected<void> SegmentSupply::fill(File& file) {
  std::uint64_t unsynced = 0;
  for (std::uint64_t at = 0; at < segment_bytes_;) {
    if (stopping()) return fail(ErrorKind::io, directory_.string() + ": closing while a segment is prepared");
    const std::uint64_t bytes = std::min(kFillAtOnceBytes, segment_bytes_ - at);
    if (auto done = file.write_zeros(at, bytes); !done) return done;
    at += bytes;
    unsynced += bytes;
    pause();
    if (unsynced >= kFillSyncBytes) {
      if (auto done = file.sync(); !done) return done;
      unsynced = 0;
    }
  }
  return file.sync();
}

Expected<void> SegmentSupply::make_spare() {
  const std::filesystem::path spare = directory_ / kSpareName;
  std::filesystem::path temporary = spare;
  temporary += kTemporarySuffix;
  const auto attempt = [&]() -> Expected<void> {
    auto file = environment_.open(temporary, OpenMode::create);
    if (!file) return std::unexpected(file.error());
    if (auto done = (*file)->allocate(segment_bytes_); !done) return done;
    if (auto done = fill(**file); !done) return done;
    if (auto done = environment_.rename(temporary, spare); !done) return done;
    return environment_.sync_directory(directory_);
  };
  auto made = attempt();
  // What was begun gives its room back; the next attempt begins anew.
  if (!made) static_cast<void>(environment_.remove(temporary));
  return made;
}

void SegmentSupply::work() {
  std::unique_lock lock(*monitor_);
  while (true) {
    monitor_->wait_until([this] { return stop_ || spare_ == Spare::wanted || !to_seal_.empty(); });
    if (spare_ == Spare::wanted && !stop_) {
      lock.unlock();
      auto made = make_spare();
      lock.lock();
      spare_ = made ? Spare::ready : Spare::failed;
      if (!made) failure_ = made.error();
    } else if (!to_seal_.empty() && !stop_) {
      Segment* segment = to_seal_.front();
      to_seal_.pop_front();
      sealing_ = true;
      lock.unlock();
      // Without its side file a segment's index is built when it is first asked; the next writer tries again.
      static_cast<void>(segment->seal_index());
      lock.lock();
      sealing_ = false;
    } else if (stop_) {
      if (spare_ == Spare::wanted) {
        spare_ = Spare::failed;
        failure_ = Error{ErrorKind::io, directory_.string() + ": closed"};
        monitor_->notify_all();
      }
      return;
    }
    monitor_->notify_all();
  }
}

}  // namespace vigil::eventlog
