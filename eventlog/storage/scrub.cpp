#include "eventlog/storage/scrub.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "eventlog/storage/segment.h"
#include "eventlog/storage/segment_chain.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::eventlog {

namespace {

using std::chrono::milliseconds;

// What is read is dropped from the page cache after so much of it.
constexpr std::uint64_t kCachedBytesMax = 4 << 20;
// Waiting for less than this would be nothing but system calls.
constexpr std::uint64_t kShortestWaitUs = 20'000;
// How soon to look again whether there is anything to read.
constexpr milliseconds kLookAgain = std::chrono::minutes(10);

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

Scrub::Scrub(Environment& environment, std::filesystem::path directory, ScrubOptions options)
    : environment_(environment),
      directory_(std::move(directory)),
      options_(std::move(options)),
      monitor_(environment.make_monitor()),
      progress_(read_scrub_progress(environment, options_.progress_file)) {}

Scrub::~Scrub() {
  {
    const std::lock_guard lock(*monitor_);
    stop_ = true;
  }
  monitor_->notify_all();
  thread_.reset();
}

void Scrub::start() {
  thread_ = environment_.start_thread([this] { run(); });
}

void Scrub::run() {
  take_role(ThreadRole::patient);
  while (wait(until_due())) {
    if (!pass()) return;
    // Nothing was sealed yet, or the headers could not be read.
    if (until_due() == milliseconds(0) && !wait(kLookAgain)) return;
  }
}

milliseconds Scrub::until_due() const {
  const std::lock_guard lock(mutex_);
  if (progress_.next_position != 0 || progress_.began_us == 0) return milliseconds(0);
  const std::int64_t since_us = environment_.now().value() - progress_.began_us;
  const std::int64_t period_us = std::chrono::microseconds(options_.pass_period).count();
  // A clock that went back must not put the next pass off for ever.
  if (since_us < 0 || since_us >= period_us) return milliseconds(0);
  return milliseconds((period_us - since_us) / 1000 + 1);
}

bool Scrub::wait(milliseconds time) {
  std::unique_lock lock(*monitor_);
  if (!stop_ && time.count() > 0) monitor_->wait_for(time);
  return !stop_;
}

bool Scrub::stopping() const {
  const std::lock_guard lock(*monitor_);
  return stop_;
}

ScrubStatus Scrub::status() const {
  const std::lock_guard lock(mutex_);
  ScrubStatus status;
  status.bytes_per_second = options_.bytes_per_second;
  status.bytes = bytes_;
  status.next = Position{progress_.next_position};
  status.passes = passes_;
  status.last_full_pass = IngestTime{progress_.last_full_pass_us};
  status.damaged = progress_.damaged.size();
  if (!progress_.damaged.empty()) status.damage = progress_.damaged.begin()->second;
  return status;
}

bool Scrub::pass() {
  const auto all = headers();
  if (!all) return !stopping();
  if (all->size() < 2) return !stopping();  // nothing is sealed yet
  {
    const std::lock_guard lock(mutex_);
    if (const std::string id = hex(all->front().log_id); progress_.log_id != id) {
      progress_ = {};
      progress_.log_id = id;
    }
    forget_what_is_gone(*all);
    if (progress_.next_position == 0) {
      progress_.next_position = all->front().first_position;
      progress_.began_us = environment_.now().value();
    }
  }
  for (std::size_t i = 0; i + 1 < all->size(); ++i) {
    if ((*all)[i].first_position < status().next.value()) continue;
    if (!check((*all)[i], (*all)[i + 1])) return false;
    {
      const std::lock_guard lock(mutex_);
      progress_.next_position = (*all)[i + 1].first_position;
    }
    save();
  }
  {
    const std::lock_guard lock(mutex_);
    progress_.next_position = 0;
    progress_.last_full_pass_us = environment_.now().value();
    ++passes_;
  }
  save();
  return true;
}

// The log may have been replaced by another course of itself: what was known of segments it does not have is void.
void Scrub::forget_what_is_gone(const std::vector<SegmentHeader>& headers) {
  const auto begins = [&](std::uint64_t position) {
    return std::ranges::find(headers, position, &SegmentHeader::first_position) != headers.end();
  };
  if (!begins(progress_.next_position)) progress_.next_position = 0;
  std::erase_if(progress_.damaged, [&](const auto& damage) { return damage.first != 0 && !begins(damage.first); });
}

// Headers that do not chain are damage too: known under position 0, and nothing behind them can be looked for.
std::optional<std::vector<SegmentHeader>> Scrub::headers() {
  auto all = read_segment_headers(environment_, directory_);
  // A segment may have been archived between two looks at it.
  if (!all) all = read_segment_headers(environment_, directory_);
  found(0, all ? std::string() : all.error().text);
  if (!all) return std::nullopt;
  return std::move(*all);
}

// False when it was ended before the segment's end.
bool Scrub::check(const SegmentHeader& header, const SegmentHeader& following) {
  SegmentCheck how{.environment = environment_, .directory = directory_, .header = header};
  how.end_address = following.previous_end_address;
  how.after_piece = [this](File& file, std::uint64_t bytes) { return after_piece(file, bytes); };
  forget_cached(header);  // what the cache holds says nothing about the disk
  const auto verdict = verify_segment(how);
  forget_cached(header);
  if (stopping()) return false;
  if (!verdict) {
    found(header.first_position, verdict.error().text);
  } else if (verdict->damage) {
    found(header.first_position, verdict->damage->text);
  } else {
    const bool linked =
        verdict->end.hash == following.previous_hash && verdict->end.next_position == following.first_position;
    const Segment next(environment_, directory_, following, kBlockBytes, nullptr);
    found(header.first_position,
          linked ? "" : next.damage(0, following.first_position, "segment of another history").text);
  }
  return true;
}

// The segment's own file, its archive, or both.
void Scrub::forget_cached(const SegmentHeader& header) {
  cached_bytes_ = 0;
  for (const std::string& name : {segment_name(header.first_position), archive_name(header.first_position)}) {
    if (auto file = environment_.open(directory_ / name, OpenMode::read)) (*file)->forget_cached();
  }
}

Expected<void> Scrub::after_piece(File& file, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    bytes_ += bytes;
  }
  cached_bytes_ += bytes;
  if (cached_bytes_ >= kCachedBytesMax) {
    file.forget_cached();
    cached_bytes_ = 0;
  }
  if (options_.bytes_per_second != ScrubOptions::kUnlimited) owed_us_ += bytes * 1'000'000 / options_.bytes_per_second;
  const bool pause = owed_us_ >= kShortestWaitUs;
  const milliseconds time(pause ? owed_us_ / 1000 : 0);
  if (pause) owed_us_ %= 1000;
  if (!wait(time)) return fail(ErrorKind::io, "the scrub was ended");
  return {};
}

void Scrub::found(std::uint64_t first_position, const std::string& damage) {
  const std::lock_guard lock(mutex_);
  if (damage.empty()) {
    if (progress_.damaged.erase(first_position) > 0) {
      spdlog::info("scrub: {} is whole again", segment_name(first_position));
    }
    return;
  }
  progress_.damaged[first_position] = one_line(damage);
  spdlog::error("scrub: {}", damage);
}

void Scrub::save() {
  const auto progress = [this] {
    const std::lock_guard lock(mutex_);
    return progress_;
  }();
  // Without it the next start reads a little more than it had to.
  if (auto saved = write_scrub_progress(environment_, options_.progress_file, progress); !saved) {
    spdlog::warn("scrub: {}", saved.error().text);
  }
}

}  // namespace vigil::eventlog
