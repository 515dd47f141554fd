#include "rules/ruleset/built_in_rules.h"

#include <string_view>

#include "rules/ruleset/rule_set.h"

namespace vigil::rules {

std::string built_in_rules_for(const Catalogue& catalogue) {
  constexpr std::string_view kRuleHeader = "\n[[rule]]";
  const std::string_view all = default_rules_toml();
  const std::size_t first = std::min(all.find(kRuleHeader), all.size());
  const std::string head{all.substr(0, first)};
  std::string kept = head;
  for (std::size_t at = first; at < all.size();) {
    const std::size_t end = std::min(all.find(kRuleHeader, at + 1), all.size());
    const std::string_view rule = all.substr(at, end - at);
    if (RuleSet::parse(head + std::string(rule), "built-in rules", catalogue)) kept += rule;
    at = end;
  }
  return kept;
}

}  // namespace vigil::rules
