// `vigil rules`: look at a rule set before it is activated.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "rules/ruleset/rule_set.h"
#include "tools/data_directory.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

struct CheckOptions {
  std::string file, features;
};

int check(const CheckOptions& options) {
  const auto text = read_text_file(options.file);
  if (!text) return print_error(text.error());
  eventlog::Expected<std::string> features = std::string(rules::default_features_toml());
  if (!options.features.empty()) features = read_text_file(options.features);
  if (!features) return print_error(features.error());
  const auto catalogue =
      rules::Catalogue::parse(*features, options.features.empty() ? "built-in features" : options.features);
  if (!catalogue) return print_error(catalogue.error());
  const auto rule_set = rules::RuleSet::parse(*text, options.file, *catalogue);
  if (!rule_set) return print_error(rule_set.error());
  std::cout << options.file << ": " << rule_set->rules().size() << " rules\n";
  for (const rules::Rule& rule : rule_set->rules()) {
    std::printf("  %-32s %-8s %4d  %s  %s\n", rule.id.c_str(), std::string(eventlog::name(rule.outcome)).c_str(),
                rule.score, std::string(eventlog::name(rule.severity)).c_str(), rule.description.c_str());
  }
  return kDone;
}

}  // namespace

void add_rules(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("rules", "Rule sets: check one, or print the built-in one.");
  command->require_subcommand(1);
  CLI::App* checking = command->add_subcommand("check", "parse a rule set and list its rules, or say what is wrong");
  checking->add_option("FILE", options->file, "rules.toml")->required();
  checking->add_option("--features", options->features, "the catalogue its conditions use (default: the built-in one)");
  checking->callback([options, &exit_code] { exit_code = check(*options); });
  CLI::App* printing = command->add_subcommand("default", "print the rules Vigil starts with, to begin your own from");
  printing->callback([] { std::cout << rules::default_rules_toml(); });
  const std::string lines =
      "build/vigil rules default > /tmp/vigil-example.rules.toml\n"
      "build/vigil rules check /tmp/vigil-example.rules.toml";
  example(*command, lines);
  example(*checking, lines);
  example(*printing, "build/vigil rules default");
}

}  // namespace vigil::tools
