// The `vigil` executable: a list of subcommands. Exit codes: 0 done, 1 failed, 2 usage.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "tools/subcommand.h"
#include "tools/suggestion.h"

namespace {

using namespace vigil::tools;

void add_all(CLI::App& app, int& exit_code) {
  add_serve(app, exit_code);
  add_ingest(app, exit_code);
  add_query(app, exit_code);
  add_tail(app, exit_code);
  add_rebuild(app, exit_code);
  add_verify(app, exit_code);
  add_export(app, exit_code);
  add_quarantine(app, exit_code);
  add_log(app, exit_code);
  add_simulate(app, exit_code);
  add_features(app, exit_code);
  add_rules(app, exit_code);
}

// CLI11 would call a mistyped subcommand an unexpected argument; say what was probably meant instead.
bool name_unknown_subcommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (subcommand->get_name() == argv[1]) return false;
    names.push_back(subcommand->get_name());
  }
  std::string text = "there is no subcommand '" + std::string(argv[1]) + "'";
  if (const auto nearest = nearest_word(argv[1], names)) text += "; did you mean '" + *nearest + "'?";
  print_usage_error(text + "\nvigil --help lists them all");
  return true;
}

int run(int argc, char** argv) {
  int exit_code = kDone;
  CLI::App app{"Vigil remembers every payment as an event and answers approve, review or decline.", "vigil"};
  app.set_version_flag("--version", std::string("vigil ") + VIGIL_VERSION);
  app.require_subcommand(1);
  app.footer("Example:\n  build/vigil simulate --transactions 1000 --out /tmp/vigil.jsonl\n"
             "Every subcommand has --help with an example. Exit codes: 0 done, 1 failed, 2 usage.\n");
  add_all(app, exit_code);
  if (argc < 2) {
    std::cerr << app.help();
    return kUsage;
  }
  if (name_unknown_subcommand(app, argc, argv)) return kUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& parse_error) {
    const bool asked_for_text = parse_error.get_exit_code() == 0;  // --help, --version
    app.exit(parse_error);
    return asked_for_text ? kDone : kUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& unexpected) {
    // Nothing of ours throws; what arrives here is an exhausted resource (memory, threads).
    std::cerr << "vigil: stopped: " << unexpected.what() << '\n';
    return kFailed;
  }
}
