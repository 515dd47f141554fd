#include "tools/subcommand.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "eventlog/storage/format.h"

namespace vigil::tools {
namespace {

std::string indented(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    text.append("  ").append(lines.substr(0, end)).append("\n");
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text;
}

}  // namespace

void example(CLI::App& subcommand, std::string_view commands) { subcommand.footer("Example:\n" + indented(commands)); }

void example_on_data(CLI::App& subcommand, std::string_view commands) {
  const std::string data(kExampleData);
  const std::string prelude = "build/vigil simulate --transactions 5000 --out " + data + ".jsonl\n" +
                              "build/vigil ingest --data " + data + " " + data + ".jsonl\n";
  subcommand.footer("Example (the first two lines make the data it needs):\n" + indented(prelude) + indented(commands));
}

void add_segment_mib(CLI::App& command, std::uint64_t& mib) {
  constexpr std::uint64_t kMin = 4, kMax = eventlog::kSegmentBytesMax >> 20;
  command.add_option("--segment-mib", mib, "size of new log segments")
      ->check(CLI::Range(kMin, kMax))
      ->capture_default_str();
}

void refuse_negative_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (!option->get_type_name().starts_with("UINT")) continue;
    // In front of all other checks, which see the number that the text was taken for.
    option->transform(CLI::Validator(
        [](std::string& text) { return text.starts_with('-') ? text + " is less than 0" : std::string(); }, ""));
  }
  for (CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    refuse_negative_numbers(*subcommand);
  }
}

int print_error(const eventlog::Error& error) {
  std::cerr << "vigil: " << error.text << '\n';
  return kFailed;
}

int print_usage_error(std::string_view text) {
  std::cerr << "vigil: " << text << '\n';
  return kUsage;
}

}  // namespace vigil::tools
