// Commands as the JSON messages of docs/protocol.md, for clients of a running service.
#pragma once

#include <cstdint>
#include <string>

#include "commands/command.h"

namespace vigil::tools {

// "submit", "label", "customer" …: the operation that carries such a command; "quarantine" for Unacceptable.
std::string_view operation(const commands::Command& command);
// Whether messages of this operation may carry an array of elements.
bool takes_many(std::string_view operation);
// Whether they say what their elements were read from.
bool takes_inputs(std::string_view operation);
// The field of the element ("transaction"), or of an array of them ("transactions").
std::string_view element_field(std::string_view operation, bool many);

// What the raw input of a command is.
enum class RawForm {
  element,  // its own JSON object as docs/protocol.md has it
  other,    // a CSV row, an object of another shape, nothing
};
// Whether the raw input can be sent as the element, and is then quarantined as it came without being sent twice.
bool raw_is_element(const commands::Command& command, RawForm form);
// The command's own JSON object.
void append_element(std::string& out, const commands::Command& command, RawForm form = RawForm::other);
// The entry of "inputs" that goes with it.
void append_input(std::string& out, const commands::Command& command, RawForm form);

}  // namespace vigil::tools
