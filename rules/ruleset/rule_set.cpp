#include "rules/ruleset/rule_set.h"

#include <openssl/sha.h>

#include <algorithm>

#include "eventlog/storage/invariant.h"
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
  set.lay_out_guards();
  set.review_score_ = declared->review_score.value_or(kScoreNever);
  set.decline_score_ = declared->decline_score.value_or(kScoreNever);
  return set;
}

void RuleSet::lay_out_guards() {
  for (const Rule& rule : rules_) {
    const Guards& guards = rule.condition.guards();
    guards_.insert(guards_.end(), guards.all.begin(), guards.all.end());
    guarded_.push_back({static_cast<std::uint32_t>(guards_.size()), guards.complete});
    const std::vector<std::size_t>& used = rule.condition.slots_used();
    if (!used.empty()) slots_needed_ = std::max(slots_needed_, used.back() + 1);
  }
}

Verdict RuleSet::evaluate(std::span<const Value> slots, const Lists& lists, std::vector<std::uint16_t>& matched) const {
  eventlog::invariant(slots.size() >= slots_needed_, "every slot of the rules has its value");
  matched.clear();
  Verdict verdict;
  const Guard* guard = guards_.data();
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Guard* const end = guards_.data() + guarded_[i].end;
    while (guard != end && guard->passes(slots.data(), lists)) ++guard;
    const bool passed = guard == end;
    guard = end;
    if (!passed) continue;
    const Rule& rule = rules_[i];
    if (!guarded_[i].complete && !rule.condition.evaluate(slots, lists).truth()) continue;
    matched.push_back(static_cast<std::uint16_t>(i));
    verdict.score += rule.score;
    verdict.outcome = std::max(verdict.outcome, rule.outcome);
  }
  if (verdict.score >= decline_score_) verdict.outcome = Outcome::decline;
  else if (verdict.score >= review_score_) verdict.outcome = std::max(verdict.outcome, Outcome::review);
  return verdict;
}

}  // namespace vigil::rules
