// vigil_simulation: many seeds on all processors, or one with its trace.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/run.h"

namespace {

using vigil::simulation::run_seed;
using vigil::simulation::RunResult;
using Clock = std::chrono::steady_clock;

unsigned long long number(std::uint64_t value) { return value; }

// What a worker tells: after some seeds what they came to, and at last why it stopped.
struct Progress {
  std::uint64_t seeds = 0, failed_seed = 0;
  RunResult::Counts counts;
};

// One processor's share: every `step`-th seed. The simulated threads take turns, so one processor is all they need, and
// on one they change fastest.
void work(std::uint64_t first, std::uint64_t end, unsigned step, unsigned processor, int out) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
  Progress progress;
  const auto tell = [&] { return ::write(out, &progress, sizeof progress) == sizeof progress; };
  auto told = Clock::now();
  for (std::uint64_t seed = first + processor; seed < end; seed += step) {
    const RunResult result = run_seed(seed);
    progress.counts.add(result.counts);
    ++progress.seeds;
    if (result.violation) progress.failed_seed = seed;
    const bool due = Clock::now() - told > std::chrono::seconds(1);
    if ((due || progress.failed_seed != 0) && !tell()) break;
    if (progress.failed_seed != 0) break;
    if (due) told = Clock::now();
  }
  static_cast<void>(tell());
  ::_exit(0);
}

struct Worker {
  pid_t process;
  int in;
  Progress last;
};

Progress sum(const std::vector<Worker>& workers) {
  Progress all;
  for (const Worker& worker : workers) {
    all.seeds += worker.last.seeds;
    all.counts.add(worker.last.counts);
    const std::uint64_t failed = worker.last.failed_seed;
    if (failed != 0) all.failed_seed = all.failed_seed == 0 ? failed : std::min(all.failed_seed, failed);
  }
  return all;
}

void print(const Progress& all, double seconds) {
  const RunResult::Counts& c = all.counts;
  std::printf("%llu seeds in %.0f s (%.0f seeds/s): %llu boots, %llu power cuts, %llu kills, %llu poisoned logs\n",
              number(all.seeds), seconds, static_cast<double>(all.seeds) / seconds, number(c.boots),
              number(c.power_cuts), number(c.kills), number(c.poisoned));
  std::printf(
      "%llu requests, %llu acknowledged, %llu positions, %llu segments; %llu torn tails cut; %llu damages at rest, "
      "%llu refusals, %llu last commits lost to damage; %llu boots began from an image\n",
      number(c.requests), number(c.acknowledged), number(c.positions), number(c.segments), number(c.torn_tails),
      number(c.damages), number(c.refusals), number(c.tails_lost), number(c.from_images));
}

// Runs the seeds on all processors; the first that fails ends all.
Progress run_all(std::uint64_t first, std::uint64_t seeds, unsigned jobs) {
  std::vector<Worker> workers;
  for (unsigned i = 0; i < jobs; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) std::exit(1);
    const pid_t process = ::fork();
    if (process == 0) {
      ::close(ends[0]);
      work(first, first + seeds, jobs, i, ends[1]);
    }
    ::close(ends[1]);
    workers.push_back({process, ends[0], {}});
  }
  const auto start = Clock::now();
  auto shown = start;
  bool stopped = false;
  for (std::size_t open = workers.size(); open > 0;) {
    for (Worker& worker : workers) {
      if (worker.in < 0) continue;
      if (::read(worker.in, &worker.last, sizeof worker.last) != sizeof worker.last) {
        ::close(worker.in);
        worker.in = -1;
        --open;
        int status = 0;
        ::waitpid(worker.process, &status, 0);
        // A worker that crashed, or whose threads wait for ever, has said so itself.
        if (status != 0 && !stopped) std::exit(1);
      } else if (worker.last.failed_seed != 0 && !stopped) {
        stopped = true;
        for (const Worker& other : workers) {
          if (&other != &worker && other.in >= 0) ::kill(other.process, SIGTERM);
        }
      }
    }
    if (Clock::now() - shown < std::chrono::seconds(10)) continue;
    shown = Clock::now();
    const Progress now = sum(workers);
    const double rate = static_cast<double>(now.seeds) / std::chrono::duration<double>(shown - start).count();
    std::fprintf(stderr, "%llu of %llu seeds, %.0f/s, %.0f s left\n", number(now.seeds), number(seeds), rate,
                 static_cast<double>(seeds - now.seeds) / rate);
  }
  const Progress all = sum(workers);
  print(all, std::chrono::duration<double>(Clock::now() - start).count());
  return all;
}

int show(std::uint64_t seed) {
  const RunResult result = run_seed(seed, true);
  for (const std::string& line : result.trace) std::printf("%s\n", line.c_str());
  if (!result.violation) {
    std::printf("seed %llu: no promise was broken\n", number(seed));
    return 0;
  }
  std::printf("seed %llu: %s\nsee it again with: ./run simulate --seed %llu\n", number(seed), result.violation->c_str(),
              number(seed));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Runs the log, recovery, readers and decisions on a simulated, hostile machine. Each seed is a life of its own: "
      "some\n"
      "boots, ended by power cuts, kills and failing disks. A seed that breaks a promise is shown with its trace.\n\n"
      "Examples:\n  ./run simulate --seeds 100000\n  ./run simulate --seed 4711");
  std::uint64_t seeds = 10'000, first = 1, seed = 0;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  bool expect_violation = false;
  app.add_option("--seeds", seeds, "how many seeds")->capture_default_str();
  app.add_option("--first", first, "the first of them")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seed", seed, "run this seed alone and print its trace");
  app.add_option("--jobs", jobs, "processes, one per processor")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--expect-violation", expect_violation,
               "succeed when a seed breaks a promise: for builds with a planted bug");
  CLI11_PARSE(app, argc, argv);
  if (seed != 0) return show(seed);
  const Progress all = run_all(first, seeds, jobs);
  if (all.failed_seed == 0) return expect_violation ? 1 : 0;
  const int failed = show(all.failed_seed);
  return expect_violation ? 0 : failed;
}
