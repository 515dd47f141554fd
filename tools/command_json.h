// Commands as the JSON messages of docs/protocol.md, for clients of a running service.
#pragma once

#include <cstdint>
#include <string>

#include "commands/command.h"

namespace vigil::tools {

// "submit", "label", "customer" …: the operation that carries such a command; "" for Unacceptable, which has
// none and is sent as it came.
std::string_view operation(const commands::Command& command);
// Whether messages of this operation may carry an array of elements.
bool takes_many(std::string_view operation);
// The field of the element ("transaction"), or of an array of them ("transactions").
std::string_view element_field(std::string_view operation, bool many);
// The command's own JSON object.
void append_element(std::string& out, const commands::Command& command);

}  // namespace vigil::tools
