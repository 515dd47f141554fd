// How a subcommand plugs into the `vigil` executable: one function per file, all listed here.
//
// Each function adds its CLI::App to `app`, describes its options, and registers a callback that does the work
// and sets `exit_code`: kDone, kFailed (an operational failure, already printed with print_error()) or kUsage
// (an argument that CLI11 could not judge itself). Options live in a struct the callback keeps alive:
//
//   void add_verify(CLI::App& app, int& exit_code) {
//     auto options = std::make_shared<VerifyOptions>();
//     CLI::App* command = app.add_subcommand("verify", "check every byte of the log");
//     command->add_option("--data", options->data, "data directory")->required();
//     example_on_data(*command, "build/vigil verify --data " + std::string(kExampleData));
//     command->callback([options, &exit_code] { exit_code = verify(*options); });
//   }
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eventlog/storage/error.h"

namespace CLI {
class App;
}

namespace vigil::tools {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Sets the footer of the help. `commands` (one a line) work as printed, from the repository's root after
// `./run build`; tests/tools runs them all.
void example(CLI::App& subcommand, std::string_view commands);
// The same for a subcommand that needs a data directory: lines that simulate and ingest a small stream into
// kExampleData come first.
inline constexpr std::string_view kExampleData = "/tmp/vigil-example";
void example_on_data(CLI::App& subcommand, std::string_view commands);

// --segment-mib, the same wherever a log may be made.
void add_segment_mib(CLI::App& command, std::uint64_t& mib);
// Every option of `app` and its subcommands that takes a number without a sign refuses one with a minus, which would
// otherwise be taken for an enormous number. Called once all of them are there.
void refuse_negative_numbers(CLI::App& app);

// "vigil: TEXT" on stderr; returns kFailed, so that a callback can `return print_error(result.error());`.
int print_error(const eventlog::Error& error);
int print_usage_error(std::string_view text);  // the same, returns kUsage

// One per file tools/NAME.cpp.
void add_serve(CLI::App& app, int& exit_code);
void add_ingest(CLI::App& app, int& exit_code);
void add_query(CLI::App& app, int& exit_code);
void add_tail(CLI::App& app, int& exit_code);
void add_rebuild(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_backup(CLI::App& app, int& exit_code);
void add_restore(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_quarantine(CLI::App& app, int& exit_code);
void add_log(CLI::App& app, int& exit_code);
void add_simulate(CLI::App& app, int& exit_code);
void add_features(CLI::App& app, int& exit_code);
void add_rules(CLI::App& app, int& exit_code);

}  // namespace vigil::tools
