#include "tools/ingest.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "tools/data_directory.h"
#include "tools/subcommand.h"

namespace vigil::tools {

using eventlog::Expected;

std::vector<commands::Command> activations(const IngestOptions& options, const std::string& map_policy_toml) {
  std::vector<commands::Command> list;
  const auto add = [&](auto body) { list.push_back({std::move(body), body.text, body.file}); };
  if (options.policy) {
    add(commands::UpdatePolicy{options.policy->text, options.policy->name});
  } else if (!map_policy_toml.empty()) {
    add(commands::UpdatePolicy{map_policy_toml, *options.map});
  }
  if (options.features) add(commands::ActivateFeatures{options.features->text, options.features->name});
  if (options.rules) add(commands::ActivateRules{options.rules->text, options.rules->name});
  return list;
}

Expected<IngestSummary> ingest(const IngestOptions& options) {
  const std::string input = options.input == "-" ? "/dev/stdin" : options.input;
  const std::optional<std::filesystem::path> map = options.map;
  // The reader takes it for a text file; a pipe can be read only once.
  std::error_code unknown;
  if (map && !std::filesystem::is_fifo(*map, unknown)) {
    if (auto text = read_text_file(*map); !text) return std::unexpected(text.error());
  }
  auto reader = commands::InputReader::open(input, map);
  if (!reader) return std::unexpected(reader.error());
  auto summary = options.connect.empty() ? ingest_embedded(options, **reader) : ingest_connected(options, **reader);
  if (summary && !summary->interrupted) summary->labels_not_yet_known = (*reader)->labels_not_yet_known();
  return summary;
}

int report(const Expected<IngestSummary>& summary, SummaryForm form) {
  if (!summary) return print_error(summary.error());
  std::cout << (form == SummaryForm::json ? summary->to_json() : summary->to_text());
  if (!summary->interrupted) return kDone;
  std::cerr << "vigil: interrupted; the same command again goes on: what is decided already costs nothing\n";
  return kFailed;
}

namespace {

struct Arguments {
  IngestOptions ingest;
  std::string policy_file, features_file, rules_file;
  bool json = false;
};

Expected<std::optional<TextFile>> read_optional(const std::string& file) {
  if (file.empty()) return std::nullopt;
  auto text = read_text_file(file);
  if (!text) return std::unexpected(text.error());
  return TextFile{file, std::move(*text)};
}

Expected<void> read_files(Arguments& arguments) {
  const std::pair<const std::string*, std::optional<TextFile>*> files[] = {
      {&arguments.policy_file, &arguments.ingest.policy},
      {&arguments.features_file, &arguments.ingest.features},
      {&arguments.rules_file, &arguments.ingest.rules}};
  for (const auto& [name, file] : files) {
    auto text = read_optional(*name);
    if (!text) return std::unexpected(text.error());
    *file = std::move(*text);
  }
  return {};
}

int run(Arguments& arguments) {
  const IngestOptions& options = arguments.ingest;
  if (options.data.empty() == options.connect.empty()) {
    return print_usage_error("ingest needs either --data DIR (decide here) or --connect ENDPOINT (a running service)");
  }
  if (auto read = read_files(arguments); !read) return print_error(read.error());
  return report(ingest(options), arguments.json ? SummaryForm::json : SummaryForm::text);
}

void add_options(CLI::App& command, Arguments& arguments) {
  IngestOptions& ingest = arguments.ingest;
  command.add_option("FILE", ingest.input, "CSV with a --map, or JSON lines; .zst is unpacked; - is stdin")->required();
  command.add_option("--data", ingest.data, "data directory to decide and record in; made when missing");
  command.add_option("--connect", ingest.connect, "endpoint of a running service instead, tcp://127.0.0.1:7701");
  command.add_option("--map", ingest.map, "TOML: which column is which field, units, labels (docs/ingest.md)");
  command.add_option("--policy", arguments.policy_file, "TOML: what is accepted; goes before the map's policy");
  command.add_option("--features", arguments.features_file, "TOML: feature catalogue to activate first");
  command.add_option("--rules", arguments.rules_file, "TOML: rule set to activate first");
  command.add_option("--batch", ingest.batch, "commands read at once")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 16));
  add_segment_mib(command, ingest.segment_mib);
  command.add_option("--per-message", ingest.commands_per_message, "with --connect: commands in a message")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, commands::kCommandsPerMessageMax));
  command.add_option("--in-flight", ingest.in_flight, "with --connect: messages under way at once")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{256}));
  command.add_flag("--json", arguments.json, "closing summary as JSON");
}

}  // namespace

void add_ingest(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("ingest",
                         "Decide and record every transaction of a file, durably.\n"
                         "May be stopped at any time, also by force: the same command again goes on where it was.");
  add_options(*command, *arguments);
  const std::string data(kExampleData);
  example(*command, "build/vigil simulate --transactions 5000 --out " + data + ".jsonl\n" +
                        "build/vigil ingest --data " + data + " " + data + ".jsonl\n");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace vigil::tools
