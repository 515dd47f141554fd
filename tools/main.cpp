// The `vigil` executable: a list of subcommands. Exit codes: 0 done, 1 failed, 2 usage.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "rules/expression/suggestion.h"
#include "tools/subcommand.h"

namespace {

using namespace vigil::tools;

void add_all(CLI::App& app, int& exit_code) {
  add_serve(app, exit_code);
  add_ingest(app, exit_code);
  add_query(app, exit_code);
  add_tail(app, exit_code);
  add_rebuild(app, exit_code);
  add_verify(app, exit_code);
  add_backup(app, exit_code);
  add_restore(app, exit_code);
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
  std::vector<std::string_view> names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
    if (names.back() == argv[1]) return false;
  }
  print_usage_error("there is no subcommand '" + std::string(argv[1]) + "'" +
                    vigil::rules::did_you_mean(argv[1], names) + "\nvigil --help lists them all");
  return true;
}

// Names the options (--data) of the subcommands that were called.
void collect_options(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CLI::App* subcommand : app.get_subcommands()) collect_options(*subcommand, names);
}

// "" or, for the first option none of them knows, "--dta is not known; did you mean '--data'?".
std::string unknown_option(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> known;
  collect_options(app, known);
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (int n = 1; n < argc; ++n) {
    std::string_view typed = argv[n];
    if (typed == "--") break;
    typed = typed.substr(0, typed.find('='));
    if (!typed.starts_with("--") || std::ranges::find(names, typed) != names.end()) continue;
    return std::string(typed) + " is not known" + vigil::rules::did_you_mean(typed, names);
  }
  return "";
}

int run(int argc, char** argv) {
  int exit_code = kDone;
  CLI::App app{"Vigil remembers every payment as an event and answers approve, review or decline.", "vigil"};
  app.set_version_flag("--version", std::string("vigil ") + VIGIL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Example:\n  build/vigil simulate --transactions 1000 --out /tmp/vigil.jsonl\n"
      "Every subcommand has --help with an example. Exit codes: 0 done, 1 failed, 2 usage.\n");
  add_all(app, exit_code);
  refuse_negative_numbers(app);
  if (argc < 2) {
    std::cerr << app.help();
    return kUsage;
  }
  if (name_unknown_subcommand(app, argc, argv)) return kUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& parse_error) {
    if (parse_error.get_exit_code() == 0) return app.exit(parse_error);  // --help, --version
    if (const std::string unknown = unknown_option(app, argc, argv); !unknown.empty()) {
      return print_usage_error(unknown);
    }
    app.exit(parse_error);
    return kUsage;
  }
  return exit_code;
}

// A result that did not arrive is no success.
int after_flush(int exit_code) {
  errno = 0;
  const bool whole = std::cout.flush().good();
  const bool flushed = std::fflush(stdout) == 0;
  if (exit_code != kDone || (whole && flushed && std::ferror(stdout) == 0)) return exit_code;
  // Lost earlier, with the reason: what still stops a line from being written is most likely the same.
  if (errno == 0 && ::write(STDOUT_FILENO, "\n", 1) == 1) errno = EIO;
  const std::string why = std::strerror(errno);
  return print_error({vigil::eventlog::ErrorKind::io, "the result could not be written to stdout: " + why});
}

// A closed stdin, stdout or stderr would let the next file that is opened take its number, and what is printed would
// go into that file. What stands in for them fails when it is used.
void hold_standard_files() {
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; ++file) {
    if (::fcntl(file, F_GETFD) >= 0) continue;
    if (::open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file) std::_Exit(kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_files();
  // When nobody reads any more, this is at an end, also where the parent has the signal ignored (systemd, nohup).
  // `vigil serve` decides otherwise.
  std::signal(SIGPIPE, SIG_DFL);
  try {
    return after_flush(run(argc, argv));
  } catch (const std::exception& unexpected) {
    // Nothing of ours throws; what arrives here is an exhausted resource (memory, threads).
    std::cerr << "vigil: stopped: " << unexpected.what() << '\n';
    return kFailed;
  }
}
