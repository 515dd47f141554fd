#include "commands/verify_decisions.h"

#include <algorithm>
#include <deque>

#include "commands/acceptance.h"
#include "commands/decide.h"
#include "commands/due_alert.h"
#include "commands/event_differences.h"
#include "commands/write_state.h"

namespace vigil::commands {

namespace {

using eventlog::ErrorKind;
using eventlog::EventType;
using eventlog::Expected;
using eventlog::fail;
using eventlog::Position;
using eventlog::Record;

constexpr std::uint64_t kDecisionsPerProgress = 4096;

// Where catalogues came into force, oldest first.
Expected<std::vector<Position>> catalogues_of(const eventlog::LogSource& log, Position last) {
  std::vector<Position> found;
  auto cursor = log.read_from(Position{1});
  if (!cursor) return std::unexpected(cursor.error());
  for (std::uint64_t position = 1; position <= last.value(); ++position) {
    const auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    const auto type = eventlog::type_of(**record);
    if (!type) return std::unexpected(type.error());
    if (*type == EventType::features_activated) found.push_back((*record)->position);
    const bool without_features = *type != EventType::policy_updated && *type != EventType::rate_updated;
    if (found.empty() && without_features) {
      return fail(ErrorKind::damaged, "position " + std::to_string(position) + ": " + std::string(name(*type)) +
                                          " before any features were activated");
    }
  }
  return found;
}

// One replay of the log: the decisions taken with one catalogue of features, all of the log before folded too.
class Pass {
 public:
  Pass(const eventlog::LogSource& log, std::unique_ptr<WriteState> state, std::uint32_t features_version,
       VerifiedDecisions& found)
      : log_(log), state_(std::move(state)), features_version_(features_version), found_(found) {}

  // True when all is equal so far.
  Expected<bool> take(const Record& record) {
    const auto type = eventlog::type_of(record);
    if (!type) return std::unexpected(type.error());
    const bool in_force = state_->features_version() == features_version_;
    if (in_force && *type != EventType::alert_raised && !due_.empty()) {
      return missing_alert(record.position);
    }
    Expected<bool> equal = true;
    if (in_force && *type == EventType::transaction_decided) equal = decided(record);
    if (in_force && *type == EventType::alert_raised) equal = alerted(record);
    if (!equal || !*equal) return equal;
    if (auto applied = state_->apply(record); !applied) return std::unexpected(applied.error());
    if (*type == EventType::features_activated || *type == EventType::rules_activated) return activated(record, *type);
    if (in_force && *type == EventType::transaction_decided) return expect_alerts(record);
    return true;
  }
  // What is still missing at the end of the log.
  bool finish(Position last) { return due_.empty() || missing_alert(Position{last.value() + 1}); }

 private:
  bool differs(Position position, std::string_view transaction_id, Differences differences) {
    if (differences.empty()) return false;
    found_.first = DecisionDifference{position, std::string(transaction_id), std::move(differences)};
    return true;
  }

  Expected<bool> decided(const Record& record) {
    const auto event = eventlog::decode<eventlog::TransactionDecided>(record);
    if (!event) return std::unexpected(event.error());
    if (state_->rule_set() == nullptr) {
      return fail(ErrorKind::damaged,
                  "position " + std::to_string(record.position.value()) + ": decided before any rules were activated");
    }
    ++found_.decisions;
    Differences differences;
    const Moment moment{record.ingest_time, state_->decision().stream_time()};
    std::vector<Reason> reasons;
    const std::int64_t base = check(event->transaction, state_->policy(), state_->rates(), moment, reasons);
    for (const Reason& reason : reasons) {
      differences.push_back({"acceptance", "accepted", std::string(reason.code) + ": " + reason.text});
    }
    const auto earlier = decided_earlier(event->transaction, record.position);
    if (!earlier) return std::unexpected(earlier.error());
    if (*earlier) {
      differences.push_back({"acceptance", "accepted", "a repeat of position " + std::to_string((*earlier)->value())});
    }
    const Decision decision =
        decider_.decide(event->transaction, base, state_->catalogue()->size(), state_->decision(), *state_->rule_set());
    const eventlog::TransactionDecided again{event->transaction,         base,
                                             decision.outcome,           decision.score,
                                             state_->features_version(), state_->rules_version(),
                                             decision.features,          decision.matched};
    append_differences(*event, again, *state_->catalogue(), *state_->rule_set(), differences);
    return !differs(record.position, event->transaction.id, std::move(differences));
  }

  // Where the transaction was decided before `now`: by what is remembered, else, like the recorder, by the log.
  Expected<std::optional<Position>> decided_earlier(const eventlog::Transaction& transaction, Position now) const {
    std::optional<Position> found;
    const auto decides_it = [&](eventlog::Address address) {
      const auto record = log_.at(address);
      if (!record || record->type != static_cast<std::uint16_t>(EventType::transaction_decided)) return false;
      const auto event = eventlog::decode<eventlog::TransactionDecided>(*record);
      if (record->position < now && event && event->transaction.id == transaction.id) found = record->position;
      return found.has_value();
    };
    const std::uint64_t key = eventlog::transaction_key(transaction.id);
    if (state_->transactions().find(key, decides_it)) return found;
    if (transaction.event_time >= state_->transactions().forgotten_before()) return found;
    const auto addresses = log_.find_key(key);
    if (!addresses) return std::unexpected(addresses.error());
    (void)std::ranges::any_of(*addresses, decides_it);
    return found;
  }

  // Rules differ from each other, so that no alert of this transaction cools another one down.
  Expected<bool> expect_alerts(const Record& record) {
    const auto event = eventlog::decode<eventlog::TransactionDecided>(record);
    if (!event) return std::unexpected(event.error());
    for (const std::uint16_t index : event->matched) {
      const auto alert = due_alert(state_->rule_set()->rules()[index], *event, record.position, state_->cooldown());
      if (alert) due_.push_back(*alert);
    }
    return true;
  }

  Expected<bool> alerted(const Record& record) {
    const auto event = eventlog::decode<eventlog::AlertRaised>(record);
    if (!event) return std::unexpected(event.error());
    ++found_.alerts;
    Differences differences;
    if (due_.empty()) {
      differences.push_back({"alert", "of rule " + std::string(event->rule_id), "none"});
    } else {
      append_differences(*event, due_.front(), differences);
      due_.pop_front();
    }
    return !differs(record.position, event->transaction_id, std::move(differences));
  }

  bool missing_alert(Position position) {
    const eventlog::AlertRaised& alert = due_.front();
    return !differs(position, alert.transaction_id, {{"alert", "none", "of rule " + std::string(alert.rule_id)}});
  }

  Expected<bool> activated(const Record& record, EventType type) {
    Differences differences;
    if (type == EventType::features_activated) {
      const auto event = eventlog::decode<eventlog::FeaturesActivated>(record);
      if (!event) return std::unexpected(event.error());
      append_activation(event->version, event->sha256, state_->features_version(), state_->catalogue()->sha256(),
                        differences);
    } else {
      const auto event = eventlog::decode<eventlog::RulesActivated>(record);
      if (!event) return std::unexpected(event.error());
      append_activation(event->version, event->sha256, state_->rules_version(), state_->rule_set()->sha256(),
                        differences);
    }
    return !differs(record.position, "", std::move(differences));
  }

  const eventlog::LogSource& log_;
  std::unique_ptr<WriteState> state_;
  const std::uint32_t features_version_;
  VerifiedDecisions& found_;
  Decider decider_;
  std::deque<eventlog::AlertRaised> due_;  // of the transaction decided last; texts point into the log and the rules
};

}  // namespace

Expected<VerifiedDecisions> verify_decisions(const eventlog::LogSource& log,
                                             const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const Position last = log.durable();
  const auto catalogues = catalogues_of(log, last);
  if (!catalogues) return std::unexpected(catalogues.error());
  VerifiedDecisions found;
  found.catalogues = catalogues->size();
  const auto end_of = [&](std::size_t i) {
    return i + 1 < catalogues->size() ? Position{(*catalogues)[i + 1].value() - 1} : last;
  };
  std::uint64_t all = 0, done = 0;
  for (std::size_t i = 0; i < catalogues->size(); ++i) all += end_of(i).value();
  for (std::size_t i = 0; i < catalogues->size(); ++i) {
    const auto version = static_cast<std::uint32_t>(i + 1);
    auto state = WriteState::before_all(log, 0, version);
    if (!state) return std::unexpected(state.error());
    const WriteState& known = **state;
    Pass pass(log, std::move(*state), version, found);
    auto cursor = log.read_from(Position{1});
    if (!cursor) return std::unexpected(cursor.error());
    for (std::uint64_t position = 1; position <= end_of(i).value(); ++position) {
      const auto record = (*cursor)->next();
      if (!record) return std::unexpected(record.error());
      if (!*record) break;
      const auto equal = pass.take(**record);
      if (!equal) return std::unexpected(equal.error());
      if (!*equal) return found;
      if (progress && ++done % kDecisionsPerProgress == 0) progress(done, all);
    }
    if (!pass.finish(end_of(i))) return found;
    found.rule_sets = known.rules_version();
  }
  if (progress) progress(all, all);
  return found;
}

}  // namespace vigil::commands
