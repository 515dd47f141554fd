// The built-in rules that a catalogue can feed.
#pragma once

#include <string>

#include "rules/features/catalogue.h"

namespace vigil::rules {

// The default rule set without the rules that need features `catalogue` does not declare: with the default
// catalogue all of it, with a foreign one whatever makes sense there. Always parses against `catalogue`.
std::string built_in_rules_for(const Catalogue& catalogue);

}  // namespace vigil::rules
