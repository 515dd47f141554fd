// `vigil ingest`, both ways in: into a data directory of this process, or to a running service.
#pragma once

#include <optional>
#include <string>

#include "commands/input_reader.h"
#include "tools/ingest_summary.h"

namespace vigil::tools {

struct TextFile {
  std::string name, text;
};

struct IngestOptions {
  std::string input;               // "-" is stdin
  std::optional<std::string> map;  // mapping file
  std::string data;                // embedded when set …
  std::string connect;             // … else the endpoint of a service
  std::optional<TextFile> policy, features, rules;
  std::size_t batch = 1024;  // embedded: commands decided between two looks at the disk
  std::uint64_t segment_mib = 256;
  std::size_t commands_per_message = 64, in_flight = 16;  // connected
};

// What has to be in force before the first transaction, in order: policy, features, rules. Views into the
// options and the reader.
std::vector<commands::Command> activations(const IngestOptions& options, const std::string& map_policy_toml);

// Both: read `reader` to its end, and stop early (settled, `interrupted` set) on SIGINT or SIGTERM.
eventlog::Expected<IngestSummary> ingest_embedded(const IngestOptions& options, commands::InputReader& reader);
eventlog::Expected<IngestSummary> ingest_connected(const IngestOptions& options, commands::InputReader& reader);

// Opens the input, goes the way the options say, completes the summary.
eventlog::Expected<IngestSummary> ingest(const IngestOptions& options);
// What a user sees of it at the end: the summary (as text or JSON) or the error. Returns the exit code.
enum class SummaryForm { text, json };
int report(const eventlog::Expected<IngestSummary>& summary, SummaryForm form);

}  // namespace vigil::tools
