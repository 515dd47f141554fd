// `vigil log archive`, `log unarchive` and `log repair`: what is done to sealed segments.
#pragma once

namespace CLI {
class App;
}

namespace vigil::tools {

// Adds all three to the subcommand `log`.
void add_log_archive(CLI::App& log, int& exit_code);

}  // namespace vigil::tools
