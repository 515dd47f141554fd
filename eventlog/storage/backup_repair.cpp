#include <algorithm>

#include "eventlog/storage/backup.h"
#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_supply.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

namespace {

class Repair {
 public:
  Repair(Environment& environment, const std::filesystem::path& directory, const std::filesystem::path& backup,
         const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : environment_(environment), directory_(directory), backup_(backup), progress_(progress) {}

  Expected<RepairReport> run() {
    auto backup = open_backup(environment_, backup_);
    if (!backup) return std::unexpected(backup.error());
    theirs_ = std::move(backup->segments);
    auto lock = environment_.lock(directory_ / "LOCK");
    if (!lock) return std::unexpected(lock.error());
    if (auto read = read_ours(); !read) return std::unexpected(read.error());
    if (auto same = require_same_history(); !same) return std::unexpected(same.error());
    if (auto end = require_end(backup->end, backup->manifest); !end) return std::unexpected(end.error());
    // The backup's last segment may have grown since; where ours ends, and whether it is sealed, only the next knows.
    for (std::size_t i = 0; i < theirs_.size(); ++i) {
      if (auto done = mend(i); !done) return std::unexpected(done.error());
      if (progress_) progress_(i + 1, theirs_.size());
    }
    return std::move(report_);
  }

 private:
  Expected<void> read_ours() {
    auto there = list_segments(environment_, directory_);
    // A name that is no segment's is for a person to judge.
    if (!there) return std::unexpected(there.error());
    for (const std::uint64_t first : *there) {
      Ours& ours = ours_.emplace_back();
      ours.first_position = first;
      auto read = read_segment(environment_, directory_, first);
      if (read) {
        ours.stored = *read;
      } else if (!can_be_mended(read.error(), first == there->back())) {
        return std::unexpected(read.error());
      }
    }
    if (ours_.empty()) {
      return fail(ErrorKind::invalid, directory_.string() + ": there is nothing to repair; `vigil restore --from " +
                                          backup_.string() + "` makes the log anew");
    }
    return {};
  }

  // A sector of a sealed segment that cannot be read is lost as a flipped bit is. All else, such as a file of a newer
  // Vigil, or archives whose disk is away, is no damage.
  static bool can_be_mended(const Error& error, bool last) {
    return error.kind == ErrorKind::damaged || (error.kind == ErrorKind::io && !last);
  }

  struct Ours {
    std::uint64_t first_position = 0;
    std::optional<StoredSegment> stored;  // nothing when its header cannot be read
  };

  const Ours* ours_at(std::uint64_t first_position) const {
    const auto found = std::ranges::find(ours_, first_position, &Ours::first_position);
    return found == ours_.end() ? nullptr : &*found;
  }

  // Every header that can be read and stands where the backup reaches must be the backup's, hash before it included: a
  // log that went another way begins its segments elsewhere. One at least has to say so.
  Expected<void> require_same_history() {
    bool agreed = false;
    for (const Ours& ours : ours_) {
      if (!ours.stored || ours.stored->header.base_address > theirs_.back().header.base_address) continue;
      const auto same = std::ranges::find_if(theirs_, [&](const StoredSegment& segment) {
        return std::ranges::equal(checked_bytes(segment.header), checked_bytes(ours.stored->header));
      });
      if (same == theirs_.end()) return disagreement(ours.first_position);
      agreed = true;
    }
    if (agreed) return {};
    return fail(ErrorKind::invalid, directory_.string() +
                                        ": no segment of it proves that it is the log of this backup; "
                                        "`vigil restore` into another directory instead");
  }

  std::unexpected<Error> disagreement(std::uint64_t first_position) const {
    return fail(ErrorKind::invalid, (directory_ / segment_name(first_position)).string() +
                                        ": is not of the history the backup " + backup_.string() +
                                        " holds: chain hashes do not agree; nothing more was changed");
  }

  // A log that lost its end looks whole by itself; the backup knows how far it reached. Our last segment is recovery's,
  // so it is never mended.
  Expected<void> require_end(const SegmentCut& end, const BackupManifest& manifest) const {
    const SegmentHeader& theirs = theirs_[manifest.segments.size() - 1].header;
    const Ours& last = ours_.back();
    if (last.first_position >= theirs_.back().header.first_position) {
      if (last.first_position > theirs.first_position) return {};
      std::optional<Hash> found;
      SegmentCheck check{.environment = environment_, .directory = directory_, .header = theirs, .sealed = false};
      check.seen = [&](const Frame& frame) {
        if (frame.header.first_position + frame.header.event_count - 1 == end.last_position) found = frame.hash;
      };
      const auto verdict = verify_segment(check);
      if (!verdict) return std::unexpected(verdict.error());
      if (found && *found != end.hash) return disagreement(last.first_position);
      if (found) return {};
      if (verdict->damage) return std::unexpected(*verdict->damage);
    }
    return fail(ErrorKind::invalid, directory_.string() + ": lost its end: it does not reach position " +
                                        std::to_string(end.last_position) +
                                        " as the backup does; nothing was changed; `vigil restore --from " +
                                        backup_.string() + "` into another directory gives all that the backup has");
  }

  // Where our own next segment, or else the backup's, says that this one ends; nothing when there is none behind it.
  std::optional<SegmentHeader> header_behind(std::size_t i) const {
    const std::uint64_t base = theirs_[i].header.base_address + theirs_[i].header.segment_bytes;
    if (i + 1 < theirs_.size()) return theirs_[i + 1].header;
    for (const Ours& ours : ours_) {
      if (ours.stored && ours.stored->header.base_address == base) return ours.stored->header;
    }
    return std::nullopt;
  }

  Expected<void> mend(std::size_t i) {
    const SegmentHeader& header = theirs_[i].header;
    const Ours* ours = ours_at(header.first_position);
    const auto behind = header_behind(i);
    // A log's last segment is recovery's.
    if (!behind || header.first_position == ours_.back().first_position) return {};
    const std::uint64_t end = behind->previous_end_address;
    if (ours != nullptr && ours->stored) {
      SegmentCheck check{.environment = environment_, .directory = directory_, .header = ours->stored->header};
      check.end_address = end;
      const auto intact = require_intact(check, behind->previous_hash);
      ++report_.checked;
      if (intact) return {};
      if (!can_be_mended(intact.error(), false)) return std::unexpected(intact.error());
    }
    const auto reaches = ends_at(environment_, backup_log(backup_), theirs_[i], end, behind->previous_hash);
    if (!reaches) return std::unexpected(reaches.error());
    if (!*reaches) {
      return fail(ErrorKind::invalid, (directory_ / segment_name(header.first_position)).string() +
                                          ": is damaged, and the backup has only a part of it; use a newer backup, or "
                                          "`vigil restore` from this one");
    }
    return replace(theirs_[i], end, behind->previous_hash);
  }

  Expected<void> replace(const StoredSegment& segment, std::uint64_t end, const Hash& hash) {
    const std::uint64_t first = segment.header.first_position;
    SegmentCopy copy{segment, end, hash};
    copy.suffix = kTemporarySuffix;
    // Only what was archived here becomes an archive: opening reads the newest sealed segment's own file.
    if (!environment_.open(directory_ / archive_name(first), OpenMode::read)) copy.form = CopyForm::file;
    auto copied = copy_segment(environment_, backup_log(backup_), directory_, copy, {});
    if (!copied) return std::unexpected(of_backup(copied.error()));
    for (const std::string& name : {segment_name(first), archive_name(first)}) {
      if (auto done = set_aside(name); !done) return done;
    }
    const std::filesystem::path path = directory_ / copied->name;
    if (auto named = environment_.rename(path.string() + std::string(kTemporarySuffix), path); !named) return named;
    if (auto synced = environment_.sync_directory(directory_); !synced) return synced;
    report_.repaired.push_back(copied->name);
    return {};
  }

  Expected<void> set_aside(const std::string& name) {
    if (auto there = environment_.open(directory_ / name, OpenMode::read); !there) {
      return there.error().kind == ErrorKind::not_found ? Expected<void>() : std::unexpected(there.error());
    }
    std::string aside = name + ".damaged";
    for (int n = 2; environment_.open(directory_ / aside, OpenMode::read); ++n) {
      aside = name + ".damaged." + std::to_string(n);
    }
    if (auto renamed = environment_.rename(directory_ / name, directory_ / aside); !renamed) return renamed;
    report_.set_aside.push_back(aside);
    return {};
  }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const std::filesystem::path& backup_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  std::vector<StoredSegment> theirs_;
  std::vector<Ours> ours_;
  RepairReport report_;
};

}  // namespace

Expected<RepairReport> repair(Environment& environment, const std::filesystem::path& directory,
                              const std::filesystem::path& backup,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  return Repair(environment, directory, backup, progress).run();
}

}  // namespace vigil::eventlog
