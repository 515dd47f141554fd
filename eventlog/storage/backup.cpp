#include "eventlog/storage/backup.h"

#include <algorithm>

#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

constexpr std::string_view kIncomingName = "incoming";  // copies that have not got their names yet
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
    if (auto made = environment_.create_directories(backup_log(backup_)); !made) return std::unexpected(made.error());
    auto lock = environment_.lock(backup_ / kBackupLockName);
    if (!lock) return std::unexpected(lock.error());
    if (auto accepted = accept_target(); !accepted) return std::unexpected(accepted.error());
    if (auto compared = compare(); !compared) return std::unexpected(compared.error());
    if (auto copied = copy(); !copied) {
      clear_incoming();
      return std::unexpected(copied.error());
    }
    if (auto published = publish(); !published) return std::unexpected(published.error());
    return std::move(report_);
  }

 private:
  std::filesystem::path target() const { return backup_log(backup_); }
  std::filesystem::path incoming() const { return backup_ / kIncomingName; }

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
      if (wanted.sealed) {
        const SegmentHeader& following = (*segments)[i + 1].header;
        wanted.cut.end_address = following.previous_end_address;
        wanted.cut.hash = following.previous_hash;
        wanted.cut.last_position = following.first_position - 1;
        continue;
      }
      auto cut = find_cut(environment_, directory_, wanted.stored.header, [&](const FrameHeader& frame) {
        return frame.first_position + frame.event_count - 1 <= durable;
      });
      if (!cut) return std::unexpected(cut.error());
      wanted.cut = cut->value();  // it begins at or before the durable position, so there is a frame
    }
    return {};
  }

  // A new or empty directory, or a backup of this log, whose last frame this log has too.
  Expected<void> accept_target() {
    auto names = environment_.list(backup_);
    if (!names) return std::unexpected(names.error());
    const SegmentHeader& ours = wanted_.front().stored.header;
    for (const std::string& name : *names) {
      if (name == "log" || name == kIncomingName || name == kBackupLockName || name.starts_with(kManifestName))
        continue;
      return fail(ErrorKind::invalid, backup_.string() + ": is no backup: it holds '" + name +
                                          "'; give a new or empty directory, or that of an earlier backup");
    }
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
    auto cut = find_cut(environment_, directory_, wanted.stored.header, [&](const FrameHeader& frame) {
      return frame.first_position + frame.event_count - 1 <= manifest.position;
    });
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
      if (options_.check_all && !check_there(*ours)) continue;
      ours->there = true;
      ours->stored = *theirs;
    }
    return {};
  }

  bool check_there(const Wanted& wanted) {
    ++report_.checked;
    return check_segment(environment_, target(), wanted.stored.header, wanted.cut.end_address, wanted.cut.hash)
        .has_value();
  }

  Expected<void> copy() {
    if (auto made = environment_.create_directories(incoming()); !made) return made;
    clear_incoming();
    for (const Wanted& wanted : wanted_) {
      if (!wanted.there) bytes_in_all_ += bytes_of(wanted);
    }
    for (Wanted& wanted : wanted_) {
      if (auto copied = wanted.there ? keep(wanted) : take(wanted); !copied) return copied;
    }
    const SegmentCut& end = wanted_.back().cut;
    report_.manifest.log_id = wanted_.front().stored.header.log_id;
    report_.manifest.position = end.last_position;
    report_.manifest.end_address = end.end_address;
    report_.manifest.hash = end.hash;
    report_.manifest.epoch = end.epoch;
    report_.manifest.ingest_time_us = end.ingest_time_us;
    report_.manifest.taken_us = environment_.now().value();
    return environment_.sync_directory(incoming());
  }

  static std::uint64_t bytes_of(const Wanted& wanted) {
    return wanted.stored.archive ? wanted.stored.archive->archive_bytes
                                 : wanted.cut.end_address - wanted.stored.header.base_address;
  }

  Expected<void> keep(Wanted& wanted) {
    if (&wanted == &wanted_.back()) {
      // Its epoch and time are not in any header; the last frame has them.
      auto cut = find_cut(environment_, target(), wanted.stored.header, [](const FrameHeader&) { return true; });
      if (!cut) return std::unexpected(cut.error());
      wanted.cut = cut->value();
    }
    const SegmentHeader& header = wanted.stored.header;
    const bool archived = wanted.stored.archive.has_value();
    const std::uint64_t bytes = archived ? wanted.stored.archive->archive_bytes : header.segment_bytes;
    ++report_.kept;
    report_.kept_bytes += bytes;
    report_.manifest.segments.push_back(
        {archived ? archive_name(header.first_position) : segment_name(header.first_position), bytes, wanted.cut.hash});
    return {};
  }

  Expected<void> take(Wanted& wanted) {
    SegmentCopy copy{wanted.stored, wanted.cut.end_address, wanted.cut.hash, wanted.sealed};
    const std::uint64_t first = wanted.stored.header.first_position;
    // What there is of it under the other name would count before an archive.
    if (environment_.open(target() / segment_name(first), OpenMode::read)) copy.form = CopyForm::file;
    const auto progress = [this](std::uint64_t bytes) {
      bytes_done_ += bytes;
      report_.copied_bytes += bytes;
      if (options_.progress) options_.progress(bytes_done_, bytes_in_all_);
    };
    auto copied = copy_segment(environment_, directory_, incoming(), copy, progress);
    if (!copied && copied.error().kind == ErrorKind::not_found) {
      // Archiving or unarchiving went by; it is there in the other form now.
      auto again = read_segment(environment_, directory_, first);
      if (!again) return std::unexpected(again.error());
      wanted.stored = *again;
      copied = copy_segment(environment_, directory_, incoming(), copy, progress);
    }
    if (!copied) return std::unexpected(copied.error());
    wanted.cut = copied->cut;
    ++report_.copied;
    ++report_.checked;
    report_.manifest.segments.push_back({copied->name, copied->bytes, copied->cut.hash});
    return {};
  }

  // Oldest first, so that at any moment the directory holds a whole log.
  Expected<void> publish() {
    auto names = environment_.list(incoming());
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      if (auto renamed = environment_.rename(incoming() / name, target() / name); !renamed) return renamed;
    }
    if (auto synced = environment_.sync_directory(target()); !synced) return synced;
    return write_manifest(environment_, backup_, report_.manifest);
  }

  void clear_incoming() {
    const auto names = environment_.list(incoming());
    if (!names) return;
    for (const std::string& name : *names) static_cast<void>(environment_.remove(incoming() / name));
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const std::filesystem::path& backup_;
  const BackupOptions& options_;
  std::vector<Wanted> wanted_;
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
