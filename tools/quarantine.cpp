// `vigil quarantine`: input that could not be accepted: list it, look at it, take it out for repair, submit again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/query_json.h"
#include "eventlog/schema/events.h"
#include "eventlog/storage/posix_environment.h"
#include "projections/read_models.h"
#include "tools/data_directory.h"
#include "tools/ingest.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/quarantine_line.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
using eventlog::Position;
using eventlog::TransactionQuarantined;
using Json = nlohmann::ordered_json;
using projections::Quarantined;

struct QuarantineOptions {
  std::string data;
  std::optional<std::string> code;
  std::uint64_t since = 0;
  std::optional<std::uint64_t> limit;
  std::uint64_t position = 0;
  std::string out = "-";
  bool raw = false;
  bool json = false;
};

// The log and the read model of one data directory.
struct Sources {
  eventlog::PosixEnvironment environment;
  std::unique_ptr<eventlog::LogReader> log;
  std::unique_ptr<projections::ReadModels> models;
};

Expected<void> open(const std::string& data, Sources& sources) {
  auto log = open_log(sources.environment, data);
  if (!log) return std::unexpected(log.error());
  sources.log = std::move(*log);
  auto models = projections::ReadModels::open_read_only(models_directory(data));
  if (!models) return std::unexpected(models.error());
  sources.models = std::move(*models);
  return {};
}

constexpr std::uint64_t kListed = 100;  // unless --limit says otherwise
constexpr std::uint64_t kAtOnce = 1000;

// Every row the options ask for, in order, read in portions; at most `otherwise` without --limit. Returns how many.
Expected<std::uint64_t> for_each(const QuarantineOptions& options, std::uint64_t otherwise, const Sources& sources,
                                 const std::function<Expected<void>(const Quarantined&)>& take) {
  const std::uint64_t wanted = options.limit.value_or(otherwise);
  projections::QuarantineQuery query{Position{options.since}, options.code, 0};
  std::uint64_t taken = 0;
  while (taken < wanted) {
    query.limit = std::min(kAtOnce, wanted - taken);
    const auto rows = sources.models->quarantine(query);
    if (!rows) return std::unexpected(rows.error());
    for (const Quarantined& row : *rows) {
      if (auto done = take(row); !done) return std::unexpected(done.error());
    }
    taken += rows->size();
    if (rows->size() < query.limit) break;
    query.since = Position{rows->back().position.value() + 1};
  }
  return taken;
}

std::string_view raw_text(const TransactionQuarantined& event) {
  return {reinterpret_cast<const char*>(event.raw.data()), event.raw.size()};
}

// One JSON text whatever the bytes are: what is not UTF-8 becomes U+FFFD (`--raw` gives the bytes).
std::string line_of(const Json& json) { return api::text_of(json) + "\n"; }

void print(const Quarantined& row) {
  std::cout << grouped(row.position.value()) << "  " << row.source;
  for (const auto& reason : row.reasons) {
    std::cout << "  " << reason.code << (reason.field.empty() ? "" : " (" + reason.field + ")") << ": " << reason.text;
  }
  std::cout << '\n';
}

Expected<void> list(const QuarantineOptions& options, const Sources& sources) {
  if (options.json) std::cout << "{\"quarantine\":[";
  bool first = true;
  const auto listed = for_each(options, kListed, sources, [&](const Quarantined& row) -> Expected<void> {
    if (!options.json) {
      print(row);
    } else {
      std::cout << (first ? "" : ",") << api::text_of(api::to_json(row));
    }
    first = false;
    return {};
  });
  if (!listed) return std::unexpected(listed.error());
  if (options.json) {
    std::cout << "]}\n";
  } else if (*listed == 0) {
    std::cout << "nothing is quarantined\n";
  } else if (*listed == options.limit.value_or(kListed)) {
    std::cout << "(the first " << grouped(*listed) << "; --limit or --since for more)\n";
  }
  return {};
}

Expected<TransactionQuarantined> event_at(const Sources& sources, Position position) {
  const auto record = sources.log->at(position);
  if (!record) return std::unexpected(record.error());
  const auto type = eventlog::type_of(*record);
  if (!type) return std::unexpected(type.error());
  if (*type != eventlog::EventType::transaction_quarantined) {
    return fail(ErrorKind::not_found, "position " + std::to_string(position.value()) + " holds a " +
                                          std::string(eventlog::name(*type)) +
                                          ", nothing quarantined; `vigil quarantine list` names the positions");
  }
  return eventlog::decode<TransactionQuarantined>(*record);
}

Expected<void> show(const QuarantineOptions& options, const Sources& sources) {
  const auto event = event_at(sources, Position{options.position});
  if (!event) return std::unexpected(event.error());
  if (options.json) {
    Json reasons = Json::array();
    for (const auto& reason : event->reasons) {
      reasons.push_back({{"code", reason.code}, {"field", reason.field}, {"text", reason.text}});
    }
    std::cout << line_of({{"position", options.position},
                          {"source", event->source},
                          {"reasons", std::move(reasons)},
                          {"raw", raw_text(*event)}});
    return {};
  }
  std::cout << "position  " << options.position << "\nsource    " << event->source << '\n';
  for (const auto& reason : event->reasons) {
    std::cout << "reason    " << reason.code << (reason.field.empty() ? "" : " (" + std::string(reason.field) + ")")
              << ": " << reason.text << '\n';
  }
  std::cout << "raw       " << raw_text(*event) << '\n';
  return {};
}

Expected<void> export_all(const QuarantineOptions& options, const Sources& sources) {
  auto out = OutputFile::create(options.out);
  if (!out) return std::unexpected(out.error());
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  const auto exported = for_each(options, kAll, sources, [&](const Quarantined& row) -> Expected<void> {
    const auto event = event_at(sources, row.position);
    if (!event) return std::unexpected(event.error());
    if (options.raw) {
      (*out)->write(resubmit_line(*event) + "\n");
    } else {
      Json json = api::to_json(row);
      json["raw"] = raw_text(*event);
      (*out)->write(line_of(json));
    }
    return {};
  });
  if (!exported) return std::unexpected(exported.error());
  if (auto finished = (*out)->finish(); !finished) return finished;
  std::cerr << "exported " << grouped(*exported) << " quarantined inputs\n";
  return {};
}

// A directory with an input that lacks nearly everything, which is therefore event 4 of its log.
constexpr std::string_view kExampleBad = "/tmp/vigil-example-bad";

void example_on_bad_data(CLI::App& command, const std::string& commands) {
  const std::string bad(kExampleBad);
  example(command, "echo '{\"transaction_id\":\"t1\",\"amount\":\"12.50\"}' > " + bad + ".jsonl\n" +
                       "build/vigil ingest --data " + bad + " " + bad + ".jsonl\n" + commands);
}

using QuarantineAction = Expected<void> (*)(const QuarantineOptions&, const Sources&);

CLI::App* add_action(CLI::App& command, const char* name, const char* what, QuarantineAction action,
                     const std::shared_ptr<QuarantineOptions>& options, int& exit_code) {
  CLI::App* added = command.add_subcommand(name, what);
  added->add_option("--data", options->data, "data directory")->required();
  added->callback([options, action, &exit_code] {
    Sources sources;
    auto done = open(options->data, sources);
    if (done) done = action(*options, sources);
    exit_code = done ? kDone : print_error(done.error());
  });
  return added;
}

void add_filter(CLI::App& command, QuarantineOptions& options) {
  command.add_option("--code", options.code, "only with this reason code (docs/protocol.md lists them)");
  command.add_option("--since", options.since, "only at this position or later");
  command.add_option("--limit", options.limit, "at most so many (list: 100 when not given; export: all)")
      ->check(CLI::PositiveNumber);
}

void add_resubmit(CLI::App& command, int& exit_code) {
  struct Resubmit {
    IngestOptions ingest;
    bool json = false;
  };
  auto options = std::make_shared<Resubmit>();
  CLI::App* added = command.add_subcommand("resubmit", "submit repaired input: JSON lines, or CSV with a --map");
  added->add_option("FILE", options->ingest.input, "repaired input; - is stdin")->required();
  added->add_option("--map", options->ingest.map, "the mapping of a CSV file");
  auto* data = added->add_option("--data", options->ingest.data, "data directory");
  added->add_option("--connect", options->ingest.connect, "endpoint of a running service instead")->excludes(data);
  added->add_flag("--json", options->json, "closing summary as JSON");
  added->callback([options, &exit_code] {
    if (options->ingest.data.empty() && options->ingest.connect.empty()) {
      exit_code = print_usage_error("quarantine resubmit needs either --data DIR or --connect ENDPOINT");
      return;
    }
    exit_code = report(ingest(options->ingest), options->json ? SummaryForm::json : SummaryForm::text);
  });
  const std::string bad(kExampleBad);
  example_on_bad_data(*added, "build/vigil quarantine export --data " + bad + " --raw --out " + bad +
                                  ".repaired.jsonl\nbuild/vigil quarantine resubmit --data " + bad + " " + bad +
                                  ".repaired.jsonl");
}

}  // namespace

void add_quarantine(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<QuarantineOptions>();
  CLI::App* command =
      app.add_subcommand("quarantine", "Input that could not be accepted: kept whole, with the reasons.");
  command->require_subcommand(1);
  const std::string data(kExampleBad);

  CLI::App* listing = add_action(*command, "list", "positions, sources and reasons", list, options, exit_code);
  add_filter(*listing, *options);
  listing->add_flag("--json", options->json, "as JSON");
  example_on_bad_data(*listing, "build/vigil quarantine list --data " + data);

  CLI::App* showing = add_action(*command, "show", "one input with its raw bytes", show, options, exit_code);
  showing->add_option("POSITION", options->position, "as `list` names it")->required();
  showing->add_flag("--json", options->json, "as JSON");
  example_on_bad_data(*showing, "build/vigil quarantine show --data " + data + " 4");

  CLI::App* exporting =
      add_action(*command, "export", "inputs with their raw bytes, as JSON lines", export_all, options, exit_code);
  add_filter(*exporting, *options);
  exporting->add_option("--out", options->out, "file to write; - is stdout")->capture_default_str();
  exporting->add_flag("--raw", options->raw,
                      "only the raw input, one a line, ready for repair and `resubmit` (labels get their op)");
  example_on_bad_data(*exporting,
                      "build/vigil quarantine export --data " + data + " --raw --out " + data + ".repaired.jsonl");

  add_resubmit(*command, exit_code);
  example_on_bad_data(*command, "build/vigil quarantine list --data " + data);
}

}  // namespace vigil::tools
