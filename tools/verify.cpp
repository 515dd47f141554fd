// `vigil verify`: the log proved from its bytes, and on request its decisions and its read models taken again.
#include "eventlog/storage/verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "commands/verify_decisions.h"
#include "eventlog/storage/posix_environment.h"
#include "tools/data_directory.h"
#include "tools/head_file.h"
#include "tools/key_file.h"
#include "tools/progress.h"
#include "tools/subcommand.h"
#include "tools/verify_models.h"

namespace vigil::tools {
namespace {

using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
using Json = nlohmann::ordered_json;

struct VerifyArguments {
  std::string data;
  bool log = false, decisions = false, models = false;
  std::uint64_t since = 0;  // 0: from the first position on
  std::string head, key, scratch;
  std::size_t threads = 0;  // 0: as many as there are processors
  bool segments = false, json = false;
};

// What one part found: lines for people, fields for machines, and whether it is good.
struct Finding {
  std::string text;
  Json json = Json::object();
  bool good = true;
};

// "1 segment", "2 segments".
std::string counted(std::uint64_t count, const std::string& thing) {
  return grouped(count) + ' ' + thing + (count == 1 ? "" : "s");
}

Expected<HeadFile> read_head(const VerifyArguments& arguments) {
  const auto text = read_text_file(arguments.head);
  if (!text) return std::unexpected(text.error());
  const auto head = parse_head(*text, arguments.head);
  if (!head) return head;
  std::optional<eventlog::PublicKey> key;
  if (!arguments.key.empty()) {
    const auto wanted = read_public_key(arguments.key);
    if (!wanted) return std::unexpected(wanted.error());
    key = *wanted;
  }
  if (auto genuine = check_signature(*head, key, arguments.head); !genuine) return std::unexpected(genuine.error());
  return head;
}

std::string head_line(const HeadFile& head, const VerifyArguments& arguments) {
  std::string text = "it contains the head of position " + grouped(head.head.position.value()) + ", ";
  if (!head.by) return text + "which nobody signed\n";
  text += "signed by key " + eventlog::hex(head.by->key);
  if (arguments.key.empty()) text += ", which the head names itself: --key says whose signature it must be";
  return text + '\n';
}

void describe_segments(const eventlog::VerifiedLog& found, Finding& finding, bool in_text) {
  for (const eventlog::SegmentRoot& segment : found.segments) {
    finding.json["roots"].push_back({{"file", segment.file},
                                     {"first", segment.first.value()},
                                     {"last", segment.last.value()},
                                     {"frames", segment.frames},
                                     {"bytes", segment.bytes},
                                     {"sealed", segment.sealed},
                                     {"root", segment.root}});
    if (!in_text) continue;
    finding.text += segment.file + "  " + segment.root + (segment.sealed ? "" : "  (still written)") + "\n";
  }
}

Expected<Finding> verify_log_bytes(const VerifyArguments& arguments) {
  eventlog::VerifyOptions options;
  options.threads = arguments.threads > 0 ? arguments.threads : std::max(1u, std::thread::hardware_concurrency());
  options.since = eventlog::Position{std::max<std::uint64_t>(1, arguments.since)};
  std::optional<HeadFile> head;
  if (!arguments.head.empty()) {
    auto read = read_head(arguments);
    if (!read) return std::unexpected(read.error());
    head = std::move(*read);
    options.head = head->head;
  }
  eventlog::PosixEnvironment environment;
  Progress progress("verifying the log", "bytes");
  options.progress = [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); };
  const auto found = eventlog::verify_log(environment, log_directory(arguments.data), options);
  progress.finish();
  if (!found) return std::unexpected(found.error());
  const eventlog::Verification& log = found->log;
  const double seconds = progress.seconds();
  Finding finding;
  finding.json = {{"log_id", found->log_id},     {"segments", log.segments}, {"frames", log.frames},
                  {"events", log.records},       {"bytes", log.bytes},       {"first", found->first.value()},
                  {"last", found->last.value()}, {"epoch", found->epoch},    {"head_hash", log.head_hash_hex},
                  {"torn_tail", log.torn_tail},  {"seconds", seconds}};
  finding.text = (arguments.since > 1 ? "the log is whole from position " + grouped(found->first.value()) + " on: "
                                      : std::string("the log is whole: ")) +
                 counted(log.records, "event") + " in " + counted(log.frames, "frame") + " and " +
                 counted(log.segments, "segment") + ", " + counted(log.bytes, "byte") + ", checked in " +
                 duration_text(seconds) + "\nchain hash at its end: " + log.head_hash_hex + '\n';
  if (!log.torn_tail.empty()) finding.text += "behind it, never acknowledged: " + log.torn_tail + '\n';
  if (head) {
    finding.text += head_line(*head, arguments);
    finding.json["head"] = {{"position", head->head.position.value()}, {"signed", head->by.has_value()}};
  }
  describe_segments(*found, finding, arguments.segments);
  return finding;
}

Finding described(const commands::VerifiedDecisions& found, double seconds) {
  Finding finding;
  finding.json = {{"decisions", found.decisions}, {"alerts", found.alerts}, {"catalogues", found.catalogues},
                  {"rule_sets", found.rule_sets}, {"seconds", seconds},     {"first_difference", nullptr}};
  if (!found.first) {
    finding.text = "every decision is what the log leads to: " + counted(found.decisions, "decision") + " and " +
                   counted(found.alerts, "alert") + " taken again under " +
                   counted(found.catalogues, "feature catalogue") + " and " + counted(found.rule_sets, "rule set") +
                   ", in " + duration_text(seconds) + '\n';
    return finding;
  }
  finding.good = false;
  const commands::DecisionDifference& difference = *found.first;
  finding.text = "position " + grouped(difference.position.value()) +
                 (difference.transaction_id.empty() ? "" : ", transaction " + difference.transaction_id) +
                 ": DIFFERS from what the log leads to; " + grouped(found.decisions) + " decisions were taken again\n";
  Json fields = Json::array();
  for (const commands::FieldDifference& field : difference.fields) {
    finding.text += "  " + field.field + ": recorded " + field.recorded + ", recomputed " + field.recomputed + '\n';
    fields.push_back({{"field", field.field}, {"recorded", field.recorded}, {"recomputed", field.recomputed}});
  }
  finding.json["first_difference"] = {{"position", difference.position.value()},
                                      {"transaction_id", difference.transaction_id},
                                      {"fields", std::move(fields)}};
  return finding;
}

Expected<Finding> verify_decisions_of(const VerifyArguments& arguments) {
  eventlog::PosixEnvironment environment;
  const auto log = open_log(environment, arguments.data);
  if (!log) return std::unexpected(log.error());
  Progress progress("deciding again", "events");
  const auto found = commands::verify_decisions(
      **log, [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); });
  progress.finish();
  if (!found) return std::unexpected(found.error());
  return described(*found, progress.seconds());
}

Expected<Finding> verify_models_of(const VerifyArguments& arguments) {
  eventlog::PosixEnvironment environment;
  Progress progress("folding the log again", "events");
  const std::filesystem::path data = arguments.data;
  const auto scratch =
      arguments.scratch.empty() ? data / "verify-scratch" : std::filesystem::path(arguments.scratch) / "verify-scratch";
  // Two that fold the log again in one place would remove each other's work.
  const auto alone = environment.lock(scratch.string() + ".LOCK");
  if (!alone) return std::unexpected(alone.error());
  const auto models = verify_models(environment, data, scratch,
                                    [&](std::uint64_t done, std::uint64_t all) { progress.update(done, done, all); });
  progress.finish();
  if (!models) return std::unexpected(models.error());
  Finding finding;
  finding.json = Json::array();
  for (const ModelVerdict& model : *models) {
    finding.good = finding.good && model.equal;
    finding.text += "read model " + model.name + " at position " + grouped(model.checkpoint.value()) + ": " +
                    (model.equal ? model.text + ", digest " + model.digest : model.text) + '\n';
    finding.json.push_back({{"name", model.name},
                            {"checkpoint", model.checkpoint.value()},
                            {"digest", model.digest},
                            {"rebuilt", model.rebuilt},
                            {"equal", model.equal},
                            {"verdict", model.text}});
  }
  return finding;
}

int verify(VerifyArguments arguments) {
  const bool of_the_log = arguments.since > 0 || !arguments.head.empty() || arguments.segments;
  if (of_the_log || !(arguments.decisions || arguments.models)) arguments.log = true;
  if (!arguments.key.empty() && arguments.head.empty()) {
    return print_usage_error("--key says whose head it must be; --head FILE is missing");
  }
  if (auto there = require_log(arguments.data); !there) return print_error(there.error());
  using Part = Expected<Finding> (*)(const VerifyArguments&);
  const std::tuple<bool, const char*, Part> parts[] = {{arguments.log, "", verify_log_bytes},
                                                       {arguments.decisions, "decisions", verify_decisions_of},
                                                       {arguments.models, "models", verify_models_of}};
  Json all = Json::object();
  bool good = true;
  for (const auto& [wanted, name, part] : parts) {
    if (!wanted) continue;
    auto finding = part(arguments);
    if (!finding) return print_error(finding.error());
    good = good && finding->good;
    // The log's own fields stand at the top.
    if (*name == '\0') all.update(finding->json);
    else all[name] = std::move(finding->json);
    if (!arguments.json) std::cout << finding->text << std::flush;
  }
  if (arguments.json) std::cout << all.dump() << '\n';
  return good ? kDone : kFailed;
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify",
      "Prove what the log holds: its bytes (--log, the default), its decisions, its read models. Names the "
      "first thing that is wrong and exits with 1. Also beside a running server.");
  command->add_option("--data", arguments->data, "data directory")->required();
  command->add_flag("--log", arguments->log, "every checksum, hash, position, time and record, segments in parallel");
  command->add_option("--since", arguments->since, "of the log: begin with the commit that holds this position")
      ->check(CLI::PositiveNumber);
  command->add_option("--head", arguments->head, "of the log: it must contain this head (`vigil log head`)");
  command->add_option("--key", arguments->key, "of the head: the key it must be signed with, public or signing");
  command->add_option("--threads", arguments->threads, "of the log: how many (default: one per processor)")
      ->check(CLI::Range(1, 256));
  command->add_flag("--segments", arguments->segments, "of the log: list the root of each segment");
  command->add_flag("--decisions", arguments->decisions, "take every decision again, as things stood then");
  command->add_flag("--models", arguments->models, "fold the log again and compare the read models' digests");
  command->add_option("--scratch", arguments->scratch, "of the models: where to fold (default: the data directory)");
  command->add_flag("--json", arguments->json, "the result as JSON");
  const std::string data(kExampleData);
  example_on_data(*command, "build/vigil verify --data " + data + "\n" + "build/vigil verify --data " + data +
                                " --log --since 4000 --segments\n" + "build/vigil verify --data " + data +
                                " --decisions --models");
  command->callback([arguments, &exit_code] { exit_code = verify(*arguments); });
}

}  // namespace vigil::tools
