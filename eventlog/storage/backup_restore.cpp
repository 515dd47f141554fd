#include <algorithm>

#include "eventlog/storage/backup.h"
#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/recovery.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

class Restoring {
 public:
  Restoring(Environment& environment, const std::filesystem::path& backup, const std::filesystem::path& directory,
            const RestoreOptions& options)
      : environment_(environment),
        backup_(backup),
        directory_(directory),
        unfinished_(directory.string() + ".restoring"),
        options_(options) {}

  Expected<RestoreReport> run() {
    auto manifest = read_manifest(environment_, backup_);
    if (!manifest) return std::unexpected(manifest.error());
    manifest_ = *manifest;
    if (auto free = require_free(); !free) return std::unexpected(free.error());
    auto segments = read_segments(environment_, backup_log(backup_));
    if (!segments) return std::unexpected(segments.error());
    segments_ = std::move(*segments);
    if (auto chosen = choose_end(); !chosen) return std::unexpected(chosen.error());
    if (auto made = environment_.create_directories(unfinished_); !made) return std::unexpected(made.error());
    if (auto cleared = clear(); !cleared) return std::unexpected(cleared.error());
    if (auto copied = copy(); !copied) {
      static_cast<void>(clear());
      return std::unexpected(copied.error());
    }
    if (auto finished = finish(); !finished) return std::unexpected(finished.error());
    return report_;
  }

 private:
  Expected<void> require_free() {
    const auto names = environment_.list(directory_);
    if (!names && names.error().kind == ErrorKind::not_found) return {};
    if (!names) return std::unexpected(names.error());
    if (names->empty()) return {};
    return fail(ErrorKind::invalid, directory_.string() +
                                        ": holds a log already, which is never written over; restore into a new "
                                        "directory, or move this one away first");
  }

  std::unexpected<Error> out_of_reach(const std::string& what) const {
    return fail(ErrorKind::invalid,
                what + "; the backup reaches from position 1 to " + std::to_string(manifest_.position));
  }

  Expected<void> choose_end() {
    std::uint64_t position = manifest_.position;
    if (options_.position) {
      position = options_.position->value();
      if (position == 0 || position > manifest_.position) {
        return out_of_reach("position " + std::to_string(position) + " is not in the backup");
      }
    }
    if (options_.time) {
      auto reader = LogReader::open(environment_, backup_log(backup_));
      if (!reader) return std::unexpected(reader.error());
      auto behind = (*reader)->first_at_or_after(IngestTime{options_.time->value() + 1});
      if (!behind) return std::unexpected(behind.error());
      position = std::min(position, behind->value() - 1);
      if (position == 0) return out_of_reach("nothing was taken that early");
    }
    while (segments_.size() > 1 && segments_.back().header.first_position > position) segments_.pop_back();
    return find_end(position);
  }

  Expected<void> find_end(std::uint64_t position) {
    // What the segments behind were told of the ones before; the last one is asked itself.
    auto cut = find_cut(environment_, backup_log(backup_), segments_.back().header, [&](const FrameHeader& frame) {
      return frame.first_position + frame.event_count - 1 <= position;
    });
    if (!cut) return std::unexpected(cut.error());
    if (*cut) {
      end_ = **cut;
      return {};
    }
    if (segments_.size() == 1) {
      return out_of_reach("no frame ends at or before position " + std::to_string(position));
    }
    segments_.pop_back();
    return find_end(position);
  }

  Expected<void> copy() {
    const auto bytes_of = [](const StoredSegment& segment) {
      return segment.archive ? segment.archive->archive_bytes : segment.header.segment_bytes;
    };
    for (const StoredSegment& segment : segments_) bytes_in_all_ += bytes_of(segment);
    const auto progress = [this](std::uint64_t bytes) {
      report_.bytes += bytes;
      if (options_.progress) options_.progress(report_.bytes, bytes_in_all_);
    };
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const bool last = i + 1 == segments_.size();
      SegmentCopy copy{segments_[i], end_.end_address, end_.hash, !last};
      if (!last) {
        copy.end_address = segments_[i + 1].header.previous_end_address;
        copy.hash = segments_[i + 1].header.previous_hash;
      }
      // The writer goes on in the last one, and opening reads the one before (archive.h, kKeptMin).
      if (i + 1 + kLastUnpacked >= segments_.size()) copy.form = CopyForm::file;
      auto copied = copy_segment(environment_, backup_log(backup_), unfinished_, copy, progress);
      if (!copied) return std::unexpected(copied.error());
      if (last && copied->cut.last_position != end_.last_position) {
        return fail(ErrorKind::damaged, unfinished_.string() + ": ends at position " +
                                            std::to_string(copied->cut.last_position) + ", not at " +
                                            std::to_string(end_.last_position));
      }
    }
    return fill_rest(segments_.back().header);
  }

  // Copies are as short as their frames; the writer's segment has room for the next ones on the disk, so that none is
  // looked for while payments wait.
  Expected<void> fill_rest(const SegmentHeader& header) {
    auto file = environment_.open(unfinished_ / segment_name(header.first_position), OpenMode::write);
    if (!file) return std::unexpected(file.error());
    const std::uint64_t used = end_.end_address - header.base_address;
    if (auto filled = (*file)->write_zeros(used, header.segment_bytes - used); !filled) return filled;
    return (*file)->sync();
  }

  Expected<void> finish() {
    ChainState end;
    end.log_id = manifest_.log_id;
    end.address = end_.end_address;
    end.next_position = end_.last_position + 1;
    end.epoch = std::max(manifest_.epoch, end_.epoch) + kEpochsSkipped;
    end.ingest_time_us = end_.ingest_time_us;
    end.hash = end_.hash;
    if (auto marked = write_clean_marker(environment_, unfinished_, end); !marked) return marked;
    // An empty directory of that name gives way to it.
    if (auto named = environment_.rename(unfinished_, directory_); !named) return named;
    if (auto synced = environment_.sync_directory(directory_.parent_path()); !synced) return synced;
    report_.log_id = manifest_.log_id;
    report_.position = end_.last_position;
    report_.ingest_time_us = end_.ingest_time_us;
    report_.hash = end_.hash;
    report_.epoch = end.epoch;
    report_.segments = segments_.size();
    return {};
  }

  Expected<void> clear() {
    const auto names = environment_.list(unfinished_);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (auto removed = environment_.remove(unfinished_ / name); !removed) return removed;
    }
    return {};
  }

  static constexpr std::size_t kLastUnpacked = 1;

  Environment& environment_;
  const std::filesystem::path& backup_;
  const std::filesystem::path& directory_;
  const std::filesystem::path unfinished_;
  const RestoreOptions& options_;
  BackupManifest manifest_;
  std::vector<StoredSegment> segments_;
  SegmentCut end_;
  std::uint64_t bytes_in_all_ = 0;
  RestoreReport report_;
};

}  // namespace

Expected<RestoreReport> restore(Environment& environment, const std::filesystem::path& backup,
                                const std::filesystem::path& directory, const RestoreOptions& options) {
  return Restoring(environment, backup, directory, options).run();
}

}  // namespace vigil::eventlog
