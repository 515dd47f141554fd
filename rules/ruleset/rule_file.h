// The declared form of a rule set: what rules.toml says, checked against a catalogue.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/ruleset/rule_set.h"

namespace vigil::rules {

struct RuleFile {
  std::optional<std::int32_t> review_score;
  std::optional<std::int32_t> decline_score;
  std::vector<Rule> rules;
};

// Error: invalid, "FILE:LINE:COLUMN: reason". docs/rules.md is the reference of the format.
Expected<RuleFile> read_rule_file(std::string_view toml, const std::string& file, const Catalogue& catalogue);

}  // namespace vigil::rules
