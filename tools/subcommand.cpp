#include "tools/subcommand.h"

#include <CLI/CLI.hpp>
#include <iostream>

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

int print_error(const eventlog::Error& error) {
  std::cerr << "vigil: " << error.text << '\n';
  return kFailed;
}

int print_usage_error(std::string_view text) {
  std::cerr << "vigil: " << text << '\n';
  return kUsage;
}

}  // namespace vigil::tools
