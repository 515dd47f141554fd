#include "eventlog/storage/verify.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "eventlog/storage/verify_segment.h"

namespace vigil::eventlog {

namespace {

// The segments of one log, checked side by side. Whatever thread finds it, the damage that is reported is the first in
// the order of the log.
class Verifier {
 public:
  Verifier(Environment& environment, const std::filesystem::path& directory, const VerifyOptions& options)
      : environment_(environment), directory_(directory), options_(options) {}

  Expected<VerifiedLog> run() {
    const auto headers = read_segment_headers(environment_, directory_);
    if (!headers) return std::unexpected(first_of(headers.error()));
    if (headers->empty()) return fail(ErrorKind::not_found, directory_.string() + ": no log here; check the path");
    choose(*headers);
    if (auto done = check_all(); !done) return std::unexpected(done.error());
    if (auto done = check_in_order(); !done) return std::unexpected(done.error());
    if (const Position last{verdicts_.back()->end.next_position - 1}; options_.since > std::max(last, Position{1})) {
      return fail(ErrorKind::invalid, "position " + std::to_string(options_.since.value()) + ": the log ends at " +
                                          std::to_string(last.value()));
    }
    if (auto done = check_head(); !done) return std::unexpected(done.error());
    return summary();
  }

 private:
  // Those that hold what is to be checked, and in front of them none.
  void choose(const std::vector<SegmentHeader>& headers) {
    from_ = std::max<std::uint64_t>(1, options_.since.value());
    if (options_.head) from_ = std::min(from_, std::max<std::uint64_t>(1, options_.head->position.value()));
    const auto after = std::ranges::upper_bound(headers, from_, {}, &SegmentHeader::first_position);
    headers_.assign(after == headers.begin() ? after : std::prev(after), headers.end());
    for (const SegmentHeader& header : headers_) bytes_in_all_ += header.segment_bytes;
    verdicts_.resize(headers_.size());
    stop_behind_ = headers_.size();
  }

  Expected<void> check_all() {
    {
      std::vector<std::unique_ptr<Thread>> threads;
      for (std::size_t i = 1; i < std::min(options_.threads, headers_.size()); ++i) {
        threads.push_back(environment_.start_thread([this] { take_segments(); }));
      }
      take_segments();
    }
    if (failure_) return std::unexpected(*failure_);
    return {};
  }

  void take_segments() {
    for (std::size_t i = next_.fetch_add(1); i < stop_behind_.load(); i = next_.fetch_add(1)) {
      auto verdict = check(i);
      const std::lock_guard lock(mutex_);
      if ((!verdict || verdict->damage) && i < stop_behind_.load()) {
        stop_behind_ = i;
        failure_ = verdict ? std::nullopt : std::optional(verdict.error());
      }
      if (verdict) verdicts_[i] = std::move(*verdict);
    }
  }

  Expected<SegmentVerdict> check(std::size_t i) {
    SegmentCheck how{.environment = environment_, .directory = directory_, .header = headers_[i]};
    how.sealed = i + 1 < headers_.size();
    if (how.sealed) how.end_address = headers_[i + 1].previous_end_address;
    how.from_position = from_;
    std::uint64_t read = 0;
    how.after_piece = [&, this](File&, std::uint64_t bytes) -> Expected<void> {
      // One that is looked at again, beside a writer, is no longer for that.
      bytes = std::min(bytes, how.header.segment_bytes - read);
      read += bytes;
      return moved_on(i, bytes);
    };
    how.seen = [&, this](const Frame& frame) { look_for_head(frame); };
    auto verdict = verify_segment(how);
    if (verdict) static_cast<void>(moved_on(i, how.header.segment_bytes - read));
    return verdict;
  }

  Expected<void> moved_on(std::size_t segment, std::uint64_t bytes) {
    // Whatever this one would find comes behind damage that is known.
    if (segment > stop_behind_.load()) return fail(ErrorKind::io, "given up");
    if (!options_.progress) return {};
    const std::lock_guard lock(mutex_);
    bytes_done_ += bytes;
    options_.progress(bytes_done_, bytes_in_all_);
    return {};
  }

  // That the first damage in the order of the log is none, and that each segment goes on where the one before ended.
  Expected<void> check_in_order() {
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      if (i > 0) {
        if (auto linked = check_link(verdicts_[i - 1]->end, i); !linked) return linked;
      }
      if (!verdicts_[i]) return fail(ErrorKind::io, segment(i).path().string() + ": was not checked");
      if (verdicts_[i]->damage) return std::unexpected(*verdicts_[i]->damage);
    }
    return {};
  }

  Expected<void> check_link(const ChainState& before, std::size_t i) const {
    const SegmentHeader& header = headers_[i];
    if (header.first_position != before.next_position || header.previous_hash != before.hash ||
        header.log_id != before.log_id || header.epoch < before.epoch) {
      return std::unexpected(segment(i).damage(0, before.next_position, "segment of another history"));
    }
    const auto& first = verdicts_[i] ? verdicts_[i]->first : std::nullopt;
    if (first && (first->epoch < before.epoch || first->ingest_time_us < before.ingest_time_us)) {
      return std::unexpected(segment(i).damage(kBlockBytes, before.next_position, text(FrameFault::not_successor)));
    }
    return {};
  }

  // Headers that do not chain are found before any frame is read; damage in front of them comes first all the same.
  Error first_of(const Error& chain_error) const {
    const auto positions = list_segments(environment_, directory_);
    if (!positions || chain_error.kind != ErrorKind::damaged) return chain_error;
    std::optional<ChainState> before;
    std::uint64_t done = 0;
    for (const std::uint64_t position : *positions) {
      const auto stored = read_segment(environment_, directory_, position);
      if (!stored || !follows(stored->header, before)) return chain_error;
      SegmentCheck how{.environment = environment_, .directory = directory_, .header = stored->header};
      how.sealed = position != positions->back();
      how.after_piece = [&, this](File&, std::uint64_t bytes) -> Expected<void> {
        if (options_.progress) options_.progress(done += bytes, 0);
        return {};
      };
      auto verdict = verify_segment(how);
      if (!verdict) return chain_error;
      if (verdict->damage) return *verdict->damage;
      before = verdict->end;
    }
    return chain_error;
  }

  static bool follows(const SegmentHeader& header, const std::optional<ChainState>& before) {
    if (!before) return header.first_position == 1 && header.previous_hash == genesis_hash(header.log_id);
    return header.log_id == before->log_id && header.first_position == before->next_position &&
           header.previous_hash == before->hash && header.previous_end_address == before->address;
  }

  void look_for_head(const Frame& frame) {
    if (!options_.head) return;
    const std::uint64_t wanted = options_.head->position.value();
    const std::uint64_t last = frame.header.first_position + frame.header.event_count - 1;
    if (frame.header.first_position > wanted || last < wanted) return;
    const std::lock_guard lock(mutex_);
    at_head_ = {last, frame.header.address + frame.bytes, frame.hash};
  }

  Expected<void> check_head() const {
    if (!options_.head) return {};
    const LogHead& head = *options_.head;
    const auto differs = [&](const std::string& how) {
      return fail(ErrorKind::damaged,
                  directory_.string() + ": is not the log of the head: " + how + std::string(kRestoreHint));
    };
    const std::string position = std::to_string(head.position.value());
    if (headers_.front().log_id != head.log_id) {
      return differs("its id is " + hex(headers_.front().log_id) + ", the head's " + hex(head.log_id));
    }
    if (!at_head_) {
      return differs("it ends at position " + std::to_string(verdicts_.back()->end.next_position - 1) +
                     ", the head has seen position " + position + ": what came behind was cut off");
    }
    if (at_head_->last != head.position.value() || at_head_->end != head.address.value()) {
      return differs("no commit ends at position " + position + " and address " + std::to_string(head.address.value()) +
                     ": history was rewritten");
    }
    if (at_head_->hash != head.hash) {
      return differs("at position " + position + " its chain hash is " + hex(at_head_->hash) + ", the head's " +
                     hex(head.hash) + ": history was rewritten");
    }
    return {};
  }

  VerifiedLog summary() const {
    VerifiedLog all;
    const ChainState& end = verdicts_.back()->end;
    all.log_id = hex(end.log_id);
    all.last = Position{end.next_position - 1};
    all.epoch = end.epoch;
    all.end = Address{end.address};
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      const SegmentVerdict& found = *verdicts_[i];
      all.log.segments += 1;
      all.log.frames += found.frames;
      all.log.records += found.records;
      all.log.bytes += found.bytes;
      all.segments.push_back({segment_name(headers_[i].first_position), Position{headers_[i].first_position},
                              Position{found.end.next_position - 1}, found.frames, found.bytes, hex(found.end.hash),
                              i + 1 < headers_.size()});
    }
    all.first = Position{all.last.value() + 1 - all.log.records};
    all.log.head_hash_hex = hex(end.hash);
    all.log.torn_tail = verdicts_.back()->torn_tail;
    return all;
  }

  Segment segment(std::size_t i) const { return {environment_, directory_, headers_[i], kBlockBytes, nullptr}; }

  Environment& environment_;
  const std::filesystem::path& directory_;
  const VerifyOptions& options_;
  std::uint64_t from_ = 1;
  std::vector<SegmentHeader> headers_;  // of the segments that are checked
  std::uint64_t bytes_in_all_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> stop_behind_{0};  // the first segment known to be damaged

  std::mutex mutex_;  // guards what is below while threads run
  std::uint64_t bytes_done_ = 0;
  std::vector<std::optional<SegmentVerdict>> verdicts_;
  std::optional<Error> failure_;  // of segment `stop_behind_`
  struct AtHead {
    std::uint64_t last, end;
    Hash hash;
  };
  std::optional<AtHead> at_head_;
};

}  // namespace

Expected<VerifiedLog> verify_log(Environment& environment, const std::filesystem::path& directory,
                                 const VerifyOptions& options) {
  return Verifier(environment, directory, options).run();
}

Expected<Verification> verify(Environment& environment, const std::filesystem::path& directory,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  VerifyOptions options;
  options.progress = progress;
  auto found = verify_log(environment, directory, options);
  if (!found) return std::unexpected(found.error());
  return std::move(found->log);
}

}  // namespace vigil::eventlog
