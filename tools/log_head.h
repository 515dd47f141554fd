// `vigil log head` and `vigil log key`: where the log ends, signed for a witness outside.
#pragma once

namespace CLI {
class App;
}

namespace vigil::tools {

// Adds both to the subcommand `log`.
void add_log_head(CLI::App& log, int& exit_code);

}  // namespace vigil::tools
