// Answers of the read side as people read them: aligned names and values, and tables.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace vigil::tools {

// An object becomes lines "name  value", with objects and lists of objects inside it indented under their
// name; a list of flat objects becomes a table with a column for each field. Ends with a line break.
std::string answer_text(const nlohmann::ordered_json& answer);

}  // namespace vigil::tools
