#include "eventlog/storage/log.h"

#include <algorithm>

#include "eventlog/storage/committer.h"
#include "eventlog/storage/double_frame_builder.h"
#include "eventlog/storage/durable_view.h"
#include "eventlog/storage/invariant.h"
#include "eventlog/storage/recovery.h"
#include "eventlog/storage/segment_supply.h"

namespace vigil::eventlog {

namespace {

Expected<LogOptions> checked(LogOptions options) {
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax ||
      options.segment_bytes % kBlockBytes != 0) {
    return fail(ErrorKind::invalid, "log: segment_bytes is " + std::to_string(options.segment_bytes) +
                                        "; it must be a multiple of 4096 from 1 MiB to 32 GiB");
  }
  options.frame_bytes_max = std::min({options.frame_bytes_max, options.segment_bytes / 4, kFrameBytesMax});
  options.frame_bytes_max -= options.frame_bytes_max % kBlockBytes;
  if (options.frame_bytes_max < kFrameBytesMin) {
    return fail(ErrorKind::invalid,
                "log: frame_bytes_max is " + std::to_string(options.frame_bytes_max) + "; it must be at least 64 KiB");
  }
  return options;
}

class WriterLog : public Log {
 public:
  WriterLog(Environment& environment, std::filesystem::path directory, const LogOptions& options,
            std::unique_ptr<Lock> lock)
      : environment_(environment),
        directory_(std::move(directory)),
        lock_(std::move(lock)),
        supply_(environment, directory_, options.segment_bytes),
        builder_(options.segment_bytes, options.frame_bytes_max),
        options_(options) {}
  ~WriterLog() override { static_cast<void>(close()); }

  // Takes over what recovery found, or begins a new log.
  Expected<void> start(Recovered found);

  Position durable() const override { return view_.durable(); }
  std::string id() const override { return view_.id(); }
  Expected<std::unique_ptr<Cursor>> read_from(Position from) const override { return view_.read_from(from); }
  Expected<Record> at(Address address) const override { return view_.at(address); }
  Expected<Record> at(Position position) const override { return view_.at(position); }
  Expected<Position> first_at_or_after(IngestTime time) const override { return view_.first_at_or_after(time); }
  Expected<std::vector<Address>> find_key(std::uint64_t key) const override { return view_.find_key(key); }

  const RecoveryReport& recovery() const override { return report_; }
  Expected<void> look_behind() override;
  FrameBuilder& builder() override { return builder_; }
  bool try_commit() override;
  bool committing() const override { return committer_->committing(); }
  Expected<Position> settle() override;
  void on_commit(std::function<void(const Expected<Position>&)> listener) override {
    committer_->on_commit(std::move(listener));
  }
  Expected<Record> at_or_pending(Address address) const override;
  Expected<void> close() override;

 private:
  Expected<std::unique_ptr<File>> begin_new_log(Recovered& found);

  Environment& environment_;
  const std::filesystem::path directory_;
  std::unique_ptr<Lock> lock_;
  DurableView view_;
  SegmentSupply supply_;  // ends before the segments, whose side files it writes, go
  DoubleFrameBuilder builder_;
  std::unique_ptr<Committer> committer_;
  const LogOptions options_;
  RecoveryReport report_;
  ChainState begin_;             // where recovery found the end
  std::uint64_t looked_at_ = 0;  // Recovered::looked_at
  bool looked_behind_ = true;
  bool closed_ = false;
};

Expected<std::unique_ptr<File>> WriterLog::begin_new_log(Recovered& found) {
  SegmentHeader header;
  environment_.random(header.log_id);
  header.frame_bytes_max = static_cast<std::uint32_t>(options_.frame_bytes_max);
  header.epoch = 1;
  header.first_position = 1;
  header.segment_bytes = options_.segment_bytes;
  header.created_us = environment_.now().value();
  header.previous_hash = genesis_hash(header.log_id);
  auto file = supply_.take(header);
  if (!file) return file;
  found.segments.push_back(std::make_unique<Segment>(environment_, directory_, header, kBlockBytes,
                                                     std::make_unique<GrowingIndex>(header.segment_bytes)));
  found.end = chain_before(header);
  found.end.epoch = 0;
  return file;
}

Expected<void> WriterLog::start(Recovered found) {
  report_ = found.report;
  begin_ = found.end;
  looked_at_ = found.looked_at;
  looked_behind_ = found.segments.empty() || looked_at_ == found.segments.back()->header().segment_bytes;
  auto file = found.segments.empty()
                  ? begin_new_log(found)
                  : environment_.open(directory_ / segment_name(found.segments.back()->header().first_position),
                                      OpenMode::write);
  if (!file) return std::unexpected(file.error());
  found.end.epoch += 1;

  const std::size_t sealed = found.segments.size() - 1;
  const SegmentHeader last = found.segments.back()->header();
  for (auto& segment : found.segments) view_.add(std::move(segment));
  const std::vector<Segment*> all = view_.segments();
  for (std::size_t i = 0; i < sealed; ++i) supply_.seal_index(*all[i]);
  view_.publish(found.end.address - last.base_address, Position{found.end.next_position - 1});

  FramePlan end;
  end.segment_base = last.base_address;
  end.segment_bytes = last.segment_bytes;
  end.frame_bytes_max = last.frame_bytes_max;
  end.address = found.end.address;
  end.first_position = found.end.next_position;
  builder_.start(end, found.end.ingest_time_us);
  committer_ = std::make_unique<Committer>(environment_, view_, supply_, found.end, std::move(*file));
  return {};
}

Expected<void> WriterLog::look_behind() {
  if (looked_behind_) return {};
  auto nothing = eventlog::look_behind(view_.last(), begin_, looked_at_);
  looked_behind_ = nothing.has_value();
  return nothing;
}

bool WriterLog::try_commit() {
  invariant(looked_behind_, "a log is appended to once all of it was looked at");
  if (closed_ || builder_.empty() || committer_->committing() || committer_->poisoned()) return false;
  committer_->submit(builder_.take());
  return true;
}

Expected<Position> WriterLog::settle() {
  committer_->wait_until_idle();
  if (try_commit()) committer_->wait_until_idle();
  if (const auto failure = committer_->failure()) {
    return fail(ErrorKind::poisoned,
                "log: an earlier write failed, nothing more is accepted, and the outcome of "
                "what was under way is unknown; start again: " +
                    failure->text);
  }
  return view_.durable();
}

Expected<Record> WriterLog::at_or_pending(Address address) const {
  if (const auto pending = builder_.find(address)) return *pending;
  return view_.at(address);
}

Expected<void> WriterLog::close() {
  if (closed_ || !committer_) return {};
  if (auto nothing = look_behind(); !nothing) {
    closed_ = true;
    committer_->stop();
    view_.close();
    return nothing;
  }
  auto settled = settle();
  closed_ = true;
  committer_->stop();
  view_.close();
  if (!settled) return std::unexpected(settled.error());
  return write_clean_marker(environment_, directory_, committer_->end());
}

}  // namespace

Expected<std::unique_ptr<Log>> Log::open(Environment& environment, const std::filesystem::path& directory,
                                         const LogOptions& options) {
  auto good = checked(options);
  if (!good) return std::unexpected(good.error());
  if (auto made = environment.create_directories(directory); !made) return std::unexpected(made.error());
  auto lock = environment.lock(directory / "LOCK");
  if (!lock) return std::unexpected(lock.error());
  auto found = recover(environment, directory, good->known_durable, good->known_durable_of, good->look_behind_later);
  if (!found) return std::unexpected(found.error());
  auto log = std::make_unique<WriterLog>(environment, directory, *good, std::move(*lock));
  if (auto started = log->start(std::move(*found)); !started) return std::unexpected(started.error());
  return log;
}

}  // namespace vigil::eventlog
