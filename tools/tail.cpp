#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <set>

#include "api/client.h"
#include "api/event_json.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/interruption.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::EventType;
using eventlog::Expected;
using eventlog::fail;
using eventlog::Position;

// Between two looks at a log another process writes; each look syncs its tail file.
constexpr std::chrono::milliseconds kLookAgain{100};
// Events shown when nobody says from where.
constexpr std::uint64_t kEventsByDefault = 10;

struct TailOptions {
  std::string data, connect;
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> limit;
  std::vector<std::string> types, topics;
  bool follow = false;
};

Expected<std::set<std::uint16_t>> types_of(const std::vector<std::string>& names) {
  std::set<std::uint16_t> types;
  std::string all;
  for (auto number = static_cast<std::uint16_t>(EventType::transaction_decided);
       number <= static_cast<std::uint16_t>(EventType::rules_activated); ++number) {
    const std::string_view name = eventlog::name(static_cast<EventType>(number));
    if (std::ranges::find(names, name) != names.end()) types.insert(number);
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  if (types.size() == std::set(names.begin(), names.end()).size()) return types;
  return fail(ErrorKind::invalid, "--types knows " + all);
}

// Prints what the cursor has until it has caught up. True when the limit was reached.
Expected<bool> print_ready(eventlog::Cursor& cursor, const std::set<std::uint16_t>& types,
                           api::Activations& activations, std::optional<std::uint64_t>& left,
                           const Interruption& interruption) {
  std::string line;
  while (!interruption.requested() && std::cout) {
    if (left && *left == 0) return true;
    const auto record = cursor.next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return false;
    if (!types.empty() && !types.contains((*record)->type)) continue;
    line.clear();
    if (auto done = api::append_event_json(line, **record, &activations); !done) return std::unexpected(done.error());
    std::cout << line << '\n';
    if (left) --*left;
  }
  return true;
}

Expected<void> tail_directory(const TailOptions& options, const std::set<std::uint16_t>& types) {
  eventlog::PosixEnvironment environment;
  auto log = open_log(environment, options.data);
  if (!log) return std::unexpected(log.error());
  const std::uint64_t durable = (*log)->durable().value();
  const std::uint64_t by_default = durable - std::min(durable, kEventsByDefault) + 1;
  auto cursor =
      (*log)->read_from(Position{std::clamp<std::uint64_t>(options.from.value_or(by_default), 1, durable + 1)});
  if (!cursor) return std::unexpected(cursor.error());
  api::Activations activations(**log);
  Interruption interruption;
  std::optional<std::uint64_t> left = options.limit;
  for (;;) {
    const auto enough = print_ready(**cursor, types, activations, left, interruption);
    if (!enough) return std::unexpected(enough.error());
    // Whoever reads this may have left, or its disk may be full; main() says why.
    if (!std::cout.flush() || *enough || !options.follow) return {};
    (*cursor)->wait(kLookAgain);
    if (auto more = (*log)->refresh(); !more) return std::unexpected(more.error());
  }
}

Expected<void> tail_service(const TailOptions& options) {
  const std::vector<std::string> everything{""};
  auto subscriber = api::Subscriber::connect(options.connect, options.topics.empty() ? everything : options.topics);
  if (!subscriber) return std::unexpected(subscriber.error());
  Interruption interruption;
  std::optional<std::uint64_t> left = options.limit;
  while (!interruption.requested() && (!left || *left > 0) && std::cout) {
    const auto event = (*subscriber)->receive(kLookAgain);
    if (!event) continue;
    std::cout << event->json << std::endl;
    if (left) --*left;
  }
  return {};
}

int tail(const TailOptions& options) {
  if (options.data.empty() == options.connect.empty()) {
    return print_usage_error("tail needs either --data DIR or --connect ENDPOINT (of the live events)");
  }
  if (!options.connect.empty() && (!options.types.empty() || options.from || options.follow)) {
    return print_usage_error("--types, --from and --follow belong to --data; with --connect there are --topics");
  }
  if (!options.data.empty() && !options.topics.empty()) {
    return print_usage_error("--topics belong to --connect; with --data there are --types");
  }
  const auto types = types_of(options.types);
  if (!types) return print_usage_error(types.error().text);
  const auto done = options.data.empty() ? tail_service(options) : tail_directory(options, *types);
  return done ? kDone : print_error(done.error());
}

}  // namespace

void add_tail(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TailOptions>();
  CLI::App* command = app.add_subcommand("tail", "show events as they are recorded, one JSON object a line");
  command->add_option("--data", options->data, "data directory: without gaps, also beside a running service");
  command->add_option("--connect", options->connect, "endpoint of a service's live events (serve --publish)");
  command->add_option("--from", options->from, "with --data: first position (default: the last 10 events)");
  command->add_flag("--follow", options->follow, "with --data: go on with what comes, until interrupted");
  command->add_option("--types", options->types, "with --data: only these, such as TransactionDecided,AlertRaised")
      ->delimiter(',');
  command
      ->add_option("--topics", options->topics,
                   "with --connect: only topics that begin so, such as decision.decline,alert.P0")
      ->delimiter(',');
  command->add_option("--limit", options->limit, "stop after this many events");
  example_on_data(*command,
                  "build/vigil tail --data " + std::string(kExampleData) + " --types AlertRaised --from 1 --limit 5");
  command->callback([options, &exit_code] { exit_code = tail(*options); });
}

}  // namespace vigil::tools
