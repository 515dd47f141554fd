// The text of a set of rules, over the catalogue Vigil starts with.
#include "rules/ruleset/rule_set.h"

#include <string>

#include "rules/expression/lists.h"
#include "tests/fuzz/slots.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/toml_error.h"

namespace vigil::rules {
namespace {

using fuzz::require;

// A rule matches when its condition, run by itself, is true: whatever the guards say first.
void evaluate(const RuleSet& set, const Catalogue& catalogue, const Lists& lists, std::uint64_t seed) {
  const std::vector<Value> slots = fuzz::any_slots(catalogue.symbols(), seed);
  std::vector<std::uint16_t> matched;
  const Verdict verdict = set.evaluate(slots, lists, matched);
  std::size_t next = 0;
  std::int64_t score = 0;
  eventlog::Outcome strongest = eventlog::Outcome::approve;
  for (std::size_t i = 0; i < set.rules().size(); ++i) {
    const Rule& rule = set.rules()[i];
    const bool holds = rule.condition.evaluate(slots, lists).truth();
    require(rule.condition.holds(slots, lists) == holds, "a condition holds when its value is true");
    const bool listed = next < matched.size() && matched[next] == i;
    require(listed == holds, "the rules that match are those whose condition is true");
    if (!listed) continue;
    ++next;
    score += rule.score;
    strongest = std::max(strongest, rule.outcome);
  }
  require(next == matched.size(), "matched rules are in ascending order, each once");
  require(verdict.score == score && verdict.outcome >= strongest, "the verdict follows from the rules that matched");
}

}  // namespace

VIGIL_FUZZ_TARGET(rules) {
  static const Catalogue catalogue = *Catalogue::parse(default_features_toml(), "default");
  static const Lists lists = [] {
    Lists some;
    some.apply({"blocked", {"a", "customer-17"}, {}});
    return some;
  }();
  const std::string text(fuzz::text(bytes));
  const auto set = RuleSet::parse(text, "r.toml", catalogue);
  if (!set) return fuzz::check_toml_error(set.error(), text, "r.toml");
  require(set->text() == text, "a set of rules keeps its text");
  const auto again = RuleSet::parse(set->text(), "other.toml", catalogue);
  require(again.has_value(), "what was accepted once is accepted again");
  require(again->sha256() == set->sha256() && again->rules().size() == set->rules().size(),
          "the same text, the same rules");
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    evaluate(*set, catalogue, seed % 2 == 0 ? lists : Lists{}, seed);
  }
}

}  // namespace vigil::rules
