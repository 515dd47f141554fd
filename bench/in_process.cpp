// The engine without a network: parse, decide, record, sync, with all read models following; then a rebuild.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <span>
#include <vector>

#include "bench/report.h"
#include "bench/workload.h"
#include "commands/engine.h"
#include "commands/message_parser.h"
#include "commands/read_ahead.h"
#include "eventlog/storage/posix_environment.h"
#include "projections/read_models.h"
#include "projections/rebuild.h"

namespace vigil::bench {

namespace {

constexpr std::size_t kPerMessage = 64;

// Runs messages through an engine and waits for room when the log is the slower one.
class Feeder {
 public:
  explicit Feeder(commands::Engine& engine) : engine_(engine) {
    engine_.log().on_commit([this](const eventlog::Expected<eventlog::Position>& durable) {
      if (!durable) give_up(durable.error().text);
      commits_.fetch_add(1);
      commits_.notify_all();
    });
  }
  ~Feeder() { engine_.log().on_commit({}); }

  // Parsed on another thread and decided in batches, as `vigil ingest` does, so that the state of a batch's later
  // transactions is on its way to the cache while the first are decided.
  void feed(std::span<const std::string> messages) {
    commands::ReadAhead input([&]() -> eventlog::Expected<commands::ReadAhead::Batch> {
      batch_.clear();
      const auto taken = messages.first(std::min(kMessages, messages.size()));
      messages = messages.subspan(taken.size());
      for (std::size_t i = 0; i < taken.size(); ++i) {
        const commands::Message& parsed = parsers_[i].parse(taken[i], "bench");
        batch_.insert(batch_.end(), parsed.commands.begin(), parsed.commands.end());
      }
      return commands::ReadAhead::Batch{batch_, 0};
    });
    for (auto batch = input.next(); batch && !batch->commands.empty(); batch = input.next()) decide(batch->commands);
  }
  std::uint64_t decided() const { return decided_; }

 private:
  static constexpr std::size_t kMessages = 4;

  void decide(std::span<const commands::Command> rest) {
    while (true) {
      const std::uint64_t before = commits_.load();
      auto taken = engine_.submit(rest, replies_);
      if (!taken) give_up(taken.error().text);
      for (const commands::Reply& reply : replies_) decided_ += reply.status == commands::ReplyStatus::decided;
      rest = rest.subspan(*taken);
      engine_.try_commit();
      if (rest.empty()) return;
      commits_.wait(before);
    }
  }

  commands::Engine& engine_;
  std::array<commands::MessageParser, kMessages> parsers_;
  std::vector<commands::Command> batch_;
  std::vector<commands::Reply> replies_;
  std::atomic<std::uint64_t> commits_{0};
  std::uint64_t decided_ = 0;
};

std::vector<std::string> prepared(Workload& workload, std::size_t messages) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < messages; ++i) out.push_back(workload.message(i, kPerMessage));
  return out;
}

// Of all threads of this process.
double processor_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

std::uint64_t directory_bytes(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

void report_memory(commands::Engine& engine) {
  const rules::DecisionStateMemory memory = engine.state().memory();
  char text[200];
  std::snprintf(text, sizeof text, "%.1f bytes (%llu entries of customers, merchants and devices)",
                static_cast<double>(memory.window_bytes) / static_cast<double>(memory.window_entries),
                static_cast<unsigned long long>(memory.window_entries));
  row("memory per window entry, slack included", text);
  const std::uint64_t entities = memory.customers + memory.merchants + memory.devices;
  std::snprintf(text, sizeof text,
                "%.0f bytes besides its window entries (%llu customers, %llu merchants, %llu devices)",
                static_cast<double>(memory.entity_bytes) / static_cast<double>(entities),
                static_cast<unsigned long long>(memory.customers), static_cast<unsigned long long>(memory.merchants),
                static_cast<unsigned long long>(memory.devices));
  row("memory per entity", text);
  std::snprintf(text, sizeof text, "%.0f bytes (everything: windows, its devices, its share of merchants)",
                static_cast<double>(memory.entity_bytes + memory.window_bytes) / static_cast<double>(memory.customers));
  row("memory per customer", text);
}

void report_rebuild(const std::filesystem::path& directory, const eventlog::LogSource& log) {
  const std::int64_t start = now_us();
  auto rebuilt = projections::rebuild(directory, log);
  if (!rebuilt) give_up(rebuilt.error().text);
  const double seconds = static_cast<double>(now_us() - start) / 1e6;
  bool equal = true;
  for (const projections::RebuiltModel& model : *rebuilt) equal = equal && model.equal.value_or(false);
  row("rebuild of all read models", rate(static_cast<double>(log.durable().value()), seconds) + " events, digests " +
                                        (equal ? "equal to the live ones" : "DIFFERENT from the live ones"));
  if (!equal) give_up("a rebuilt model differs from the live one");
}

}  // namespace

void measure_in_process(const Settings& settings) {
  heading("In process: JSON in, durable decision out, all read models following");
  const std::filesystem::path directory = settings.scratch / "in_process";
  std::filesystem::remove_all(directory);
  eventlog::PosixEnvironment environment;
  auto engine = commands::Engine::open(environment, directory, {});
  if (!engine) give_up(engine.error().text);
  row("features, rules",
      std::to_string((*engine)->catalogue().size()) + ", " + std::to_string((*engine)->rule_set().rules().size()));
  auto models = projections::ReadModels::open(directory / "models", (*engine)->log());
  if (!models) give_up(models.error().text);

  Workload workload({.start_us = wall_us() - 6 * kDayUs});
  const std::int64_t first = now_us();
  double busy_us = 0, used_us = 0;
  std::uint64_t decided = 0;
  {
    Feeder feeder(**engine);
    while (busy_us < settings.seconds * 1e6) {
      const std::vector<std::string> batch = prepared(workload, 2000);  // made outside of the measured time
      const std::int64_t start = now_us();
      const double used_before_us = processor_us();
      feeder.feed(batch);
      if (!(*engine)->settle()) give_up("the log failed");
      busy_us += static_cast<double>(now_us() - start);
      used_us += processor_us() - used_before_us;
    }
    decided = feeder.decided();
  }
  row("durable decisions", rate(static_cast<double>(decided), busy_us / 1e6) + " (" + std::to_string(decided) + ")");
  char text[64];
  std::snprintf(text, sizeof text, "%.1f µs", used_us / static_cast<double>(decided));
  row("processor time per transaction, all threads", text);
  const eventlog::Position durable = (*engine)->log().durable();
  if (!(*models)->wait_for(durable, std::chrono::minutes(5))) {
    std::string why = "the read models do not follow";
    for (const projections::ModelStatus& status : (*models)->status()) why += "; " + status.name + ": " + status.reason;
    give_up(why);
  }
  row("the same until all read models show them",
      rate(static_cast<double>(decided), static_cast<double>(now_us() - first) / 1e6) +
          " (the making of the input included)");
  if (!(*models)->close()) give_up("the read models do not close");
  models->reset();  // a rebuild wants them for itself
  const auto newest = (*engine)->log().at(durable);
  if (!newest) give_up(newest.error().text);
  std::snprintf(text, sizeof text, "%.0f bytes (segments whole: %llu MiB)",
                static_cast<double>(newest->address.value()) / static_cast<double>(decided),
                static_cast<unsigned long long>(directory_bytes(directory / "log") >> 20));
  row("log per transaction, alerts included", text);
  report_memory(**engine);
  report_rebuild(directory / "models", (*engine)->log());
  if (!(*engine)->close()) give_up("the log does not close");
  engine->reset();
  std::filesystem::remove_all(directory);
}

}  // namespace vigil::bench
