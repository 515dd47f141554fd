// `vigil features`: look at a feature catalogue before it is activated.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "rules/features/catalogue.h"
#include "tools/data_directory.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

std::string_view type_name(eventlog::ValueType type) {
  switch (type) {
    case eventlog::ValueType::null: return "null";
    case eventlog::ValueType::boolean: return "boolean";
    case eventlog::ValueType::integer: return "integer";
    case eventlog::ValueType::floating: return "floating";
    case eventlog::ValueType::text: return "text";
  }
  return "";
}

int check(const std::string& file) {
  const auto text = read_text_file(file);
  if (!text) return print_error(text.error());
  const auto catalogue = rules::Catalogue::parse(*text, file);
  if (!catalogue) return print_error(catalogue.error());
  std::cout << file << ": " << catalogue->size() << " features, windows reach back "
            << catalogue->reach_us() / 1'000'000 / 86'400 << " days\n";
  for (const rules::Feature& feature : catalogue->features()) {
    const std::string entity = feature.entity ? std::string(eventlog::name(*feature.entity)) : "transaction";
    std::printf("  %-32s %-12s %-9s %s\n", feature.name.c_str(), entity.c_str(),
                std::string(type_name(feature.type)).c_str(), feature.description.c_str());
  }
  return kDone;
}

}  // namespace

void add_features(CLI::App& app, int& exit_code) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("features", "Feature catalogues: check one, or print the built-in one.");
  command->require_subcommand(1);
  CLI::App* checking =
      command->add_subcommand("check", "parse a catalogue and list its features, or say what is wrong");
  checking->add_option("FILE", *file, "features.toml")->required();
  checking->callback([file, &exit_code] { exit_code = check(*file); });
  CLI::App* printing =
      command->add_subcommand("default", "print the catalogue Vigil starts with, to begin your own from");
  printing->callback([] { std::cout << rules::default_features_toml(); });
  const std::string lines =
      "build/vigil features default > /tmp/vigil-example.features.toml\n"
      "build/vigil features check /tmp/vigil-example.features.toml";
  example(*command, lines);
  example(*checking, lines);
  example(*printing, "build/vigil features default");
}

}  // namespace vigil::tools
