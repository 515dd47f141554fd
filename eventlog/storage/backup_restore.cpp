#include <algorithm>
#include <system_error>

#include "eventlog/storage/backup.h"
#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
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
        lock_(directory.string() + ".restoring.LOCK"),
        options_(options) {}

  Expected<RestoreReport> run() {
    auto backup = open_backup(environment_, backup_);
    if (!backup) return std::unexpected(backup.error());
    manifest_ = std::move(backup->manifest);
    segments_ = std::move(backup->segments);
    if (auto chosen = choose_end(); !chosen) return std::unexpected(of_backup(chosen.error()));
    if (auto free = require_free(); !free) return std::unexpected(free.error());
    auto lock = lock_target();
    if (!lock) return std::unexpected(lock.error());
    auto made = make();
    if (!made) static_cast<void>(clear());
    // Nobody who finds another lock under this name finds the directory free as well.
    static_cast<void>(environment_.remove(lock_));
    if (!made) return std::unexpected(made.error());
    return report_;
  }

 private:
  // Two restores would clear and fill the same unfinished directory. The lock lies outside of it, as it is renamed.
  Expected<std::unique_ptr<Lock>> lock_target() {
    if (auto made = environment_.create_directories(directory_.parent_path()); !made) {
      return std::unexpected(made.error());
    }
    auto lock = environment_.lock(lock_);
    if (lock || lock.error().kind != ErrorKind::locked) return lock;
    return fail(ErrorKind::locked, directory_.string() + ": another `vigil restore` is making this log (it holds " +
                                       lock_.string() + "); wait for it, or restore into another directory");
  }

  Expected<void> make() {
    if (auto free = require_free(); !free) return free;
    if (auto cleared = clear(); !cleared) return cleared;
    if (auto made = environment_.create_directories(unfinished_); !made) return made;
    if (auto copied = copy(); !copied) return std::unexpected(of_backup(copied.error()));
    return finish();
  }

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
    CutLimit limit{.position = manifest_.position, .is_there = true};
    if (options_.position) {
      limit.position = options_.position->value();
      if (limit.position == 0 || limit.position > manifest_.position) {
        return out_of_reach("position " + std::to_string(limit.position) + " is not in the backup");
      }
    }
    if (options_.time) limit.ingest_time_us = options_.time->value();
    // From the last segment back, as only the first frame of one that is too late is looked at.
    for (; !segments_.empty(); segments_.pop_back()) {
      const SegmentHeader& header = segments_.back().header;
      const auto cut = find_cut(environment_, backup_log(backup_), header, limit);
      if (!cut) return std::unexpected(cut.error());
      if (*cut) {
        end_ = **cut;
        return {};
      }
      limit.position = std::min(limit.position, header.first_position - 1);
    }
    if (options_.time) return out_of_reach("nothing was taken that early");
    return out_of_reach("no frame ends at or before position " +
                        std::to_string(options_.position.value_or(Position{manifest_.position}).value()));
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

  // What an interrupted restore left must not get into this log. The seam to the machine removes no directories; an
  // empty one that stays is in nobody's way.
  Expected<void> clear() {
    const auto names = environment_.list(unfinished_);
    if (!names && names.error().kind == ErrorKind::not_found) return {};
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (auto removed = environment_.remove(unfinished_ / name); !removed) return removed;
    }
    std::error_code ignored;
    std::filesystem::remove(unfinished_, ignored);
    return {};
  }

  static constexpr std::size_t kLastUnpacked = 1;

  Environment& environment_;
  const std::filesystem::path& backup_;
  const std::filesystem::path& directory_;
  const std::filesystem::path unfinished_;
  const std::filesystem::path lock_;
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
