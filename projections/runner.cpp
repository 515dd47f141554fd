#include "projections/runner.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;
using eventlog::ErrorKind;
using eventlog::fail;

constexpr std::size_t kBatch = 512;     // events per hold of the models' locks
constexpr std::size_t kAhead = 16;      // events decoded before the first of them is applied
constexpr std::size_t kTypeBits = 32;   // of EventTypes
constexpr auto kPace = 2ms;             // between small batches, so that single events do not each wake every model
constexpr auto kLookAround = 20ms;      // how long a stop or flush may go unnoticed while the log is silent
constexpr Position kForever{std::numeric_limits<std::uint64_t>::max()};

// Read models follow; decisions are waited for. On a busy machine the deciding and committing threads go first.
// A thread's own niceness is Linux's reading of PRIO_PROCESS with who = 0; where it is refused nothing is lost.
void step_back() {
  constexpr int kNicer = 5;
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kNicer));
}

}  // namespace

Expected<Fold> Fold::begin(const eventlog::LogSource& log, std::vector<HostedModel*> models) {
  Fold fold(log, std::move(models));
  fold.at_ = kForever;
  for (const HostedModel* model : fold.models_) fold.at_ = std::min(fold.at_, model->applied());
  auto cursor = log.read_from(next(fold.at_));
  if (!cursor) return std::unexpected(cursor.error());
  fold.cursor_ = std::move(*cursor);
  return fold;
}

Fold::Fold(const eventlog::LogSource& log, std::vector<HostedModel*> models)
    : models_(std::move(models)), readers_(kAhead, EventReader(log)), ahead_(kAhead) {}

void Fold::choose_types() {
  wanted_ = ~kKnownTypes;  // what nobody knows must not be passed over
  labelled_wanted_ = false;
  for (const HostedModel* model : models_) {
    if (model->parked()) continue;
    wanted_ |= model->projection().event_types();
    labelled_wanted_ = labelled_wanted_ || model->projection().needs_labelled();
  }
}

Fold::Stretch Fold::read_ahead(std::size_t count, Position until) {
  Stretch stretch;
  while (stretch.read < count && stretch.events < kAhead && at_ < until) {
    auto record = cursor_->next();
    if (!record) stretch.unreadable = record.error();
    stretch.ended = !record || !*record;
    if (stretch.ended) break;
    const std::uint16_t type = (*record)->type;
    if (type >= kTypeBits || (wanted_ >> type & 1) != 0) {
      EventReader& reader = readers_[stretch.events];
      auto event = labelled_wanted_ ? reader.read(**record) : reader.read_alone(**record);
      if (!event) {
        stretch.undecodable = event.error();
        stretch.ended = true;
        break;
      }
      ahead_[stretch.events++] = *event;
      for (const HostedModel* model : models_) model->projection().prefetch(**event);
    }
    at_ = (*record)->position;
    ++stretch.read;
  }
  return stretch;
}

void Fold::apply(const Stretch& stretch) {
  const std::span<const Event* const> events(ahead_.data(), stretch.events);
  for (HostedModel* model : models_) {
    if (model->parked()) continue;
    const EventTypes types = model->projection().event_types();
    for (const Event* event : events) model->projection().prefetch_entries(*event);
    for (const Event* event : events) {
      if ((types & bit(event->type)) != 0) model->apply(*event);
    }
    model->pass_to(at_);
    if (models_.size() > 1) model->release_view();  // never two stores' views in one hand
  }
}

Expected<std::size_t> Fold::apply_batch(std::size_t count, Position until) {
  std::size_t done = 0;
  Stretch stretch;
  {
    std::vector<std::unique_lock<std::shared_mutex>> held;
    for (HostedModel* model : models_) held.push_back(model->lock());
    choose_types();
    while (done < count && at_ < until && !stretch.ended) {
      stretch = read_ahead(count - done, until);
      apply(stretch);
      done += stretch.read;
    }
    for (HostedModel* model : models_) model->release_view();
  }
  for (HostedModel* model : models_) {
    if (stretch.undecodable) model->park(*stretch.undecodable);
    model->after_batch();
  }
  if (stretch.unreadable) return std::unexpected(*stretch.unreadable);
  if (stretch.undecodable) return std::unexpected(*stretch.undecodable);
  return done;
}

Runner::Runner(const eventlog::LogSource& log, std::unique_ptr<HostedModel> model, RunnerOptions options)
    : log_(log), model_(std::move(model)), options_(std::move(options)) {
  if (!options_.clock) options_.clock = [] { return std::chrono::steady_clock::now(); };
  thread_ = std::thread([this] { run(); });
}

Runner::~Runner() { (void)stop(); }

bool Runner::stopping() const {
  const std::scoped_lock held(guard_);
  return stopping_;
}

void Runner::run() {
  step_back();
  if (auto fold = Fold::begin(log_, {model_.get()})) {
    follow(*fold);
  } else {
    model_->park(fold.error());
  }
  auto end = model_->sync();
  const std::scoped_lock held(guard_);
  end_ = std::move(end);
  changed_.notify_all();
}

void Runner::follow(Fold& fold) {
  model_->after_batch();  // a new model of an empty log is complete at once
  while (!stopping() && !model_->parked()) {
    std::uint64_t wanted = 0;
    {
      const std::scoped_lock held(guard_);
      wanted = flushes_wanted_;
    }
    const Position until = log_.durable();
    auto applied = fold.apply_batch(kBatch, kForever);
    if (!applied) model_->park(applied.error());
    if (applied && *applied > 0 && !oldest_uncommitted_) oldest_uncommitted_ = options_.clock();
    commit_when_due();
    const bool reached = model_->applied() >= until || model_->parked();
    if (reached && wanted > flushes_done_) {
      (void)model_->flush();
      oldest_uncommitted_.reset();
    }
    {
      const std::scoped_lock held(guard_);
      if (reached) flushes_done_ = std::max(flushes_done_, wanted);
      if (waiters_ > 0) changed_.notify_all();
    }
    rest(fold, applied ? *applied : 0);
  }
}

void Runner::commit_when_due() {
  if (!oldest_uncommitted_) return;
  if (!model_->dirty()) {
    oldest_uncommitted_.reset();
  } else if (options_.clock() - *oldest_uncommitted_ >= options_.flush_age) {
    (void)model_->flush();
    oldest_uncommitted_.reset();
  }
}

// Full batches follow each other at once; after a small one the thread rests a little unless someone waits.
void Runner::rest(Fold& fold, std::size_t applied) {
  if (applied == kBatch) return;
  std::unique_lock held(guard_);
  const auto called = [&] { return stopping_ || waiters_ > 0 || flushes_wanted_ > flushes_done_; };
  if (applied > 0 && changed_.wait_for(held, kPace, called)) return;
  if (applied > 0 || stopping_) return;
  const bool awaited = called();
  held.unlock();
  fold.cursor().wait(awaited ? std::chrono::milliseconds(kPace) : std::chrono::milliseconds(kLookAround));
}

Expected<void> Runner::flush() {
  std::unique_lock held(guard_);
  const std::uint64_t mine = ++flushes_wanted_;
  ++waiters_;
  changed_.notify_all();
  changed_.wait(held, [&] { return flushes_done_ >= mine || end_; });
  --waiters_;
  const ModelStatus status = model_->status();
  if (status.state == ModelState::parked) {
    return fail(ErrorKind::damaged, "read model " + status.name + " is " + status.reason);
  }
  if (flushes_done_ < mine) return fail(ErrorKind::invalid, "read model " + status.name + " is closed");
  return {};
}

bool Runner::wait_for(Position position, std::chrono::milliseconds timeout) {
  std::unique_lock held(guard_);
  ++waiters_;
  changed_.notify_all();
  changed_.wait_for(held, timeout, [&] { return model_->applied() >= position || model_->parked() || end_; });
  --waiters_;
  return model_->applied() >= position;
}

Expected<void> Runner::stop() {
  {
    const std::scoped_lock held(guard_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock held(guard_);
  return *end_;
}

}  // namespace vigil::projections
