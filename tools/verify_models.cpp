#include "tools/verify_models.h"

#include <algorithm>
#include <map>

#include "projections/rebuild.h"
#include "tools/data_directory.h"

namespace vigil::tools {
namespace {

using eventlog::Address;
using eventlog::Expected;
using eventlog::Position;
using eventlog::Record;

// A log as it was when `end` was its end.
class LogUpTo : public eventlog::LogSource {
 public:
  LogUpTo(const eventlog::LogSource& log, Position end) : log_(log), end_(end) {}

  Position durable() const override { return end_; }
  std::string id() const override { return log_.id(); }
  Expected<std::unique_ptr<eventlog::Cursor>> read_from(Position from) const override {
    auto cursor = log_.read_from(from);
    if (!cursor) return cursor;
    return std::make_unique<CursorUpTo>(std::move(*cursor), end_);
  }
  Expected<Record> at(Address address) const override { return log_.at(address); }
  Expected<Record> at(Position position) const override { return log_.at(position); }
  Expected<Position> first_at_or_after(eventlog::IngestTime time) const override {
    const auto first = log_.first_at_or_after(time);
    if (!first) return first;
    return std::min(*first, Position{end_.value() + 1});
  }
  Expected<std::vector<Address>> find_key(std::uint64_t key) const override { return log_.find_key(key); }

 private:
  class CursorUpTo : public eventlog::Cursor {
   public:
    CursorUpTo(std::unique_ptr<eventlog::Cursor> cursor, Position end) : cursor_(std::move(cursor)), end_(end) {}
    Expected<std::optional<Record>> next() override {
      auto record = cursor_->next();
      if (record && *record && (*record)->position > end_) return std::nullopt;
      return record;
    }
    bool wait(std::chrono::milliseconds) override { return false; }

   private:
    std::unique_ptr<eventlog::Cursor> cursor_;
    const Position end_;
  };

  const eventlog::LogSource& log_;
  const Position end_;
};

// Emptied before and after.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) { remove(); }
  ~Scratch() { remove(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void remove() const {
    std::error_code ignored;  // what cannot be removed is reported by the rebuild that meets it
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  const std::filesystem::path path_;
};

// Checkpoint and digest of each model, of the same moment.
Expected<std::vector<projections::ModelStatus>> models_in_service(const std::filesystem::path& data) {
  const auto live = projections::ReadModels::open_read_only(models_directory(data));
  if (!live) return std::unexpected(live.error());
  return (*live)->status();
}

ModelVerdict judged(const projections::ModelStatus& live, const projections::RebuiltModel& again) {
  ModelVerdict verdict{live.name, live.checkpoint, live.digest, again.digest, live.digest == again.digest, "equal"};
  if (!verdict.equal) {
    verdict.text = "DIFFERS from the log at position " + std::to_string(live.checkpoint.value()) + ": its digest is " +
                   live.digest + ", folded again " + again.digest +
                   "; stop the service and `vigil rebuild --data DIR " + live.name + "`";
  }
  return verdict;
}

}  // namespace

Expected<std::vector<ModelVerdict>> verify_models(eventlog::Environment& environment, const std::filesystem::path& data,
                                                  const std::filesystem::path& scratch_path,
                                                  const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const auto live = models_in_service(data);
  if (!live) return std::unexpected(live.error());
  // Opened behind the models, so that it holds all that they have seen.
  const auto log = open_log(environment, data);
  if (!log) return std::unexpected(log.error());
  std::map<Position, std::vector<std::string>> by_checkpoint;
  std::vector<ModelVerdict> verdicts;
  std::uint64_t all = 0, done_before = 0;
  for (const projections::ModelStatus& status : *live) {
    if (status.checkpoint > (*log)->durable()) {
      verdicts.push_back({status.name, status.checkpoint, status.digest, "", false,
                          "DIFFERS: it has seen position " + std::to_string(status.checkpoint.value()) +
                              ", the log ends at " + std::to_string((*log)->durable().value()) +
                              ": history is missing" + std::string(eventlog::kRestoreHint)});
      continue;
    }
    if (by_checkpoint.try_emplace(status.checkpoint).second) all += status.checkpoint.value();
    by_checkpoint[status.checkpoint].push_back(status.name);
  }
  const Scratch scratch(scratch_path);
  for (const auto& [checkpoint, names] : by_checkpoint) {
    projections::RebuildOptions how;
    how.progress = [&](std::uint64_t done, std::uint64_t) { progress(done_before + done, all); };
    const LogUpTo then(**log, checkpoint);
    scratch.remove();
    const auto rebuilt = projections::rebuild(scratch.path(), then, names, how);
    if (!rebuilt) return std::unexpected(rebuilt.error());
    done_before += checkpoint.value();
    for (const projections::RebuiltModel& again : *rebuilt) {
      const auto status = std::ranges::find(*live, again.name, &projections::ModelStatus::name);
      if (status != live->end()) verdicts.push_back(judged(*status, again));
    }
  }
  return verdicts;
}

}  // namespace vigil::tools
