// Everything the write side knows: one fold of the whole log.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/address_index.h"
#include "commands/alert_cooldown.h"
#include "commands/policy.h"
#include "commands/rates.h"
#include "commands/transaction_index.h"
#include "eventlog/storage/log.h"
#include "rules/features/catalogue.h"
#include "rules/features/decision_state.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::commands {

// Not thread-safe. Live events are applied with the very functions that replay uses, so live state and
// replayed state are the same. New features or a longer horizon need past events again: the caller records
// them and replays. Invariant: `features` and `rule_sets.back()` were compiled for each other.
class WriteState {
 public:
  // Folds the durable log from its first event. `progress` gets events done and in all. `undurable_bytes_max`:
  // how far behind the newest event the log may not be durable yet.
  static eventlog::Expected<std::unique_ptr<WriteState>> replay(
      const eventlog::LogSource& log, std::uint64_t undurable_bytes_max,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

  // As it was before the log's first event, ready to fold it all. `features_version` chooses the catalogue whose
  // features are kept, by its number among those activated; 0 is the newest.
  static eventlog::Expected<std::unique_ptr<WriteState>> before_all(const eventlog::LogSource& log,
                                                                    std::uint64_t undurable_bytes_max,
                                                                    std::uint32_t features_version = 0);
  // Folds a recorded event. Error `damaged`: it cannot be read.
  eventlog::Expected<void> apply(const eventlog::Record& record);
  // Folds what is durable from `first` on. `progress` as in replay(), of these events.
  eventlog::Expected<void> apply_from(const eventlog::LogSource& log, eventlog::Position first,
                                      const std::function<void(std::uint64_t, std::uint64_t)>& progress);

  // Folds one event; `at` is where it stands. Events must come in log order.
  void apply(const eventlog::TransactionDecided& event, eventlog::Placed at);
  void apply(const eventlog::TransactionQuarantined& event, eventlog::Placed at);
  void apply(const eventlog::LabelReported& event, eventlog::Placed at);
  void apply(const eventlog::AlertRaised& event, eventlog::Placed at);
  void apply(const eventlog::CustomerUpdated& event, eventlog::Placed at);
  void apply(const eventlog::MerchantUpdated& event, eventlog::Placed at);
  void apply(const eventlog::ListUpdated& event, eventlog::Placed at);
  void apply(const eventlog::RateUpdated& event, eventlog::Placed at);
  // Errors `damaged`: a recorded text that no longer parses.
  eventlog::Expected<void> apply(const eventlog::PolicyUpdated& event, eventlog::Placed at);
  eventlog::Expected<void> apply(const eventlog::RulesActivated& event, eventlog::Placed at);

  // Where the newest event folded stands; zeros before the first.
  eventlog::Placed newest() const { return newest_; }
  // The newest ListUpdated; zeros when there was none.
  eventlog::Placed newest_list_update() const { return newest_list_update_; }
  // All that put a policy, features or rules in force, in log order.
  const std::vector<eventlog::Placed>& activations() const { return activations_; }

  // How far save() has come; as constructed, at the beginning.
  struct SavedSoFar {
    rules::SavedSoFar decision;
    std::size_t part = 0, shard = 0;
    TransactionIndex::SavedUpTo transactions;
  };
  // An image of the state without its activations, in pieces, taken while events go on being applied between the
  // calls: appends one piece of about `bytes` bytes; false when nothing was left. `begun` being newest() at the first
  // call, a state restored from all pieces is that of the present after apply_from(begun.position + 1). No ListUpdated
  // may be applied while saves_lists(saved).
  bool save(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const;
  static bool saves_lists(const SavedSoFar& saved) { return rules::DecisionState::saves_lists(saved.decision); }
  static std::size_t part_of(std::string_view piece);
  // The state as save() was called first at `begun`, still without its pieces. `activations` are all up to `begun`.
  static eventlog::Expected<std::unique_ptr<WriteState>> before_pieces(const eventlog::LogSource& log,
                                                                       std::uint64_t undurable_bytes_max,
                                                                       std::span<const eventlog::Placed> activations,
                                                                       eventlog::Placed begun);
  // Puts a piece in. Pieces of one part in their order; different parts may be restored by different threads at once.
  // False: this is no such piece; the state is of no use.
  bool restore(std::string_view piece);
  // Before the first restore(): transactions().forgotten_before() when the last piece was saved.
  void restore_forgotten_before(eventlog::EventTime time) { transactions_.restore_forgotten_before(time); }
  // Whether the decision state keeps all that the newest features and every policy so far ask for. Not so when events
  // behind an image brought new ones: then only a replay helps.
  bool keeps_enough() const;

  bool has_policy() const { return policy_known_; }
  const Policy& policy() const { return policy_; }
  // What all policies so far allowed.
  const Lateness& lateness() const { return lateness_; }
  // How late transactions may be by what the decision state keeps.
  std::int64_t kept_lateness_us() const { return decision_lateness_us_; }
  // Nothing until FeaturesActivated and RulesActivated were replayed.
  const rules::Catalogue* catalogue() const { return catalogues_.empty() ? nullptr : catalogues_.back().get(); }
  const rules::RuleSet* rule_set() const { return rule_sets_.empty() ? nullptr : rule_sets_.back().get(); }
  const rules::RuleSet* rule_set(std::uint32_t version) const;
  // Gives them away: somebody still points into the rule sets of a state that ends.
  std::vector<std::unique_ptr<rules::RuleSet>> release_rule_sets() { return std::exchange(rule_sets_, {}); }
  std::uint32_t features_version() const { return static_cast<std::uint32_t>(catalogues_.size()); }
  std::uint32_t rules_version() const { return static_cast<std::uint32_t>(rule_sets_.size()); }

  rules::DecisionState& decision() { return *decision_; }
  const rules::DecisionState& decision() const { return *decision_; }
  const TransactionIndex& transactions() const { return transactions_; }
  const AddressIndex& labels() const { return labels_; }        // key: transaction_key
  const AddressIndex& customers() const { return customers_; }  // newest CustomerUpdated of each
  const AddressIndex& merchants() const { return merchants_; }
  const AddressIndex& quarantines() const { return quarantines_; }  // key: quarantine_key
  const Rates& rates() const { return rates_; }
  const AlertCooldown& cooldown() const { return cooldown_; }

 private:
  eventlog::Expected<void> apply(const eventlog::FeaturesActivated& event, eventlog::Placed at);
  void activated(eventlog::Placed at) {
    newest_ = at;
    activations_.push_back(at);
  }
  bool save_part(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const;
  eventlog::Expected<void> make_decision_state(std::string_view features, std::uint32_t version,
                                               const Lateness& lateness);
  eventlog::Expected<void> prepare(const eventlog::LogSource& log, std::uint32_t features_version);

  std::uint64_t undurable_bytes_max_ = 0;
  eventlog::Placed newest_{}, newest_list_update_{};
  std::vector<eventlog::Placed> activations_;
  Lateness lateness_;                      // of all policies so far
  std::int64_t decision_lateness_us_ = 0;  // what `decision_` was made for
  Policy policy_;
  bool policy_known_ = false;
  std::vector<std::unique_ptr<rules::Catalogue>> catalogues_;  // by version
  std::unique_ptr<rules::Catalogue> decision_catalogue_;       // the newest of the whole log
  std::vector<std::unique_ptr<rules::RuleSet>> rule_sets_;     // by version; replies point into them
  std::unique_ptr<rules::DecisionState> decision_;
  TransactionIndex transactions_;
  AddressIndex labels_, customers_, merchants_, quarantines_;
  Rates rates_;
  AlertCooldown cooldown_;
};

// The hash under which a customer's or merchant's newest update is found again.
std::uint64_t entity_key(std::string_view id);
// The hash under which a quarantined input of that source is found again.
std::uint64_t quarantine_key(std::span<const std::byte> raw, std::string_view source);

}  // namespace vigil::commands
