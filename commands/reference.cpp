// Reference data, policy, features and rules: recorded when they change something.
#include <algorithm>

#include "commands/recorder.h"
#include "rules/ruleset/built_in_rules.h"

namespace vigil::commands {

using eventlog::Address;
using eventlog::Expected;

namespace {

bool same(const eventlog::CustomerUpdated& a, const eventlog::CustomerUpdated& b) {
  return a.customer_id == b.customer_id && a.home == b.home && a.country == b.country && a.segment == b.segment;
}

bool same(const eventlog::MerchantUpdated& a, const eventlog::MerchantUpdated& b) {
  return a.merchant_id == b.merchant_id && a.display_name == b.display_name && a.category == b.category &&
         a.country == b.country && a.place == b.place;
}

// The position of the recorded event when it says the same as `event`.
template <class Event>
Expected<std::optional<eventlog::Position>> unchanged(const eventlog::Log& log, const AddressIndex& index,
                                                      std::string_view id, const Event& event) {
  std::optional<Address> newest;
  index.find(entity_key(id), [&](Address address) {
    newest = address;
    return true;
  });
  if (!newest) return std::nullopt;
  auto record = log.at_or_pending(*newest);
  if (!record) return std::unexpected(record.error());
  auto recorded = eventlog::decode<Event>(*record);
  if (!recorded) return std::unexpected(recorded.error());
  if (!same(*recorded, event)) return std::nullopt;
  return record->position;
}

// Texts keep their own limits; only in small segments are they too long for a frame.
constexpr const char* kTooLarge =
    "features and rules together are longer than one commit of this log may be; shorten a text, or use larger segments";

Reply replied(ReplyStatus status, eventlog::Position position) {
  Reply reply;
  reply.status = status;
  reply.position = position;
  return reply;
}

}  // namespace

Expected<Reply> Recorder::refuse(std::string_view code, std::string_view field, std::string text, ReplyTexts& texts) {
  Reply reply;
  reply.status = ReplyStatus::refused;
  reply.reasons = texts.keep({{code, field, std::move(text)}});
  return reply;
}

Expected<Reply> Recorder::update(const eventlog::CustomerUpdated& event) {
  auto known = unchanged(log_, state_->customers(), event.customer_id, event);
  if (!known) return std::unexpected(known.error());
  if (*known) return replied(ReplyStatus::unchanged, **known);
  const auto placed = append(frame(), event, state_->decision().links(event.customer_id, {}, {}));
  state_->apply(event, placed);
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::update(const eventlog::MerchantUpdated& event) {
  auto known = unchanged(log_, state_->merchants(), event.merchant_id, event);
  if (!known) return std::unexpected(known.error());
  if (*known) return replied(ReplyStatus::unchanged, **known);
  const auto placed = append(frame(), event, state_->decision().links({}, event.merchant_id, {}));
  state_->apply(event, placed);
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::update(const eventlog::ListUpdated& event, ReplyTexts& texts) {
  const rules::Lists& lists = state_->decision().lists();
  eventlog::ListUpdated change{event.list, {}, {}};
  std::ranges::copy_if(event.added, std::back_inserter(change.added),
                       [&](std::string_view text) { return !lists.contains(event.list, text); });
  std::ranges::copy_if(event.removed, std::back_inserter(change.removed),
                       [&](std::string_view text) { return lists.contains(event.list, text); });
  if (change.added.empty() && change.removed.empty()) {
    return replied(ReplyStatus::unchanged, newest_);
  }
  if (bytes_max(change) > record_bytes_max_) {
    return refuse("list_update_too_large", "add", "send the entries in several smaller updates", texts);
  }
  const auto placed = append(frame(), change);
  state_->apply(change, placed);
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::update(const eventlog::RateUpdated& event, ReplyTexts& texts) {
  if (event.rate_e9 <= 0) return refuse("bad_rate", "rate", "a rate must be above zero", texts);
  if (state_->rates().rate_e9(event.currency, event.base) == event.rate_e9) {
    return replied(ReplyStatus::unchanged, newest_);
  }
  const auto placed = append(frame(), event);
  state_->apply(event, placed);
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::update(const UpdatePolicy& command, ReplyTexts& texts) {
  auto policy = Policy::parse(command.text, std::string(command.file));
  if (!policy) return refuse("bad_policy", "policy", policy.error().text, texts);
  if (*policy == state_->policy()) return replied(ReplyStatus::unchanged, newest_);
  Lateness lateness = state_->lateness();
  lateness.allow(*policy);
  if (auto kept = check_kept(*state_->catalogue(), lateness); !kept) {
    return refuse("horizon_too_long", "policy", kept.error().text, texts);
  }
  const std::string text = policy->to_toml();
  const eventlog::PolicyUpdated event{text};
  const auto placed = append(frame(), event);
  // Later transactions need window entries that were already let go: they come back from the log.
  const bool later = lateness.us() > state_->kept_lateness_us();
  if (auto done = later ? settle_and_replay() : state_->apply(event, placed); !done)
    return std::unexpected(done.error());
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::activate(const ActivateFeatures& command, ReplyTexts& texts) {
  auto catalogue = rules::Catalogue::parse(command.text, std::string(command.file));
  if (!catalogue) return refuse("bad_features", "features", catalogue.error().text, texts);
  if (catalogue->sha256() == state_->catalogue()->sha256()) {
    return replied(ReplyStatus::unchanged, newest_);
  }
  if (auto kept = check_kept(*catalogue, state_->lateness()); !kept) {
    return refuse("horizon_too_long", "features", kept.error().text, texts);
  }
  // Rules were checked against the features in force. Built-in ones follow the new catalogue by themselves.
  std::string rules_text = state_->rule_set()->text();
  if (rules_text == rules::built_in_rules_for(*state_->catalogue())) {
    rules_text = rules::built_in_rules_for(*catalogue);
  }
  auto rule_set = rules::RuleSet::parse(rules_text, "the rules in force", *catalogue);
  if (!rule_set) {
    return refuse("features_break_rules", "features",
                  rule_set.error().text + "; activate rules that do without it first", texts);
  }
  const eventlog::FeaturesActivated features{state_->features_version() + 1, command.text, catalogue->sha256()};
  const eventlog::RulesActivated rules{state_->rules_version() + 1, rules_text, rule_set->sha256()};
  if (!fit(features, rules)) return refuse("activation_too_large", "features", kTooLarge, texts);
  append(frame(), features);
  const auto placed = append(frame(), rules);
  if (auto done = settle_and_replay(); !done) return std::unexpected(done.error());
  return replied(ReplyStatus::applied, placed.position);
}

Expected<Reply> Recorder::activate(const ActivateRules& command, ReplyTexts& texts) {
  auto rule_set = rules::RuleSet::parse(command.text, std::string(command.file), *state_->catalogue());
  if (!rule_set) return refuse("bad_rules", "rules", rule_set.error().text, texts);
  if (rule_set->sha256() == state_->rule_set()->sha256()) return replied(ReplyStatus::unchanged, newest_);
  const eventlog::RulesActivated event{state_->rules_version() + 1, command.text, rule_set->sha256()};
  if (!fit(event)) return refuse("activation_too_large", "rules", kTooLarge, texts);
  const auto placed = append(frame(), event);
  if (auto done = state_->apply(event, placed); !done) return std::unexpected(done.error());
  return replied(ReplyStatus::applied, placed.position);
}

Expected<void> Recorder::settle_and_replay() {
  if (auto settled = log_.settle(); !settled) return std::unexpected(settled.error());
  return replay({});
}

Expected<void> Recorder::bootstrap(const EngineOptions& options) {
  const std::string policy_text = options.policy.to_toml();
  Lateness lateness = state_->lateness();
  if (!state_->has_policy()) {
    if (auto policy = Policy::parse(policy_text, "the policy"); !policy) return std::unexpected(policy.error());
    lateness.allow(options.policy);
  }
  const std::string_view features_text =
      options.features_toml.empty() ? rules::default_features_toml() : std::string_view(options.features_toml);
  std::optional<rules::Catalogue> fresh;
  const rules::Catalogue* catalogue = state_->catalogue();
  if (catalogue == nullptr) {
    auto parsed = rules::Catalogue::parse(features_text, options.features_file);
    if (!parsed) return std::unexpected(parsed.error());
    catalogue = &fresh.emplace(std::move(*parsed));
  }
  if (auto kept = check_kept(*catalogue, lateness); !kept) return kept;
  std::string rules_text = options.rules_toml.empty() ? rules::built_in_rules_for(*catalogue) : options.rules_toml;
  if (state_->rule_set() != nullptr) rules_text = state_->rule_set()->text();
  auto rule_set = rules::RuleSet::parse(rules_text, options.rules_file, *catalogue);
  if (!rule_set) return std::unexpected(rule_set.error());
  const eventlog::PolicyUpdated policy{policy_text};
  const eventlog::FeaturesActivated features{1, catalogue->text(), catalogue->sha256()};
  const eventlog::RulesActivated rules{1, rule_set->text(), rule_set->sha256()};
  if (!fit(policy, features, rules)) return eventlog::fail(eventlog::ErrorKind::invalid, kTooLarge);
  if (!state_->has_policy()) append(frame(), policy);
  if (fresh) append(frame(), features);
  if (state_->rule_set() == nullptr) append(frame(), rules);
  return settle_and_replay();
}

}  // namespace vigil::commands
