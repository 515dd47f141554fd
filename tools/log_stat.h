// `vigil log stat`: what the log holds and how much room it takes.
#pragma once

namespace CLI {
class App;
}

namespace vigil::tools {

// Adds it to the subcommand `log`.
void add_log_stat(CLI::App& log, int& exit_code);

}  // namespace vigil::tools
