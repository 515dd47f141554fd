// `vigil log`: what is in the log, event by event, and what can be done to its segments.
#include "eventlog/storage/log.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "api/activations.h"
#include "api/event_json.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/log_archive.h"
#include "tools/log_head.h"
#include "tools/log_stat.h"
#include "tools/output_file.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::Expected;
using eventlog::Position;

struct DumpArguments {
  std::string data;
  std::uint64_t from = 1;
  std::uint64_t to = UINT64_MAX;
  std::uint64_t count = UINT64_MAX;
  bool json = false;
};

Expected<void> dump(const DumpArguments& arguments, const eventlog::LogSource& log) {
  if (arguments.from < 1 || arguments.from > log.durable().value() + 1) {
    return eventlog::fail(
        eventlog::ErrorKind::not_found,
        "position " + std::to_string(arguments.from) + ": the log ends at " + std::to_string(log.durable().value()));
  }
  auto cursor = log.read_from(Position{arguments.from});
  if (!cursor) return std::unexpected(cursor.error());
  auto out = OutputFile::create("-");
  if (!out) return std::unexpected(out.error());
  api::Activations activations(log);
  std::string line;
  for (std::uint64_t n = 0; n < arguments.count && !(*out)->failed(); ++n) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record || (*record)->position.value() > arguments.to) break;
    line.clear();
    if (auto text = api::append_event_json(line, **record, &activations); !text) return text;
    (*out)->write(line += '\n');
  }
  return (*out)->finish();
}

int dump(const DumpArguments& arguments) {
  if (arguments.to < arguments.from) {
    return print_usage_error("--to " + std::to_string(arguments.to) + " is before --from " +
                             std::to_string(arguments.from));
  }
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, arguments.data);
  if (!log) return print_error(log.error());
  const auto done = dump(arguments, **log);
  return done ? kDone : print_error(done.error());
}

void add_log_dump(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<DumpArguments>();
  CLI::App* command = log.add_subcommand("dump", "its events as JSON lines (docs/protocol.md)");
  command->add_option("--data", arguments->data, "data directory")->required();
  command->add_option("--from", arguments->from, "first position")->capture_default_str();
  command->add_option("--to", arguments->to, "last position (default: the log's end)");
  command->add_option("--count", arguments->count, "at most so many events");
  command->add_flag("--json", arguments->json, "JSON lines, which it prints in any case");
  command->callback([arguments, &exit_code] { exit_code = dump(*arguments); });
  example_on_data(*command, "build/vigil log dump --data " + std::string(kExampleData) + " --from 100 --to 102");
}

}  // namespace

void add_log(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("log", "Look into the log, and pack or repair its segments.");
  command->require_subcommand(1);
  add_log_stat(*command, exit_code);
  add_log_head(*command, exit_code);
  add_log_dump(*command, exit_code);
  add_log_archive(*command, exit_code);
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil log stat --data " + data + "\n" + "build/vigil log dump --data " + data +
                                " --from 100 --count 3\n");
}

}  // namespace vigil::tools
