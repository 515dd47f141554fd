#include "rules/ruleset/rule_set.h"

#include <openssl/sha.h>

#include <algorithm>

#include "rules/ruleset/rule_file.h"

namespace vigil::rules {

using eventlog::Outcome;

Expected<RuleSet> RuleSet::parse(std::string_view toml, const std::string& file, const Catalogue& catalogue) {
  Expected<RuleFile> declared = read_rule_file(toml, file, catalogue);
  if (!declared) return std::unexpected(std::move(declared.error()));
  RuleSet set;
  set.text_ = toml;
  SHA256(reinterpret_cast<const unsigned char*>(toml.data()), toml.size(),
         reinterpret_cast<unsigned char*>(set.sha256_.data()));
  set.rules_ = std::move(declared->rules);
  set.review_score_ = declared->review_score.value_or(kScoreNever);
  set.decline_score_ = declared->decline_score.value_or(kScoreNever);
  return set;
}

Verdict RuleSet::evaluate(std::span<const Value> slots, const Lists& lists,
                          std::vector<std::uint16_t>& matched) const {
  matched.clear();
  Verdict verdict;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if (!rule.condition.holds(slots, lists)) continue;
    matched.push_back(static_cast<std::uint16_t>(i));
    verdict.score += rule.score;
    verdict.outcome = std::max(verdict.outcome, rule.outcome);
  }
  if (verdict.score >= decline_score_) verdict.outcome = Outcome::decline;
  else if (verdict.score >= review_score_) verdict.outcome = std::max(verdict.outcome, Outcome::review);
  return verdict;
}

}  // namespace vigil::rules
