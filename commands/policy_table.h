// A policy as a TOML table: a file of its own, or a part of another file.
#pragma once

#include "commands/policy.h"
#include "commands/toml_table.h"

namespace vigil::commands {

// The policy in `table`; mistakes are noted in its text and leave the value meaningless.
Policy read_policy(const TomlTable& table);

}  // namespace vigil::commands
