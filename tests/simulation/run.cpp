#include "tests/simulation/run.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "commands/engine.h"
#include "commands/write_state.h"
#include "tests/simulation/environment.h"
#include "tests/simulation/found_frames.h"
#include "tests/simulation/history.h"
#include "tests/simulation/workload.h"

namespace vigil::simulation {

using commands::Engine;
using commands::Reply;
using eventlog::ErrorKind;
using eventlog::Position;

namespace {

const std::filesystem::path kData = "/simulated";
const std::filesystem::path kLog = kData / "log";
const std::filesystem::path kImage = kData / "models" / "decision_state.image";
constexpr std::uint64_t kDamagePerMille = 30;
constexpr std::uint64_t kImageDamagePerMille = 30;
constexpr std::uint64_t kCallsPerBoot = 260;  // about as many as a boot makes

std::string text(const Answer& answer) {
  return std::string(commands::name(answer.status)) + " " + std::string(eventlog::name(answer.outcome)) + " " +
         std::to_string(answer.score) + " at " + std::to_string(answer.position.value());
}

class Run {
 public:
  Run(std::uint64_t seed, bool trace)
      : seed_(seed), random_(seed), scheduler_(random_), workload_(random_), trace_(trace) {
    scheduler_.on_deadlock = [this] {
      std::fprintf(stderr, "simulation: seed %llu: all threads wait for ever\n",
                   static_cast<unsigned long long>(seed_));
      std::abort();
    };
  }

  RunResult run() {
    try {
      const std::uint64_t boots = random_.between(1, 4);
      for (std::uint64_t i = 0; i < boots && !refused_; ++i) boot(faults(), false);
      // At last a machine without faults: all that was ever acknowledged must be there.
      if (!refused_) boot({}, true);
      if (!refused_ && !damaged_) check_proof();
    } catch (const Violation& violation) {
      result_.violation = violation.text;
    }
    result_.counts.requests = workload_.all().size();
    result_.counts.positions = history_.size();
    for (const std::string& name : disk_.list(kLog)) result_.counts.segments += name.ends_with(".seg");
    result_.fingerprint = random_.next() ^ history_.size() ^ static_cast<std::uint64_t>(scheduler_.now_us());
    return std::move(result_);
  }

 private:
  // Every run has its own mixture: most kinds of fault are absent from most runs, so that each shows undisturbed.
  Faults faults() {
    Faults faults;
    const auto sometimes = [&](std::uint64_t chance, std::uint64_t per_mille) {
      return random_.per_mille(chance) ? random_.between(1, per_mille) : 0;
    };
    faults.write_fails = sometimes(150, 20);
    faults.sync_fails = sometimes(200, 30);
    faults.other_call_fails = sometimes(100, 20);
    faults.disk_full = sometimes(150, 20);
    faults.misdirected = sometimes(20, 5);
    faults.slow = sometimes(200, 300);
    faults.clock_jumps = sometimes(150, 100);
    if (random_.per_mille(700)) faults.ends_after_calls = random_.between(1, kCallsPerBoot);
    return faults;
  }

  void boot(const Faults& faults, bool last) {
    ++result_.counts.boots;
    SimulatedEnvironment environment(random_, scheduler_, disk_, faults);
    environment_ = &environment;
    environment.keep_trace(trace_);
    environment.note("--- boot " + std::to_string(result_.counts.boots));
    try {
      live(environment, last);
    } catch (const Violation&) {
      keep_trace(environment);
      end_process();
      environment_ = nullptr;
      throw;
    }
    environment_ = nullptr;
    keep_trace(environment);
    if (environment.misdirected()) {
      damaged_ = true;
      look_at_frames();
    }
    if (!last) end_of_boot();
  }

  void keep_trace(SimulatedEnvironment& environment) {
    if (trace_) result_.trace.insert(result_.trace.end(), environment.trace().begin(), environment.trace().end());
  }

  // Between boots.
  void tell(const std::string& text) {
    if (trace_) result_.trace.push_back("--- " + text);
  }
  void note(const std::string& text) {
    if (environment_ != nullptr) environment_->note(text);
  }

  // From opening to whatever ends it. What the process had in memory is gone afterwards.
  void live(SimulatedEnvironment& environment, bool last) {
    commands::EngineOptions options = Workload::options();
    options.log.known_durable = Position{witnessed_};
    options.log.known_durable_of = log_id_;
    auto opened = Engine::open(environment, kData, options);
    if (!opened) return opening_refused(environment, opened.error());
    engine_ = std::move(*opened);
    unanswered_.clear();
    if (!engine_->log().recovery().text.empty()) ++result_.counts.torn_tails;
    note("opened at " + std::to_string(engine_->log().durable().value()) + " " + engine_->log().recovery().text);
    check_opened();
    const bool healthy = last ? finish(environment) : work(environment);
    if (!healthy) ++result_.counts.poisoned;
    cursor_.reset();
    if (healthy && !environment.gone() && (last || random_.coin())) close(environment);
    end_process();
  }

  void end_process() {
    environment_->go();
    cursor_.reset();
    engine_.reset();
  }

  void opening_refused(SimulatedEnvironment& environment, const eventlog::Error& error) {
    note("refused: " + error.text);
    if (environment.gone() || environment.failed()) return;  // the next boot may do better
    if (damaged_ || environment.misdirected()) {
      if (error.kind == ErrorKind::damaged && error.text.find("log") == std::string::npos) {
        throw Violation{"a refusal that names no place: " + error.text};
      }
      ++result_.counts.refusals;
      refused_ = true;
      return;
    }
    throw Violation{"a sound log is refused: " + error.text};
  }

  void check_opened() {
    const std::uint64_t durable = engine_->log().durable().value();
    if (!log_id_.empty() && engine_->log().id() != log_id_) throw Violation{"another log stands there"};
    log_id_ = engine_->log().id();
    const std::uint64_t shown = std::max(history_.size(), shown_durable_);
    if (durable < shown) {
      if (!may_be_lost(durable, shown)) {
        throw Violation{"the log ends at " + std::to_string(durable) + ", but " + std::to_string(shown) +
                        " was shown to be durable, " + std::to_string(witnessed_) +
                        " to a read model; frame headers say " + std::to_string(said_durable_)};
      }
      ++result_.counts.tails_lost;
      forget_after(durable);
    }
    // What was cut speaks no more: a header that vouched is gone with a last commit that nobody was shown.
    if (damaged_) said_durable_ = durable_by_headers();
    read_on(~std::uint64_t{0}, true);
    digests_.erase(digests_.upper_bound(durable), digests_.end());
    if (engine_->state_report().image.value() != 0) check_image();
    if (!damaged_) {
      const auto digest = digests_.find(durable);
      if (digest != digests_.end() && digest->second != engine_->state().digest()) {
        throw Violation{"the state replayed up to " + std::to_string(durable) + " is not what it was"};
      }
    }
  }

  // What came from an image and the events behind it is what the whole log leads to.
  void check_image() {
    ++result_.counts.from_images;
    const auto replayed = commands::WriteState::replay(engine_->log(), 0);
    if (!replayed) return unreadable(replayed.error());
    if ((*replayed)->decision().digest() != engine_->state().digest()) {
      throw Violation{"the state from the image of " + std::to_string(engine_->state_report().image.value()) +
                      " is not what the log leads to"};
    }
  }

  // Only damage of the very last commit can go unnoticed, as long as nothing says that it was durable: no read model,
  // and no later frame's header on the disk.
  bool may_be_lost(std::uint64_t durable, std::uint64_t shown) const {
    if (!damaged_ || durable < witnessed_ || durable < said_durable_) return false;
    const auto last_end = frame_ends_.lower_bound(shown);
    return last_end == frame_ends_.begin() || durable >= *std::prev(last_end);
  }

  void forget_after(std::uint64_t position) {
    shown_durable_ = position;
    history_.forget_after(position);
    digests_.clear();
    for (Request& request : workload_.all()) {
      if (request.acknowledged && request.acknowledged->position.value() > position) request.acknowledged.reset();
    }
  }

  // Reads what is durable, like a read model: from the beginning, or where it stood.
  void read_on(std::uint64_t records, bool from_the_beginning) {
    if (from_the_beginning || !cursor_) {
      auto cursor = engine_->log().read_from(Position{1});
      if (!cursor) return unreadable(cursor.error());
      cursor_ = std::move(*cursor);
    }
    for (; records > 0; --records) {
      auto record = cursor_->next();
      if (!record) return unreadable(record.error());
      if (!*record) return;
      if ((*record)->position > engine_->log().durable()) throw Violation{"a reader was shown what is not durable"};
      history_.observe(**record);
      last_read_ = (*record)->position.value();
    }
  }

  void unreadable(const eventlog::Error& error) {
    note("unreadable: " + error.text);
    cursor_.reset();
    if (environment_->gone() || environment_->failed() || damaged_ || environment_->misdirected()) return;
    throw Violation{"a sound log cannot be read: " + error.text};
  }

  // False when the log failed: a real process ends then.
  bool work(SimulatedEnvironment& environment) {
    const std::uint64_t steps = random_.between(5, 60);
    for (std::uint64_t step = 0; step < steps; ++step) {
      if (!submit(random_.between(1, 6), environment)) return false;
      if (random_.per_mille(700)) commit();
      scheduler_.yield();
      acknowledge();
      if (random_.per_mille(100)) read_on(random_.between(1, 40), false);
      if (random_.per_mille(30)) witnessed_ = std::max(witnessed_, last_read_);  // a read model's checkpoint
      if (random_.per_mille(20)) read_as_another_process(environment);
      if (environment.gone()) return true;
    }
    const bool settled = engine_->settle().has_value();
    acknowledge();
    if (!settled && !environment.failed()) throw Violation{"the log failed without a reason"};
    return settled;
  }

  bool finish(SimulatedEnvironment& environment) {
    for (Request& request : workload_.all()) {
      if (!ask({&request}, environment)) return false;
      if (random_.per_mille(200)) commit();
    }
    if (!engine_->settle()) return false;
    acknowledge();
    if (!damaged_) read_on(~std::uint64_t{0}, false);
    for (const Request& request : workload_.all()) {
      if (!request.acknowledged) throw Violation{"no answer for " + request.id};
      const bool accepted = request.acknowledged->status == commands::ReplyStatus::decided;
      if (request.kind == Request::Kind::submit && accepted && !damaged_ && !history_.decided(request.id)) {
        throw Violation{request.id + " was answered and is not in the log"};
      }
    }
    return true;
  }

  bool submit(std::uint64_t count, SimulatedEnvironment& environment) {
    std::vector<Request*> requests;
    for (std::uint64_t i = 0; i < count; ++i) requests.push_back(&workload_.next(environment.now().value()));
    return ask(requests, environment);
  }

  bool ask(const std::vector<Request*>& requests, SimulatedEnvironment& environment) {
    std::vector<commands::Command> commands;
    for (const Request* request : requests) commands.push_back(Workload::command(*request));
    std::size_t taken = 0;
    std::vector<Reply> replies;
    while (taken < commands.size()) {
      const auto more = engine_->submit(std::span(commands).subspan(taken), replies);
      if (!more) {
        note("submit: " + more.error().text);
        if (!environment.failed() && !damaged_ && !environment.misdirected()) {
          throw Violation{"the engine failed without a reason: " + more.error().text};
        }
        return false;
      }
      for (std::size_t i = 0; i < *more; ++i) {
        const Reply& reply = replies[i];
        unanswered_.push_back({requests[taken + i], {reply.status, reply.outcome, reply.score, reply.position}});
      }
      taken += *more;
      if (taken < commands.size()) {
        if (!engine_->settle()) return false;
        acknowledge();
      }
    }
    return true;
  }

  void commit() {
    engine_->try_commit();
    // With nothing built or on its way, the state is that of the last durable position.
    if (random_.per_mille(100) && engine_->settle())
      digests_[engine_->log().durable().value()] = engine_->state().digest();
  }

  // What is durable is answered; from now on it must be true for ever.
  void acknowledge() {
    const Position durable = engine_->log().durable();
    std::erase_if(unanswered_, [&](const Unanswered& waiting) {
      if (waiting.answer.position > durable) return false;
      acknowledge(*waiting.request, waiting.answer);
      return true;
    });
    shown_durable_ = std::max(shown_durable_, durable.value());
  }

  void acknowledge(Request& request, const Answer& answer) {
    if (!request.acknowledged) {
      ++result_.counts.acknowledged;
      request.acknowledged = answer;
      return;
    }
    // A submission is answered as it was; a label or an update is then known already.
    if (request.kind == Request::Kind::submit && request.acknowledged->status == commands::ReplyStatus::decided &&
        answer != *request.acknowledged) {
      throw Violation{"a repeat of " + request.id + " is answered " + text(answer) + ", it was " +
                      text(*request.acknowledged)};
    }
  }

  void read_as_another_process(SimulatedEnvironment& environment) {
    auto reader = eventlog::LogReader::open(environment, kLog);
    if (!reader) return unreadable(reader.error());
    auto cursor = (*reader)->read_from(Position{1});
    if (!cursor) return unreadable(cursor.error());
    for (;;) {
      auto record = (*cursor)->next();
      if (!record) return unreadable(record.error());
      if (!*record) return;
      history_.observe(**record);
    }
  }

  void close(SimulatedEnvironment& environment) {
    const auto closed = engine_->close();
    if (!closed && !environment.failed()) throw Violation{"closing failed: " + closed.error().text};
    if (closed) acknowledge();
  }

  void end_of_boot() {
    if (random_.per_mille(600)) {
      ++result_.counts.power_cuts;
      tell("the power goes");
      disk_.cut_power(random_);
    } else {
      ++result_.counts.kills;
    }
    // An image is no part of the log: whatever becomes of it, nothing is lost.
    if (random_.per_mille(kImageDamagePerMille)) disk_.flip_a_bit(random_, kImage, 0, kFileBytesMax);
    const bool anything = random_.per_mille(kDamagePerMille), last_frame = random_.per_mille(kDamagePerMille);
    if (damaged_ || anything || last_frame) look_at_frames();
    if ((anything && damage_anything()) || (last_frame && damage_last_frame())) damage_done();
  }

  // Which frames the disk holds now, before a bit of them flips: those of an end that was lost since are not among
  // them.
  void look_at_frames() {
    frame_ends_.clear();
    for (const FoundFrame& frame : frames_on(disk_, kLog)) {
      frame_ends_.insert(frame.header.first_position + frame.header.event_count - 1);
    }
  }

  bool damage_anything() {
    std::vector<std::string> names = disk_.list(kLog);
    if (names.empty()) return false;
    return disk_.flip_a_bit(random_, kLog / names[random_.below(names.size())], 0, kFileBytesMax);
  }

  void damage_done() {
    ++result_.counts.damages;
    tell("a bit flips");
    damaged_ = true;
    said_durable_ = std::max(said_durable_, durable_by_headers());
  }

  std::uint64_t durable_by_headers() const {
    std::uint64_t said = 0;
    for (const FoundFrame& frame : frames_on(disk_, kLog)) said = std::max(said, frame.header.durable_through);
    return said;
  }

  // The last frame that was shown: nothing that is whole stands behind it and vouches for it.
  bool damage_last_frame() {
    const std::uint64_t shown = std::max(history_.size(), shown_durable_);
    for (const FoundFrame& frame : frames_on(disk_, kLog)) {
      if (frame.header.first_position + frame.header.event_count != shown + 1) continue;
      return disk_.flip_a_bit(random_, frame.path, frame.offset, random_.coin() ? 128 : 4096);
    }
    return false;
  }

  // The auditor's view, with nobody writing.
  void check_proof() {
    SimulatedEnvironment environment(random_, scheduler_, disk_, {});
    const auto verified = eventlog::verify(environment, kLog);
    if (!verified) throw Violation{"verify: " + verified.error().text};
    if (verified->records != history_.size()) throw Violation{"verify counts " + std::to_string(verified->records)};
  }

  struct Unanswered {
    Request* request;
    Answer answer;
  };

  const std::uint64_t seed_;
  Random random_;
  Scheduler scheduler_;
  Disk disk_;
  Workload workload_;
  History history_;
  RunResult result_;
  const bool trace_;
  SimulatedEnvironment* environment_ = nullptr;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<eventlog::Cursor> cursor_;
  std::vector<Unanswered> unanswered_;
  std::map<std::uint64_t, std::uint64_t> digests_;  // of the decision state, by last position
  std::string log_id_;
  std::set<std::uint64_t> frame_ends_;  // last positions of frames, at the end of the boot before, once there is damage
  std::uint64_t last_read_ = 0, witnessed_ = 0, shown_durable_ = 0;
  std::uint64_t said_durable_ = 0;  // by the frame headers on the damaged disk, since it was last opened
  bool damaged_ = false, refused_ = false;
};

}  // namespace

void RunResult::Counts::add(const Counts& other) {
  boots += other.boots;
  requests += other.requests;
  acknowledged += other.acknowledged;
  positions += other.positions;
  segments += other.segments;
  power_cuts += other.power_cuts;
  kills += other.kills;
  poisoned += other.poisoned;
  torn_tails += other.torn_tails;
  damages += other.damages;
  refusals += other.refusals;
  tails_lost += other.tails_lost;
  from_images += other.from_images;
}

RunResult run_seed(std::uint64_t seed, bool trace) { return Run(seed, trace).run(); }

}  // namespace vigil::simulation
