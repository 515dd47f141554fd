// Everything the write side knows: one fold of the whole log.
#pragma once

#include <functional>
#include <memory>
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

  // Folds one event; `address` is where it stands. Decided events must come in log order.
  void apply(const eventlog::TransactionDecided& event, eventlog::Address address);
  void apply(const eventlog::TransactionQuarantined& event, eventlog::Address address);
  void apply(const eventlog::LabelReported& event, eventlog::Address address);
  void apply(const eventlog::AlertRaised& event, eventlog::Address address);
  void apply(const eventlog::CustomerUpdated& event, eventlog::Address address);
  void apply(const eventlog::MerchantUpdated& event, eventlog::Address address);
  void apply(const eventlog::ListUpdated& event, eventlog::Address address);
  void apply(const eventlog::RateUpdated& event, eventlog::Address address);
  // Errors `damaged`: a recorded text that no longer parses.
  eventlog::Expected<void> apply(const eventlog::PolicyUpdated& event);
  eventlog::Expected<void> apply(const eventlog::RulesActivated& event);

  bool has_policy() const { return policy_known_; }
  const Policy& policy() const { return policy_; }
  // Nothing until FeaturesActivated and RulesActivated were replayed.
  const rules::Catalogue* catalogue() const { return catalogues_.empty() ? nullptr : catalogues_.back().get(); }
  const rules::RuleSet* rule_set() const { return rule_sets_.empty() ? nullptr : rule_sets_.back().get(); }
  const rules::RuleSet* rule_set(std::uint32_t version) const;
  std::uint32_t features_version() const { return static_cast<std::uint32_t>(catalogues_.size()); }
  std::uint32_t rules_version() const { return static_cast<std::uint32_t>(rule_sets_.size()); }

  rules::DecisionState& decision() { return *decision_; }
  const TransactionIndex& transactions() const { return transactions_; }
  const AddressIndex& labels() const { return labels_; }        // key: transaction_key
  const AddressIndex& customers() const { return customers_; }  // newest CustomerUpdated of each
  const AddressIndex& merchants() const { return merchants_; }
  const AddressIndex& quarantines() const { return quarantines_; }  // key: quarantine_key
  const Rates& rates() const { return rates_; }
  const AlertCooldown& cooldown() const { return cooldown_; }

 private:
  eventlog::Expected<void> apply(const eventlog::FeaturesActivated& event);
  eventlog::Expected<void> prepare(const eventlog::LogSource& log, std::uint32_t features_version);

  std::uint64_t undurable_bytes_max_ = 0;
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
// The hash under which a quarantined input is found again.
std::uint64_t quarantine_key(std::span<const std::byte> raw);

}  // namespace vigil::commands
