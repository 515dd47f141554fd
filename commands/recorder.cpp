// Transactions and labels: recall, accept, decide, record.
#include "commands/recorder.h"

#include <algorithm>
#include <iterator>

#include "commands/acceptance.h"
#include "commands/due_alert.h"
#include "eventlog/storage/environment.h"
#include "rules/ruleset/built_in_rules.h"

namespace vigil::commands {

using eventlog::Address;
using eventlog::Expected;
using eventlog::Record;

namespace {

// What a decided event and its alerts take at most besides the transaction's own texts: feature values and
// matched rules at their limits, and one alert per rule.
constexpr std::size_t kDecidedReserve = 32 << 10;
constexpr std::size_t kAlertReserve = 768;
constexpr std::size_t kOtherReserve = 4 << 10;

std::string_view prefix(std::string_view text, std::size_t size) { return text.substr(0, size); }

}  // namespace

Recorder::Recorder(eventlog::Environment& environment, eventlog::Log& log, std::size_t record_bytes_max)
    : environment_(environment), log_(log), record_bytes_max_(record_bytes_max) {}

Expected<void> Recorder::replay(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto state = WriteState::replay(log_, undurable_bytes_max(), progress);
  if (!state) return std::unexpected(state.error());
  take_over(std::move(*state));
  return {};
}

void Recorder::take_over(std::unique_ptr<WriteState> state) {
  if (state_) std::ranges::move(state_->release_rule_sets(), std::back_inserter(earlier_rule_sets_));
  state_ = std::move(state);
  ++state_number_;
  newest_ = std::max(newest_, state_->newest().position);
}

// Two frames, each twice the largest record, and as much that a segment may leave free at its end.
std::uint64_t Recorder::undurable_bytes_max() const { return 3 * 2 * record_bytes_max_; }

eventlog::FrameBuilder& Recorder::frame() {
  eventlog::FrameBuilder& builder = log_.builder();
  if (builder.empty()) builder.begin(environment_.now());
  return builder;
}

void Recorder::prefetch(const Command& command) const {
  const auto* submit = std::get_if<SubmitTransaction>(&command.body);
  if (submit == nullptr) return;
  state_->transactions().prefetch(eventlog::transaction_key(submit->transaction.id));
  state_->decision().prefetch(submit->transaction);
}

std::size_t Recorder::bytes_needed(const Command& command) const {
  const std::size_t raw = std::min(command.raw.size(), kQuarantineRawBytesMax);
  if (const auto* submit = std::get_if<SubmitTransaction>(&command.body)) {
    return kDecidedReserve + submit->transaction.extra.size() + raw +
           state_->rule_set()->rules().size() * kAlertReserve;
  }
  // Texts to activate may come without raw input; what does not fit into an empty frame is refused.
  if (const auto* rules = std::get_if<ActivateRules>(&command.body)) return kOtherReserve + rules->text.size();
  if (const auto* features = std::get_if<ActivateFeatures>(&command.body)) {
    return kOtherReserve + features->text.size() +
           std::max(state_->rule_set()->text().size(), rules::default_rules_toml().size());
  }
  const auto* list = std::get_if<UpdateList>(&command.body);
  const std::size_t entries = list != nullptr ? bytes_max(list->update) : 0;
  return std::min(record_bytes_max_, kOtherReserve + 8 * command.raw.size() + raw + entries);
}

Expected<Reply> Recorder::record(const Command& command, ReplyTexts& texts) {
  auto reply = dispatch(command, texts);
  if (reply) newest_ = std::max(newest_, reply->position);
  return reply;
}

Expected<Reply> Recorder::dispatch(const Command& command, ReplyTexts& texts) {
  struct Visitor {
    Recorder& self;
    const Command& whole;
    ReplyTexts& texts;
    Result operator()(const SubmitTransaction& c) { return self.submit(c, whole, texts); }
    Result operator()(const ReportLabel& c) { return self.report(c, whole, texts); }
    Result operator()(const UpdateCustomer& c) { return self.update(c.update); }
    Result operator()(const UpdateMerchant& c) { return self.update(c.update); }
    Result operator()(const UpdateList& c) { return self.update(c.update, texts); }
    Result operator()(const UpdateRate& c) { return self.update(c.update, texts); }
    Result operator()(const UpdatePolicy& c) { return self.update(c, texts); }
    Result operator()(const ActivateFeatures& c) { return self.activate(c, texts); }
    Result operator()(const ActivateRules& c) { return self.activate(c, texts); }
    Result operator()(const Unacceptable& c) { return self.quarantine(whole, c.transaction_id, c.reasons, texts); }
  };
  return std::visit(Visitor{*this, command, texts}, command.body);
}

Expected<Reply> Recorder::submit(const SubmitTransaction& command, const Command& whole, ReplyTexts& texts) {
  const eventlog::Transaction& transaction = command.transaction;
  const Moment moment{frame().ingest_time(), state_->decision().stream_time()};
  auto known = recall(transaction.id);
  if (known && !*known &&
      (transaction.event_time < state_->transactions().forgotten_before() ||
       too_old(transaction, state_->policy(), moment))) {
    known = recall_from_history(transaction.id);
  }
  if (!known) return std::unexpected(known.error());
  if (*known) {
    const bool same = (*known)->event.transaction == transaction;
    auto reply =
        answer_recorded((*known)->record, (*known)->event, same ? ReplyStatus::decided : ReplyStatus::conflict, texts);
    if (reply) reply->transaction_id = transaction.id;  // the command outlives what is read of an archived event
    return reply;
  }
  reasons_.clear();
  if (transaction.version != 1) {
    reasons_.push_back({"unknown_transaction", "version",
                        "version " + std::to_string(transaction.version) +
                            " amends a transaction that was never submitted; send version 1 first"});
  }
  const std::int64_t base = check(transaction, state_->policy(), state_->rates(), moment, reasons_);
  if (!reasons_.empty()) return quarantine(whole, transaction.id, reasons_, texts);
  return decide_and_record(transaction, base, texts);
}

Expected<Reply> Recorder::decide_and_record(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                                            ReplyTexts& texts) {
  rules::DecisionState& decision_state = state_->decision();
  const Decision decision =
      decider_.decide(transaction, amount_base_minor, state_->catalogue()->size(), decision_state, *state_->rule_set());
  // Asked by raise_alerts(), after the event is written and folded.
  if (!decision.matched.empty()) state_->cooldown().prefetch(transaction.customer_id);
  const eventlog::TransactionDecided event{transaction,
                                           amount_base_minor,
                                           decision.outcome,
                                           decision.score,
                                           state_->features_version(),
                                           state_->rules_version(),
                                           decision.features,
                                           decision.matched};
  const eventlog::EntityLinks links =
      decision_state.links(transaction.customer_id, transaction.merchant_id, transaction.device_id);
  const eventlog::Placed placed = append(frame(), event, links);
  state_->apply(event, placed);
  raise_alerts(event, placed.position);

  texts.keep_matched(decision.matched);
  Reply reply;
  reply.transaction_id = transaction.id;
  reply.outcome = decision.outcome;
  reply.score = decision.score;
  reply.rule_set = state_->rule_set();
  reply.position = placed.position;
  return reply;
}

void Recorder::raise_alerts(const eventlog::TransactionDecided& event, eventlog::Position decided_at) {
  const eventlog::Transaction& transaction = event.transaction;
  for (const std::uint16_t index : event.matched) {
    const auto alert = due_alert(state_->rule_set()->rules()[index], event, decided_at, state_->cooldown());
    if (!alert) continue;
    const eventlog::EntityLinks links =
        state_->decision().links(transaction.customer_id, transaction.merchant_id, transaction.device_id);
    const eventlog::Placed placed = append(frame(), *alert, links);
    state_->apply(*alert, placed);
  }
}

Expected<Reply> Recorder::answer_recorded(const Record& record, const eventlog::TransactionDecided& event,
                                          ReplyStatus status, ReplyTexts& texts) {
  texts.keep_matched(event.matched);
  Reply reply;
  reply.status = status;
  reply.repeat = status == ReplyStatus::decided;
  reply.transaction_id = event.transaction.id;
  reply.outcome = event.outcome;
  reply.score = event.score;
  reply.rule_set = state_->rule_set(event.rules_version);
  reply.position = record.position;
  return reply;
}

Expected<Reply> Recorder::quarantine(const Command& whole, std::string_view transaction_id, std::vector<Reason> reasons,
                                     ReplyTexts& texts) {
  const std::string_view raw = prefix(whole.raw, kQuarantineRawBytesMax);
  const auto raw_bytes = std::as_bytes(std::span(raw));
  Reply reply;
  reply.status = ReplyStatus::quarantined;
  reply.transaction_id = transaction_id;

  // The same input from the same place, refused again, is already in the quarantine.
  std::optional<eventlog::Error> failure;
  state_->quarantines().find(quarantine_key(raw_bytes, whole.source), [&](Address address) {
    auto record = log_.at_or_pending(address);
    auto event = record ? eventlog::decode<eventlog::TransactionQuarantined>(*record) : std::unexpected(record.error());
    if (!event) {
      failure = event.error();
      return true;
    }
    if (event->source != whole.source || !std::ranges::equal(event->raw, raw_bytes)) return false;
    reply.position = record->position;
    reply.repeat = true;
    return true;
  });
  if (failure) return std::unexpected(*failure);

  reply.reasons = texts.keep(std::move(reasons));
  if (reply.repeat) return reply;
  eventlog::TransactionQuarantined event{raw_bytes, whole.source, {}};
  for (const Reason& reason : reply.reasons) event.reasons.push_back({reason.code, reason.field, reason.text});
  const eventlog::Placed placed = append(frame(), event);
  state_->apply(event, placed);
  reply.position = placed.position;
  return reply;
}

Expected<Reply> Recorder::report(const ReportLabel& command, const Command& whole, ReplyTexts& texts) {
  auto known = recall(command.transaction_id);
  if (known && !*known) known = recall_from_history(command.transaction_id);
  if (!known) return std::unexpected(known.error());
  if (!*known || (*known)->event.transaction.version != command.transaction_version) {
    return quarantine(whole, command.transaction_id,
                      {{"unknown_transaction", "transaction_id",
                        "no transaction with this id and version was decided here; submit it first"}},
                      texts);
  }
  const auto labels = known_labels(command);
  if (!labels) return std::unexpected(labels.error());
  const std::optional<KnownLabel>& newest = labels->newest;
  Reply reply;
  reply.transaction_id = command.transaction_id;
  reply.status = ReplyStatus::unchanged;
  // Sent again, or overtaken by a label reported later: it must not overturn what holds since.
  if (newest && (labels->repeat || newest->kind == command.kind || command.reported_at < newest->reported_at)) {
    reply.position = labels->repeat.value_or(newest->position);
    return reply;
  }

  const eventlog::TransactionDecided& decided = (*known)->event;
  const eventlog::Transaction& transaction = decided.transaction;
  eventlog::LabelReported event;
  event.transaction_id = command.transaction_id;
  event.transaction_version = command.transaction_version;
  event.kind = command.kind;
  event.customer_id = transaction.customer_id;
  event.merchant_id = transaction.merchant_id;
  event.device_id = transaction.device_id;
  event.transaction_time = transaction.event_time;
  event.reported_at = command.reported_at;
  event.amount_base_minor = decided.amount_base_minor;
  event.source = command.source;
  event.corrects = newest.has_value();
  if (newest) event.corrected_kind = newest->kind;
  const eventlog::EntityLinks links = state_->decision().links(event.customer_id, event.merchant_id, event.device_id);
  const eventlog::Placed placed = append(frame(), event, links);
  state_->apply(event, placed);
  reply.status = ReplyStatus::applied;
  reply.position = placed.position;
  return reply;
}

}  // namespace vigil::commands
