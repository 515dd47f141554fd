#include "eventlog/storage/backup.h"

#include <algorithm>

#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_supply.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

namespace {

constexpr std::string_view kOldIncomingName = "incoming";  // where earlier versions put copies; they left it empty
constexpr std::string_view kBackupLockName = "LOCK.backup";

// One segment of the log as it shall be in the backup.
struct Wanted {
  StoredSegment stored;
  SegmentCut cut;
  bool sealed = true;
  bool there = false;  // the backup has it already
};

class Backup {
 public:
  Backup(Environment& environment, const std::filesystem::path& directory, const std::filesystem::path& backup,
         const BackupOptions& options)
      : environment_(environment), directory_(directory), backup_(backup), options_(options) {}

  Expected<BackupReport> run() {
    if (auto planned = plan(); !planned) return std::unexpected(planned.error());
    if (auto backup = require_backup(); !backup) return std::unexpected(backup.error());
    if (auto made = environment_.create_directories(backup_log(backup_)); !made) return std::unexpected(made.error());
    auto lock = environment_.lock(backup_ / kBackupLockName);
    if (!lock) return std::unexpected(lock.error());
    if (auto accepted = accept_target(); !accepted) return std::unexpected(accepted.error());
    if (auto compared = compare(); !compared) return std::unexpected(compared.error());
    if (auto copied = copy(); !copied) {
      clear_unfinished();
      return std::unexpected(copied.error());
    }
    if (auto published = publish(); !published) return std::unexpected(published.error());
    return std::move(report_);
  }

 private:
  std::filesystem::path target() const { return backup_log(backup_); }

  // What is durable now, and the segments that hold it.
  Expected<void> plan() {
    auto reader = LogReader::open(environment_, directory_);
    if (!reader) return std::unexpected(reader.error());
    const std::uint64_t durable = (*reader)->durable().value();
    reader->reset();
    if (durable == 0)
      return fail(ErrorKind::invalid, directory_.string() + ": the log has no events yet; nothing to back up");
    auto segments = read_segments(environment_, directory_);
    if (!segments) return std::unexpected(segments.error());
    for (std::size_t i = 0; i < segments->size() && (*segments)[i].header.first_position <= durable; ++i) {
      Wanted& wanted = wanted_.emplace_back();
      wanted.stored = (*segments)[i];
      wanted.sealed = i + 1 < segments->size();
      if (!wanted.sealed) continue;
      const SegmentHeader& following = (*segments)[i + 1].header;
      wanted.cut.end_address = following.previous_end_address;
      wanted.cut.hash = following.previous_hash;
      wanted.cut.last_position = following.first_position - 1;
    }
    // The epoch and the time of the last frame are in no header, and where an active segment's durable part ends
    // neither.
    const SegmentHeader& last = wanted_.back().stored.header;
    const std::uint64_t wanted = wanted_.back().sealed ? wanted_.back().cut.last_position : durable;
    const auto end = find_cut(environment_, directory_, last, {.position = wanted, .is_there = true});
    if (!end) return std::unexpected(end.error());
    if (!*end || (*end)->last_position != wanted) {
      const std::uint64_t position = *end ? (*end)->last_position + 1 : last.first_position;
      return fail(ErrorKind::damaged, (directory_ / segment_name(last.first_position)).string() +
                                          ": damaged: has no commit with position " + std::to_string(position) +
                                          std::string(kRestoreHint));
    }
    wanted_.back().cut = **end;
    return {};
  }

  // Asked before anything is made there.
  Expected<void> require_backup() const {
    const auto names = environment_.list(backup_);
    if (!names && names.error().kind == ErrorKind::not_found) return {};
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (name == "log" || name == kOldIncomingName || name == kBackupLockName || name.starts_with(kManifestName)) {
        continue;
      }
      return fail(ErrorKind::invalid, backup_.string() + ": is no backup: it holds '" + name +
                                          "'; give a new or empty directory, or that of an earlier backup");
    }
    return {};
  }

  // Nothing yet, or a backup of this log, whose last frame this log has too.
  Expected<void> accept_target() {
    const SegmentHeader& ours = wanted_.front().stored.header;
    auto manifest = read_manifest(environment_, backup_);
    if (!manifest) {
      return manifest.error().kind == ErrorKind::not_found ? Expected<void>() : std::unexpected(manifest.error());
    }
    if (manifest->log_id != ours.log_id) {
      return fail(ErrorKind::invalid, backup_.string() + ": is the backup of another log (" + hex(manifest->log_id) +
                                          ", this one is " + hex(ours.log_id) + "); give another directory");
    }
    for (const Wanted& wanted : wanted_) {
      if (manifest->end_address > wanted.cut.end_address) continue;
      const auto same = has_frame_end(wanted, *manifest);
      if (!same) return std::unexpected(same.error());
      if (*same) return {};
      break;
    }
    return fail(ErrorKind::invalid, backup_.string() + ": ends at position " + std::to_string(manifest->position) +
                                        " with a frame that this log does not have: another history of the same log, "
                                        "or this log has lost its end; give another directory, and keep this backup");
  }

  Expected<bool> has_frame_end(const Wanted& wanted, const BackupManifest& manifest) const {
    if (manifest.end_address == wanted.cut.end_address) return manifest.hash == wanted.cut.hash;
    auto cut = find_cut(environment_, directory_, wanted.stored.header, {manifest.position});
    if (!cut) return std::unexpected(cut.error());
    return *cut && (*cut)->end_address == manifest.end_address && (*cut)->hash == manifest.hash;
  }

  // Which sealed segments are in the backup already, with the same header and root.
  Expected<void> compare() {
    auto there = list_segments(environment_, target());
    if (!there) return std::unexpected(there.error());
    for (const std::uint64_t first : *there) {
      const auto ours =
          std::ranges::find(wanted_, first, [](const Wanted& w) { return w.stored.header.first_position; });
      if (ours == wanted_.end()) {
        return fail(ErrorKind::invalid, (target() / segment_name(first)).string() +
                                            ": this log has no such segment; give another directory");
      }
      auto theirs = read_segment(environment_, target(), first);
      if (!theirs) continue;  // damaged: it is copied anew
      if (theirs->header.log_id != ours->stored.header.log_id) {
        return fail(ErrorKind::invalid,
                    (target() / segment_name(first)).string() + ": a segment of another log; give another directory");
      }
      if (!ours->sealed || !std::ranges::equal(checked_bytes(theirs->header), checked_bytes(ours->stored.header)))
        continue;
      auto same = ends_at(environment_, target(), *theirs, ours->cut.end_address, ours->cut.hash);
      if (!same || !*same) continue;
      if (options_.check_all && !is_intact_there(*ours)) continue;
      ours->there = true;
      ours->stored = *theirs;
    }
    return {};
  }

  bool is_intact_there(const Wanted& wanted) {
    ++report_.checked;
    SegmentCheck check{.environment = environment_, .directory = target(), .header = wanted.stored.header};
    check.end_address = wanted.cut.end_address;
    return require_intact(check, wanted.cut.hash).has_value();
  }

  Expected<void> copy() {
    clear_unfinished();
    for (const Wanted& wanted : wanted_) {
      if (!wanted.there) bytes_in_all_ += bytes_of(wanted);
    }
    for (Wanted& wanted : wanted_) {
      if (wanted.there) {
        keep(wanted);
      } else if (auto copied = take(wanted); !copied) {
        return copied;
      }
    }
    const SegmentCut& end = wanted_.back().cut;
    report_.manifest.log_id = wanted_.front().stored.header.log_id;
    report_.manifest.position = end.last_position;
    report_.manifest.end_address = end.end_address;
    report_.manifest.hash = end.hash;
    report_.manifest.epoch = end.epoch;
    report_.manifest.ingest_time_us = end.ingest_time_us;
    report_.manifest.taken_us = environment_.now().value();
    return {};
  }

  static std::uint64_t bytes_of(const Wanted& wanted) {
    return wanted.stored.archive ? wanted.stored.archive->archive_bytes
                                 : wanted.cut.end_address - wanted.stored.header.base_address;
  }

  void keep(const Wanted& wanted) {
    const SegmentHeader& header = wanted.stored.header;
    const bool archived = wanted.stored.archive.has_value();
    const std::uint64_t bytes = archived ? wanted.stored.archive->archive_bytes : header.segment_bytes;
    ++report_.kept;
    report_.kept_bytes += bytes;
    report_.manifest.segments.push_back(
        {archived ? archive_name(header.first_position) : segment_name(header.first_position), bytes, wanted.cut.hash});
  }

  Expected<void> take(Wanted& wanted) {
    SegmentCopy copy{wanted.stored, wanted.cut.end_address, wanted.cut.hash, wanted.sealed};
    copy.suffix = kTemporarySuffix;
    const std::uint64_t first = wanted.stored.header.first_position;
    // What there is of it under the other name would count before an archive.
    if (environment_.open(target() / segment_name(first), OpenMode::read)) copy.form = CopyForm::file;
    const auto progress = [this](std::uint64_t bytes) {
      bytes_done_ += bytes;
      report_.copied_bytes += bytes;
      if (options_.progress) options_.progress(bytes_done_, bytes_in_all_);
    };
    auto copied = copy_segment(environment_, directory_, target(), copy, progress);
    if (!copied && copied.error().kind == ErrorKind::not_found) {
      // Archiving or unarchiving went by; it is there in the other form now.
      auto again = read_segment(environment_, directory_, first);
      if (!again) return std::unexpected(again.error());
      wanted.stored = *again;
      copied = copy_segment(environment_, directory_, target(), copy, progress);
    }
    if (!copied) return std::unexpected(copied.error());
    unpublished_.push_back(copied->name);
    ++report_.copied;
    ++report_.checked;
    report_.manifest.segments.push_back({copied->name, copied->bytes, copied->cut.hash});
    return {};
  }

  // Oldest first, and each on the disk before the next, so that at any moment, whatever a power cut leaves of the
  // directory, it holds a whole log.
  Expected<void> publish() {
    for (const std::string& name : unpublished_) {
      auto done = environment_.rename(target() / (name + std::string(kTemporarySuffix)), target() / name);
      if (done) done = environment_.sync_directory(target());
      if (!done) return done;
    }
    return write_manifest(environment_, backup_, report_.manifest);
  }

  // What an interrupted call left as well.
  void clear_unfinished() {
    const auto names = environment_.list(target());
    if (!names) return;
    for (const std::string& name : *names) {
      if (name.ends_with(kTemporarySuffix)) static_cast<void>(environment_.remove(target() / name));
    }
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const std::filesystem::path& backup_;
  const BackupOptions& options_;
  std::vector<Wanted> wanted_;
  std::vector<std::string> unpublished_;  // copied, still under their temporary names
  std::uint64_t bytes_in_all_ = 0;
  std::uint64_t bytes_done_ = 0;
  BackupReport report_;
};

}  // namespace

Expected<BackupReport> back_up(Environment& environment, const std::filesystem::path& directory,
                               const std::filesystem::path& backup, const BackupOptions& options) {
  return Backup(environment, directory, backup, options).run();
}

}  // namespace vigil::eventlog
