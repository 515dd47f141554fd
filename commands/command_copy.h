// Commands that outlive the parser they came from.
#pragma once

#include "commands/byte_arena.h"
#include "commands/command.h"

namespace vigil::commands {

// Copies every text `command` points to into `arena`, except codes and field names of reasons, which are
// static.
void keep_texts(Command& command, ByteArena& arena);

}  // namespace vigil::commands
