#include "commands/write_state.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

namespace vigil::commands {

using eventlog::Address;
using eventlog::ErrorKind;
using eventlog::EventType;
using eventlog::Expected;
using eventlog::Placed;

namespace {

constexpr std::uint64_t kProgressEvery = 65'536;
constexpr std::size_t kAhead = 16;

// An event that was read and is folded a little later.
struct Waiting {
  eventlog::Record record;
  bool decided = false;
  eventlog::TransactionDecided event;
  std::uint64_t key = 0;
};

// Decodes and hands the event on; what does not decode is an error already.
template <class Event, class Fold>
Expected<void> with(const eventlog::Record& record, Fold fold) {
  auto event = eventlog::decode<Event>(record);
  if (!event) return std::unexpected(event.error());
  return fold(*event);
}

// How much older than stream time a transaction may be that one policy accepts by either clock: stream time may run
// ahead of the wall clock by the allowed skew.
std::int64_t reach_of(const Policy& policy) { return policy.horizon_us + policy.future_skew_us; }

std::string recorded(const char* what, std::uint32_t version) {
  return std::string("the log's ") + what + " version " + std::to_string(version);
}

}  // namespace

std::uint64_t entity_key(std::string_view id) { return XXH3_64bits(id.data(), id.size()); }

std::uint64_t quarantine_key(std::span<const std::byte> raw, std::string_view source) {
  return XXH3_64bits_withSeed(raw.data(), raw.size(), XXH3_64bits(source.data(), source.size()));
}

Expected<std::unique_ptr<WriteState>> WriteState::replay(
    const eventlog::LogSource& log, std::uint64_t undurable_bytes_max,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto begun = before_all(log, undurable_bytes_max);
  if (!begun) return begun;
  std::unique_ptr<WriteState> state = std::move(*begun);
  if (auto applied = state->apply_from(log, eventlog::Position{1}, progress); !applied) {
    return std::unexpected(applied.error());
  }
  return state;
}

Expected<void> WriteState::apply_from(const eventlog::LogSource& log, eventlog::Position first,
                                      const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto cursor = log.read_from(first);
  if (!cursor) return std::unexpected(cursor.error());
  const std::uint64_t total = log.durable().value() + 1 - first.value();
  // Decided events wait a little, so that what they touch is in the cache when they are folded.
  std::array<Waiting, kAhead> ring;
  std::uint64_t taken = 0;
  const auto take = [&]() -> Expected<bool> {
    auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) return false;
    Waiting& waiting = ring[taken++ % kAhead];
    waiting.record = **record;
    waiting.decided = waiting.record.type == static_cast<std::uint16_t>(EventType::transaction_decided);
    if (!waiting.decided) return true;
    auto event = eventlog::decode<eventlog::TransactionDecided>(waiting.record);
    if (!event) return std::unexpected(event.error());
    waiting.event = *event;
    if (decision_) decision_->prefetch_for_apply(event->transaction);
    waiting.key = eventlog::transaction_key(event->transaction.id);
    transactions_.prefetch(waiting.key);
    return true;
  };
  for (std::uint64_t done = 0; done < total; ++done) {
    while (taken < std::min(total, done + kAhead)) {
      auto more = take();
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
    }
    if (done == taken) break;
    const Waiting& next = ring[done % kAhead];
    if (next.decided) {
      apply(next.event, {next.record.position, next.record.address});
    } else if (auto applied = apply(next.record); !applied) {
      return applied;
    }
    if (progress && done % kProgressEvery == 0) progress(done, total);
  }
  if (progress) progress(total, total);
  return {};
}

Expected<std::unique_ptr<WriteState>> WriteState::before_all(const eventlog::LogSource& log,
                                                             std::uint64_t undurable_bytes_max,
                                                             std::uint32_t features_version) {
  auto state = std::make_unique<WriteState>();
  state->undurable_bytes_max_ = undurable_bytes_max;
  if (auto prepared = state->prepare(log, features_version); !prepared) return std::unexpected(prepared.error());
  return state;
}

// A first look over the log for what the decision state must be built with from its first event on: the
// catalogue, and the longest lateness any policy allowed.
Expected<void> WriteState::prepare(const eventlog::LogSource& log, std::uint32_t features_version) {
  auto cursor = log.read_from(eventlog::Position{1});
  if (!cursor) return std::unexpected(cursor.error());
  Lateness lateness;
  std::string features;
  std::uint32_t version = 0;
  while (true) {
    auto record = (*cursor)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    if ((*record)->type == static_cast<std::uint16_t>(EventType::features_activated)) {
      auto event = eventlog::decode<eventlog::FeaturesActivated>(**record);
      if (!event) return std::unexpected(event.error());
      if (version == features_version && version != 0) break;  // nothing behind it is folded with these features
      features = event->text;
      ++version;
    } else if ((*record)->type == static_cast<std::uint16_t>(EventType::policy_updated)) {
      auto event = eventlog::decode<eventlog::PolicyUpdated>(**record);
      if (!event) return std::unexpected(event.error());
      auto policy = Policy::parse(event->text, "the log's policy");
      if (!policy) return std::unexpected(policy.error());
      lateness.allow(*policy);
    }
  }
  if (version == 0) return {};
  return make_decision_state(features, version, lateness);
}

Expected<void> WriteState::make_decision_state(std::string_view features, std::uint32_t version,
                                               const Lateness& lateness) {
  auto catalogue = rules::Catalogue::parse(features, recorded("features", version));
  if (!catalogue) return std::unexpected(catalogue.error());
  if (auto kept = check_kept(*catalogue, lateness); !kept) {
    return eventlog::fail(ErrorKind::invalid, recorded("features", version) + ": " + kept.error().text);
  }
  decision_lateness_us_ = lateness.us();
  decision_catalogue_ = std::make_unique<rules::Catalogue>(std::move(*catalogue));
  decision_ = std::make_unique<rules::DecisionState>(*decision_catalogue_, decision_lateness_us_);
  return {};
}

Expected<void> WriteState::apply(const eventlog::Record& record) {
  const Placed at{record.position, record.address};
  const auto fold = [&](const auto& event) -> Expected<void> {
    apply(event, at);
    return {};
  };
  const auto activate = [&](const auto& event) { return apply(event, at); };
  auto type = eventlog::type_of(record);
  if (!type) return std::unexpected(type.error());
  switch (*type) {
    case EventType::transaction_decided: return with<eventlog::TransactionDecided>(record, fold);
    case EventType::transaction_quarantined: return with<eventlog::TransactionQuarantined>(record, fold);
    case EventType::label_reported: return with<eventlog::LabelReported>(record, fold);
    case EventType::alert_raised: return with<eventlog::AlertRaised>(record, fold);
    case EventType::customer_updated: return with<eventlog::CustomerUpdated>(record, fold);
    case EventType::merchant_updated: return with<eventlog::MerchantUpdated>(record, fold);
    case EventType::list_updated: return with<eventlog::ListUpdated>(record, fold);
    case EventType::rate_updated: return with<eventlog::RateUpdated>(record, fold);
    case EventType::policy_updated: return with<eventlog::PolicyUpdated>(record, activate);
    case EventType::features_activated: return with<eventlog::FeaturesActivated>(record, activate);
    case EventType::rules_activated: return with<eventlog::RulesActivated>(record, activate);
  }
  return eventlog::fail(ErrorKind::damaged, "an event of no known type");
}

void WriteState::apply(const eventlog::TransactionDecided& event, Placed at) {
  newest_ = at;
  decision_->apply(event, at.address);
  const eventlog::Transaction& transaction = event.transaction;
  transactions_.insert(eventlog::transaction_key(transaction.id), at.address, transaction.event_time);
  const std::int64_t reach_us = reach_of(policy_);
  const std::uint64_t settled = at.address.value() - std::min(at.address.value(), undurable_bytes_max_);
  transactions_.expire(eventlog::EventTime{decision_->stream_time().value() - reach_us}, Address{settled});
}

void WriteState::apply(const eventlog::TransactionQuarantined& event, Placed at) {
  newest_ = at;
  quarantines_.replace(quarantine_key(event.raw, event.source), at.address);
}

void WriteState::apply(const eventlog::LabelReported& event, Placed at) {
  newest_ = at;
  decision_->apply(event, at.address);
  labels_.insert(eventlog::transaction_key(event.transaction_id), at.address);
}

void WriteState::apply(const eventlog::AlertRaised& event, Placed at) {
  newest_ = at;
  decision_->apply(event, at.address);
  cooldown_.apply(event);
}

void WriteState::apply(const eventlog::CustomerUpdated& event, Placed at) {
  newest_ = at;
  decision_->apply(event, at.address);
  customers_.replace(entity_key(event.customer_id), at.address);
}

void WriteState::apply(const eventlog::MerchantUpdated& event, Placed at) {
  newest_ = at;
  decision_->apply(event, at.address);
  merchants_.replace(entity_key(event.merchant_id), at.address);
}

void WriteState::apply(const eventlog::ListUpdated& event, Placed at) {
  newest_ = newest_list_update_ = at;
  decision_->apply(event);
}

void WriteState::apply(const eventlog::RateUpdated& event, Placed at) {
  newest_ = at;
  rates_.apply(event);
}

Expected<void> WriteState::apply(const eventlog::PolicyUpdated& event, Placed at) {
  auto policy = Policy::parse(event.text, "the log's policy");
  if (!policy) return std::unexpected(policy.error());
  policy_ = *policy;
  policy_known_ = true;
  lateness_.allow(policy_);
  activated(at);
  return {};
}

Expected<void> WriteState::apply(const eventlog::FeaturesActivated& event, Placed at) {
  auto catalogue = rules::Catalogue::parse(event.text, recorded("features", event.version));
  if (!catalogue) return std::unexpected(catalogue.error());
  catalogues_.push_back(std::make_unique<rules::Catalogue>(std::move(*catalogue)));
  activated(at);
  return {};
}

Expected<void> WriteState::apply(const eventlog::RulesActivated& event, Placed at) {
  if (catalogues_.empty()) return eventlog::fail(ErrorKind::damaged, "rules were activated before any features");
  auto rule_set = rules::RuleSet::parse(event.text, recorded("rules", event.version), *catalogues_.back());
  if (!rule_set) return std::unexpected(rule_set.error());
  rule_sets_.push_back(std::make_unique<rules::RuleSet>(std::move(*rule_set)));
  activated(at);
  return {};
}

const rules::RuleSet* WriteState::rule_set(std::uint32_t version) const {
  if (version == 0 || version > rule_sets_.size()) return nullptr;
  return rule_sets_[version - 1].get();
}

}  // namespace vigil::commands
