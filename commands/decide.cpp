#include "commands/decide.h"

#include "rules/expression/transaction_fields.h"

namespace vigil::commands {

Decision Decider::decide(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                         std::size_t feature_count, rules::DecisionState& state, const rules::RuleSet& rule_set) {
  slots_.resize(rules::kTransactionFields + feature_count);
  const std::span<eventlog::Value> slots{slots_};
  const std::span<eventlog::Value> values = slots.subspan(rules::kTransactionFields);
  rules::fill_transaction_fields(transaction, amount_base_minor, slots);
  state.observe(transaction, amount_base_minor, slots.first(rules::kTransactionFields), values);

  const rules::Verdict verdict = rule_set.evaluate(slots, state.lists(), matched_);

  const std::size_t bytes_max = eventlog::values_bytes_max(values);
  if (features_.size() < bytes_max) features_.resize(bytes_max);
  const std::size_t bytes = eventlog::encode_values(values, features_);
  return {verdict.outcome, verdict.score, matched_, std::span<const std::byte>(features_).first(bytes)};
}

}  // namespace vigil::commands
