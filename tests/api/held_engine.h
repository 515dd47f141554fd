// An engine whose commits end only when the test says so: what must not leave early, or must leave at all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "commands/engine.h"

namespace vigil::api {

using eventlog::Expected;
using eventlog::Position;

// try_commit() begins a commit that lasts until finish_commit() or fail_commit(), called by the test's thread.
class HeldLog : public eventlog::Log {
 public:
  Position durable() const override { return Position{durable_.load()}; }
  std::string id() const override { return "held"; }
  Expected<std::unique_ptr<eventlog::Cursor>> read_from(Position) const override { return unread(); }
  Expected<eventlog::Record> at(eventlog::Address) const override { return unread(); }
  Expected<eventlog::Record> at(Position) const override { return unread(); }
  Expected<Position> first_at_or_after(eventlog::IngestTime) const override { return unread(); }
  Expected<std::vector<eventlog::Address>> find_key(std::uint64_t) const override { return unread(); }
  const eventlog::RecoveryReport& recovery() const override { return recovery_; }
  Expected<void> look_behind() override { return {}; }
  eventlog::FrameBuilder& builder() override { std::abort(); }
  Expected<eventlog::Record> at_or_pending(eventlog::Address) const override { return unread(); }
  Expected<void> close() override { return {}; }
  Expected<Position> settle() override { return durable(); }

  void on_commit(std::function<void(const Expected<Position>&)> listener) override {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }
  bool try_commit() override {
    const std::lock_guard lock(mutex_);
    if (committing_ || built_ == handed_over_) return false;
    committing_ = true;
    handed_over_ = built_;
    changed_.notify_all();
    return true;
  }
  bool committing() const override {
    const std::lock_guard lock(mutex_);
    return committing_;
  }

  // For the engine: the next position, or 0 when the frame being built is full.
  std::uint64_t build(std::uint64_t frame_events_max) {
    const std::lock_guard lock(mutex_);
    if (built_ - handed_over_ >= frame_events_max) return 0;
    return ++built_;
  }

  // For the test. Both wait until a commit is under way.
  void finish_commit() { await_and_end_commit(std::nullopt); }
  void fail_commit(const std::string& reason) {
    await_and_end_commit(eventlog::Error{eventlog::ErrorKind::poisoned, reason});
  }
  void await_commit() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return committing_; });
  }
  // From now on commits end at once, the one under way included.
  void release() {
    {
      const std::lock_guard lock(mutex_);
      released_ = true;
    }
    end_if_released();
  }
  void end_if_released() {
    std::unique_lock lock(mutex_);
    if (released_ && committing_) end_commit(lock, std::nullopt);
  }

 private:
  static std::unexpected<eventlog::Error> unread() {
    return eventlog::fail(eventlog::ErrorKind::not_found, "the held log keeps nothing");
  }
  void await_and_end_commit(std::optional<eventlog::Error> failure) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return committing_; });
    end_commit(lock, std::move(failure));
  }
  void end_commit(std::unique_lock<std::mutex>& lock, std::optional<eventlog::Error> failure) {
    committing_ = false;
    if (!failure) durable_ = handed_over_;
    const auto listener = listener_;
    lock.unlock();
    if (!listener) return;
    if (failure) {
      listener(std::unexpected(*failure));
    } else {
      listener(durable());
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(const Expected<Position>&)> listener_;
  std::uint64_t built_ = 0, handed_over_ = 0;
  std::atomic<std::uint64_t> durable_ = 0;
  bool committing_ = false, released_ = false;
  eventlog::RecoveryReport recovery_;
};

// Approves every transaction, quarantines what is unacceptable, applies the rest.
class HeldEngine : public commands::Engine {
 public:
  explicit HeldEngine(std::uint64_t frame_events_max = 1'000'000) : frame_events_max_(frame_events_max) {}

  Expected<std::size_t> submit(std::span<const commands::Command> commands,
                               std::vector<commands::Reply>& replies) override {
    replies.clear();
    for (const commands::Command& command : commands) {
      if (failing_) return eventlog::fail(eventlog::ErrorKind::damaged, "the log cannot be read");
      const std::uint64_t position = log_.build(frame_events_max_);
      if (position == 0) break;
      commands::Reply reply;
      reply.position = Position{position};
      if (const auto* submitted = std::get_if<commands::SubmitTransaction>(&command.body)) {
        reply.transaction_id = submitted->transaction.id;
      } else if (const auto* bad = std::get_if<commands::Unacceptable>(&command.body)) {
        reply.status = commands::ReplyStatus::quarantined;
        reply.reasons = bad->reasons;
      } else {
        reply.status = commands::ReplyStatus::applied;
      }
      replies.push_back(reply);
      ++submitted_;
    }
    return replies.size();
  }
  void announce(std::span<const commands::Command>) override {}
  bool try_commit() override {
    const bool began = log_.try_commit();
    if (began) log_.end_if_released();
    return began;
  }
  Expected<Position> settle() override { return log_.settle(); }
  Expected<void> close() override { return {}; }
  const commands::StateReport& state_report() const override { return state_report_; }
  HeldLog& log() override { return log_; }
  const rules::Catalogue& catalogue() const override { return catalogue_; }
  const rules::RuleSet& rule_set() const override { std::abort(); }
  const commands::Policy& policy() const override { return policy_; }
  rules::DecisionState& state() override {
    ++state_asked_;
    return state_;
  }

  std::uint64_t submitted() const { return submitted_; }
  std::uint64_t state_asked() const { return state_asked_; }
  void fail_from_now_on() { failing_ = true; }

 private:
  const std::uint64_t frame_events_max_;
  HeldLog log_;
  std::atomic<std::uint64_t> submitted_ = 0, state_asked_ = 0;
  std::atomic<bool> failing_ = false;
  rules::Catalogue catalogue_ = *rules::Catalogue::parse(rules::default_features_toml(), "built-in features");
  rules::DecisionState state_{catalogue_, 0};
  commands::Policy policy_;
  commands::StateReport state_report_;
};

}  // namespace vigil::api
