#include "projections/convoy.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "eventlog/storage/thread_role.h"
#include "projections/pace.h"

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kNear = 2048;   // events between a model and the convoy it may join: some milliseconds' work
constexpr auto kPatience = 4ms;         // for a model's lock, which a long query or a commit's beginning may hold
constexpr int kYields = 50;             // before patience is counted: most holds are short
constexpr std::uint64_t kLag = 16'384;  // events behind the log: the convoy does not keep up
constexpr std::size_t kLaggingBatches = 16;  // in a row, before it is asked who is to blame
constexpr std::size_t kThreadNameMax = 15;

}  // namespace

void begin_model_thread(const std::string& name) {
  eventlog::take_role(eventlog::ThreadRole::patient);  // decisions are waited for, read models follow
  static_cast<void>(::pthread_setname_np(::pthread_self(), name.substr(0, kThreadNameMax).c_str()));
}

// A caller that goes before the next batch; holds the guard while it lives.
class Convoy::Call {
 public:
  explicit Call(Convoy& convoy) : convoy_(convoy) {
    ++convoy_.calls_;
    held_ = std::unique_lock(convoy_.guard_);
  }
  ~Call() {
    --convoy_.calls_;
    convoy_.changed_.notify_all();
  }

 private:
  Convoy& convoy_;
  std::unique_lock<std::mutex> held_;
};

Convoy::Convoy(const eventlog::LogSource& log, Position at, Clock clock)
    : log_(log), clock_(std::move(clock)), at_(at.value()) {
  if (auto fold = Fold::begin_after(log, at)) fold_ = std::move(*fold);
  thread_ = std::thread([this] { run(); });
}

Convoy::~Convoy() {
  {
    const Call call(*this);
    stopping_ = true;
  }
  hurry();
  thread_.join();
}

bool Convoy::near(Position position) const {
  const std::uint64_t mine = at_, theirs = position.value();
  return std::max(mine, theirs) - std::min(mine, theirs) <= kNear;
}

// Brings a model that is a little behind to where the convoy stands.
bool Convoy::catch_up(HostedModel& model) {
  if (model.applied() >= fold_->at()) return true;
  auto fold = Fold::begin(log_, {&model});
  if (!fold) return false;
  const auto held = model.try_lock();  // never waited for: it would hold up the others
  if (!held) return false;
  fold->apply_locked(kNear, fold_->at());
  return model.applied() >= fold_->at();
}

bool Convoy::join(ConvoyMember& member) {
  HostedModel& model = member.hosted();
  const Call call(*this);
  if (members_.empty() && !watching_ && (!fold_ || !near(model.applied()))) {
    auto fold = Fold::begin_after(log_, model.applied());
    if (!fold) return false;
    fold_ = std::move(*fold);
    at_ = fold_->at().value();
  }
  if (!fold_ || !near(model.applied()) || !catch_up(model)) return false;
  const auto place = std::upper_bound(members_.begin(), members_.end(), member.rank(),
                                      [](std::size_t rank, const ConvoyMember* other) { return rank < other->rank(); });
  fold_->insert(static_cast<std::size_t>(place - members_.begin()), model);
  members_.insert(place, &member);
  return true;
}

void Convoy::leave(ConvoyMember& member) {
  const Call call(*this);
  if (std::erase(members_, &member) != 0) fold_->remove(member.hosted());
}

std::size_t Convoy::size() {
  const Call call(*this);
  return members_.size();
}

void Convoy::hurry() {
  ++hurries_;
  const std::scoped_lock held(rest_guard_);
  rest_over_.notify_all();
}

void Convoy::run() {
  begin_model_thread("models");
  while (true) {
    bool some = false;
    {
      std::unique_lock held(guard_);
      watching_ = false;
      changed_.wait(held, [&] { return stopping_ || (calls_ == 0 && !members_.empty()); });
      if (stopping_) return;
      const Position before = fold_->at();
      if (round()) continue;
      some = fold_->at() > before;
      watching_ = !some;
    }
    rest(some);
  }
}

// One batch and what follows from it; whether another should follow at once.
bool Convoy::round() {
  Fold::Batch batch;
  std::vector<ConvoyMember*> ailing;
  {
    const auto locks = lock_members();
    if (members_.empty()) return false;
    batch = fold_->apply_locked(kEventsPerHold, kForever);
    for (ConvoyMember* member : members_) {
      if (member->hosted().wants_care()) ailing.push_back(member);
    }
  }
  dismiss_if([&](ConvoyMember* member) {
    if (batch.unreadable || std::find(ailing.begin(), ailing.end(), member) != ailing.end()) return true;
    return batch.undecodable && concerns(member->hosted().projection().event_types(), batch.undecodable_type);
  });
  if (batch.undecodable) fold_->pass_undecodable();
  dismiss_slow();
  at_ = fold_->at().value();
  const auto now = clock_();
  for (ConvoyMember* member : members_) member->folded(now);
  return batch.read == kEventsPerHold || batch.undecodable;
}

// Measuring begins with lagging, so that a convoy that keeps up reads no clock.
void Convoy::dismiss_slow() {
  const bool lagging = log_.durable().value() > fold_->at().value() + kLag;
  if (!lagging || members_.size() < 2) {
    if (std::exchange(lagging_batches_, 0) != 0) fold_->measure_no_more();
    return;
  }
  if (fold_->spent().empty()) {
    lagging_batches_ = 1;
    return fold_->measure();
  }
  if (++lagging_batches_ <= kLaggingBatches) return;
  const auto slow = slow_one(fold_->spent());
  lagging_batches_ = 1;
  fold_->measure();
  if (slow) dismiss(*members_[*slow]);
}

std::optional<std::size_t> slow_one(const std::vector<std::chrono::nanoseconds>& spent) {
  constexpr int kShare = 4;  // three quarters of all
  std::chrono::nanoseconds all{0};
  for (const auto time : spent) all += time;
  const auto most = std::max_element(spent.begin(), spent.end());
  if (most == spent.end() || all == 0ns || *most * kShare < all * (kShare - 1)) return std::nullopt;
  return static_cast<std::size_t>(most - spent.begin());
}

template <class Wanted>
void Convoy::dismiss_if(Wanted wanted) {
  const std::vector<ConvoyMember*> before = members_;
  for (ConvoyMember* member : before) {
    if (wanted(member)) dismiss(*member);
  }
}

void Convoy::dismiss(ConvoyMember& member) {
  std::erase(members_, &member);
  fold_->remove(member.hosted());
  member.dismissed();
}

std::unique_lock<std::shared_mutex> Convoy::lock_patiently(HostedModel& model) {
  auto lock = model.try_lock();
  for (int i = 0; i < kYields && !lock; ++i) {
    std::this_thread::yield();
    lock = model.try_lock();
  }
  for (auto waited = 0ms; waited < kPatience && !lock; waited += 1ms) {
    std::this_thread::sleep_for(1ms);
    lock = model.try_lock();
  }
  return lock;
}

std::vector<std::unique_lock<std::shared_mutex>> Convoy::lock_members() {
  std::vector<std::unique_lock<std::shared_mutex>> locks;
  locks.reserve(members_.size());
  dismiss_if([&](ConvoyMember* member) {
    auto lock = lock_patiently(member->hosted());
    if (!lock) return true;
    locks.push_back(std::move(lock));
    return false;
  });
  return locks;
}

// After a small batch the convoy rests a little unless someone waits; after an empty one until there is more.
void Convoy::rest(bool some) {
  const auto called = [&] { return stopping_ || hurries_ > 0; };
  if (some) {
    std::unique_lock held(rest_guard_);
    rest_over_.wait_for(held, kBetweenSmallBatches, called);
    return;
  }
  fold_->cursor().wait(called() ? kBetweenSmallBatches : kLookAround);
}

}  // namespace vigil::projections
