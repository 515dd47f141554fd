#include <algorithm>

#include "eventlog/storage/backup.h"
#include "eventlog/storage/backup_copy.h"
#include "eventlog/storage/backup_manifest.h"
#include "eventlog/storage/segment.h"

namespace vigil::eventlog {

namespace {

// Copies wait here for their check; recovery knows nothing of it, and nobody reads it.
constexpr std::string_view kRepairingName = "repairing";

class Repair {
 public:
  Repair(Environment& environment, const std::filesystem::path& directory, const std::filesystem::path& backup,
         const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : environment_(environment), directory_(directory), backup_(backup), progress_(progress) {}

  Expected<RepairReport> run() {
    auto manifest = read_manifest(environment_, backup_);
    if (!manifest) return std::unexpected(manifest.error());
    auto lock = environment_.lock(directory_ / "LOCK");
    if (!lock) return std::unexpected(lock.error());
    auto theirs = read_segments(environment_, backup_log(backup_));
    if (!theirs) return std::unexpected(theirs.error());
    theirs_ = std::move(*theirs);
    if (auto read = read_ours(); !read) return std::unexpected(read.error());
    if (auto same = require_same_history(); !same) return std::unexpected(same.error());
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
      if (auto read = read_segment(environment_, directory_, first)) ours.stored = *read;
    }
    if (ours_.empty()) {
      return fail(ErrorKind::invalid, directory_.string() + ": there is nothing to repair; `vigil restore --from " +
                                          backup_.string() + "` makes the log anew");
    }
    return {};
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
      const auto intact = check_segment(environment_, directory_, ours->stored->header, end, behind->previous_hash);
      ++report_.checked;
      if (intact) return {};
      if (intact.error().kind != ErrorKind::damaged) return std::unexpected(intact.error());
    } else if (ours == nullptr && header.first_position > ours_.back().first_position) {
      // Our log ends before it: what is missing is no hole, but its end.
      return fail(ErrorKind::invalid, directory_.string() + ": ends before " + segment_name(header.first_position) +
                                          ", which the backup has; `vigil restore --from " + backup_.string() +
                                          "` gives all of it");
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
    const std::filesystem::path repairing = directory_ / kRepairingName;
    if (auto made = environment_.create_directories(repairing); !made) return made;
    const std::uint64_t first = segment.header.first_position;
    SegmentCopy copy{segment, end, hash};
    // Only what was archived here becomes an archive: opening reads the newest sealed segment's own file.
    if (!environment_.open(directory_ / archive_name(first), OpenMode::read)) copy.form = CopyForm::file;
    auto copied = copy_segment(environment_, backup_log(backup_), repairing, copy, {});
    if (!copied) return std::unexpected(copied.error());
    for (const std::string& name : {segment_name(first), archive_name(first)}) {
      if (auto done = set_aside(name); !done) return done;
    }
    if (auto named = environment_.rename(repairing / copied->name, directory_ / copied->name); !named) return named;
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
