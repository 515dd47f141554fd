#include "rules/features/decision_state.h"

#include <xxhash.h>
#include <algorithm>
#include <array>

#include "eventlog/storage/invariant.h"
#include "rules/expression/transaction_fields.h"
#include "rules/features/entity_store.h"
#include "rules/features/feature_reader.h"
#include "rules/features/prefetch_queue.h"
#include "rules/features/window_plan.h"

namespace vigil::rules {
namespace {

using eventlog::EntityKind;
using eventlog::kEntityKinds;

constexpr std::size_t kCustomer = static_cast<std::size_t>(EntityKind::customer);
constexpr std::size_t kMerchant = static_cast<std::size_t>(EntityKind::merchant);
constexpr std::size_t kDevice = static_cast<std::size_t>(EntityKind::device);
// The columns that hold entities come first, in the order of the kinds.
static_assert(static_cast<std::size_t>(Column::customer_id) == kCustomer);
static_assert(static_cast<std::size_t>(Column::merchant_id) == kMerchant);
static_assert(static_cast<std::size_t>(Column::device_id) == kDevice);

// The parts of an image, in the order they are saved.
constexpr std::size_t kListsPart = 0;
constexpr std::size_t kEntitiesPart = 1;
constexpr std::size_t kWordsPart = kEntitiesPart + kEntityKinds;

constexpr std::size_t index_of(Column column) { return static_cast<std::size_t>(column); }

std::uint16_t id_hash(std::string_view transaction_id) {
  return static_cast<std::uint16_t>(XXH3_64bits(transaction_id.data(), transaction_id.size()));
}

}  // namespace

struct DecisionState::Impl final : ColumnTexts {
  Impl(const Catalogue& catalogue, std::int64_t lateness_us)
      : plan(make_plan(catalogue, sizeof(EntityRecord))), passed(plan.filters.size()), slots(kTransactionFields) {
    eventlog::invariant(lateness_us >= 0 && !__builtin_add_overflow(catalogue.reach_us(), lateness_us, &keep_us),
                        "lateness is a length of time");
    for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
      stores[kind] = std::make_unique<EntityStore>(plan.kinds[kind], keep_us);
    }
  }

  bool save_part(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const;
  bool restore(std::string_view piece);

  static EntityIds ids_of(const eventlog::Transaction& transaction) {
    return {transaction.customer_id, transaction.merchant_id, transaction.device_id};
  }

  std::string_view text(Column column, std::uint32_t number) const override {
    if (index_of(column) < kEntityKinds) return stores[index_of(column)]->id(number - 1);
    if (column == Column::category || column == Column::channel) return words.text(number - 1);
    return eventlog::Code(static_cast<std::uint16_t>(number)).text();
  }

  // Codes are their own numbers; words are looked up, or learnt when they are applied.
  static void fill_codes(const eventlog::Transaction& transaction, ColumnNumbers& columns) {
    columns[index_of(Column::country)] = transaction.country.packed();
    columns[index_of(Column::card_country)] = transaction.card_country.packed();
    columns[index_of(Column::currency)] = transaction.amount.currency.packed();
  }
  std::uint32_t find_word(std::string_view word) const {
    if (word.empty()) return 0;
    const auto found = words.find(NameTable::hash(word), word);
    return found ? *found + 1 : kNeverSeen;
  }
  std::uint32_t learn_word(std::string_view word) { return word.empty() ? 0 : words.intern(word) + 1; }

  void evaluate_filters(std::span<const Value> fields) {
    for (std::size_t i = 0; i < plan.filters.size(); ++i) passed[i] = plan.filters[i].holds(fields, lists);
  }
  // Whether observe() has just looked at this very transaction: the same bytes, not a copy.
  bool observed_just_now(const eventlog::TransactionDecided& event) const {
    const eventlog::Transaction& transaction = event.transaction;
    return !passed_id.empty() && passed_id.data() == transaction.id.data() &&
           passed_id.size() == transaction.id.size() && passed_time_us == transaction.event_time.value() &&
           passed_amount_minor == event.amount_base_minor;
  }
  std::uint16_t flags_of(std::size_t kind) const {
    const auto& filters = plan.kinds[kind].filters;
    unsigned flags = 0;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      if (passed[filters[i]]) flags |= 1u << (kFilterShift + i);
    }
    return static_cast<std::uint16_t>(flags);
  }

  void observe(const eventlog::Transaction& transaction, std::int64_t amount_base_minor, std::span<const Value> fields,
               std::span<Value> values);
  void apply(const eventlog::TransactionDecided& event, eventlog::Address address);
  void apply(const eventlog::LabelReported& event, eventlog::Address address);
  void advance(std::int64_t time_us);
  struct Linked {
    std::uint32_t number = 0;
    bool fresh = false;  // the entity does not hold the event yet
  };
  Linked link(std::size_t kind, std::string_view id, eventlog::Address address) {
    const std::uint32_t number = stores[kind]->number_of(id);
    return {number, stores[kind]->push_link(number, address)};
  }
  // Every event about entities passes here first.
  std::array<Linked, kEntityKinds> link(const EntityIds& ids, eventlog::Address address) {
    std::array<Linked, kEntityKinds> linked;
    for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
      if (!ids[kind].empty()) linked[kind] = link(kind, ids[kind], address);
    }
    return linked;
  }

  Plan plan;
  std::int64_t keep_us = 0;
  std::array<std::unique_ptr<EntityStore>, kEntityKinds> stores;
  NameTable words;
  Lists lists;
  std::int64_t stream_us = kBeforeAllUs;
  PrefetchQueue prefetched;
  // Room that is reused for every transaction.
  std::vector<char> passed;  // by filter: whether the transaction passes it
  // The id of the transaction `passed` speaks of, when observe() filled it and nothing was applied since.
  std::string_view passed_id;
  std::int64_t passed_time_us = 0, passed_amount_minor = 0;
  // The words of that transaction as observe() found them.
  std::uint32_t passed_category = 0, passed_channel = 0;
  std::vector<Value> slots;
};

void DecisionState::Impl::observe(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                                  std::span<const Value> fields, std::span<Value> values) {
  eventlog::invariant(values.size() == plan.features.size(), "every feature has a place for its value");
  evaluate_filters(fields);
  passed_id = transaction.id;
  passed_time_us = transaction.event_time.value();
  passed_amount_minor = amount_base_minor;
  Observed observed;
  observed.time_us = transaction.event_time.value();
  observed.amount_minor = amount_base_minor;
  observed.place = transaction.place;
  fill_codes(transaction, observed.columns);
  passed_category = observed.columns[index_of(Column::category)] = find_word(transaction.category);
  passed_channel = observed.columns[index_of(Column::channel)] = find_word(transaction.channel);
  const EntityIds ids = ids_of(transaction);
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (ids[kind].empty()) continue;
    observed.flags[kind] = flags_of(kind);
    const auto number = stores[kind]->find(ids[kind]);
    observed.columns[kind] = number ? *number + 1 : kNeverSeen;
    observed.records[kind] = number ? &stores[kind]->record(*number) : &stores[kind]->blank();
    if (number) stores[kind]->windows().slide(*observed.records[kind], observed.time_us);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const FeaturePlan& feature = plan.features[i];
    values[i] = feature.aggregate == Aggregate::expression
                    ? plan.expressions[feature.expression].evaluate(fields, lists)
                    : read_feature(feature, observed, stores[feature.kind]->windows(), *this);
  }
}

// False when the part has nothing more to save.
bool DecisionState::Impl::save_part(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const {
  if (saved.part == kListsPart) return lists.save(saved.lists, bytes, piece);
  if (saved.part == kWordsPart) {
    saved.next = words.save(saved.next, bytes, piece);
    return saved.next < words.size();
  }
  const EntityStore& store = *stores[saved.part - kEntitiesPart];
  if (saved.next < store.size()) saved.next = store.save(saved.next, bytes, piece);
  return saved.next < store.size();
}

bool DecisionState::Impl::restore(std::string_view bytes) {
  eventlog::ValueReader piece(bytes);
  const std::size_t part = piece.take<std::uint8_t>();
  if (piece.is_short() || part >= kParts) return false;
  if (part == kListsPart) return lists.restore(piece);
  if (part == kWordsPart) return words.restore(piece);
  return stores[part - kEntitiesPart]->restore(piece);
}

void DecisionState::Impl::advance(std::int64_t time_us) {
  if (time_us <= stream_us) return;
  stream_us = time_us;
  for (const auto& store : stores) store->windows().set_stream_time(time_us);
}

void DecisionState::Impl::apply(const eventlog::TransactionDecided& event, eventlog::Address address) {
  const eventlog::Transaction& transaction = event.transaction;
  eventlog::invariant(event.amount_base_minor >= 0 && event.amount_base_minor <= eventlog::kAmountBaseMinorMax,
                      "an accepted amount fits a window entry");
  if (!observed_just_now(event)) {
    passed_category = passed_channel = kNeverSeen;
    if (!plan.filters.empty()) {
      fill_transaction_fields(transaction, event.amount_base_minor, slots);
      evaluate_filters(slots);
    }
  }
  passed_id = {};
  advance(transaction.event_time.value());
  Entry entry;
  entry.time_us = transaction.event_time.value();
  entry.amount_minor = event.amount_base_minor;
  fill_codes(transaction, entry.columns);
  entry.columns[index_of(Column::category)] =
      passed_category != kNeverSeen ? passed_category : learn_word(transaction.category);
  entry.columns[index_of(Column::channel)] =
      passed_channel != kNeverSeen ? passed_channel : learn_word(transaction.channel);
  const EntityIds ids = ids_of(transaction);
  const auto linked = link(ids, address);
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (!ids[kind].empty()) entry.columns[kind] = linked[kind].number + 1;
  }
  const std::uint16_t hash = id_hash(transaction.id);
  const unsigned declined = event.outcome == eventlog::Outcome::decline ? kDeclinedFlag : 0;
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (!linked[kind].fresh) continue;
    EntityStore& store = *stores[kind];
    const KindPlan& kind_plan = store.windows().plan();
    EntityRecord& record = store.record(linked[kind].number);
    if (record.lifetime.transactions == 0 || transaction.event_time >= record.lifetime.last_seen) {
      for (std::size_t i = 0; i < kColumns; ++i) {
        if (kind_plan.last[i] != 0) record.set(kind_plan.last[i], entry.columns[i]);
      }
    }
    record.lifetime.apply(event);
    store.make_fit(entry.columns);
    entry.flags = static_cast<std::uint16_t>(flags_of(kind) | declined | (hash & kind_plan.layout.hash_mask));
    store.windows().insert(record, entry);
  }
}

void DecisionState::Impl::apply(const eventlog::LabelReported& event, eventlog::Address address) {
  const auto linked = link({event.customer_id, event.merchant_id, event.device_id}, address);
  const bool was_fraud = event.corrects && is_fraud(event.corrected_kind);
  const bool now_fraud = is_fraud(event.kind);
  const bool known[kEntityKinds] = {!event.customer_id.empty(), !event.merchant_id.empty(), !event.device_id.empty()};
  LabelledEntry label;
  label.time_us = event.transaction_time.value();
  label.amount_minor = event.amount_base_minor;
  label.id_hash = id_hash(event.transaction_id);
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (!known[kind]) continue;
    label.columns[kind] = linked[kind].number + 1;
    label.columns_known |= 1u << kind;
  }
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (!linked[kind].fresh) continue;
    EntityRecord& record = stores[kind]->record(linked[kind].number);
    record.lifetime.apply(event);
    if (now_fraud && !was_fraud) stores[kind]->windows().set_fraud(record, label);
    if (!now_fraud && was_fraud) stores[kind]->windows().clear_fraud(record, label);
  }
}

DecisionState::DecisionState(const Catalogue& catalogue, std::int64_t lateness_us)
    : impl_(std::make_unique<Impl>(catalogue, lateness_us)) {}
DecisionState::~DecisionState() = default;
DecisionState::DecisionState(DecisionState&&) noexcept = default;

void DecisionState::prefetch(const eventlog::Transaction& transaction) const {
  impl_->prefetched.announce(impl_->stores, Impl::ids_of(transaction), transaction.event_time.value(),
                             Wanted::observing);
}

void DecisionState::prefetch_for_apply(const eventlog::Transaction& transaction) const {
  impl_->prefetched.announce(impl_->stores, Impl::ids_of(transaction), transaction.event_time.value(), Wanted::folding);
}

void DecisionState::prefetch_nothing() const { impl_->prefetched.announce_nothing(impl_->stores); }

void DecisionState::observe(const eventlog::Transaction& transaction, std::int64_t amount_base_minor,
                            std::span<const Value> fields, std::span<Value> values) {
  impl_->observe(transaction, amount_base_minor, fields, values);
}

eventlog::EntityLinks DecisionState::links(std::string_view customer_id, std::string_view merchant_id,
                                           std::string_view device_id) {
  const EntityIds ids{customer_id, merchant_id, device_id};
  eventlog::EntityLinks links{};
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (ids[kind].empty()) continue;
    EntityStore& store = *impl_->stores[kind];
    const auto number = store.find(ids[kind]);
    links[kind] = (number ? store.record(*number) : store.blank()).chain.next_link();
  }
  return links;
}

void DecisionState::apply(const eventlog::TransactionDecided& event, eventlog::Address address) {
  impl_->apply(event, address);
}

void DecisionState::apply(const eventlog::LabelReported& event, eventlog::Address address) {
  impl_->apply(event, address);
}

void DecisionState::apply(const eventlog::AlertRaised& event, eventlog::Address address) {
  impl_->link({event.customer_id, event.merchant_id, event.device_id}, address);
}

void DecisionState::apply(const eventlog::CustomerUpdated& event, eventlog::Address address) {
  const auto [number, fresh] = impl_->link(kCustomer, event.customer_id, address);
  if (fresh) impl_->stores[kCustomer]->record(number).home = event.home;
}

void DecisionState::apply(const eventlog::MerchantUpdated& event, eventlog::Address address) {
  impl_->link(kMerchant, event.merchant_id, address);
}

void DecisionState::apply(const eventlog::ListUpdated& event) { impl_->lists.apply(event); }

const Lists& DecisionState::lists() const { return impl_->lists; }

eventlog::EventTime DecisionState::stream_time() const { return eventlog::EventTime{impl_->stream_us}; }

bool DecisionState::save(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const {
  while (saved.part < kParts) {
    piece.put(static_cast<std::uint8_t>(saved.part));
    const std::size_t begin = piece.size();
    const bool more = impl_->save_part(saved, bytes, piece);
    if (!more) {
      ++saved.part;
      saved.next = 0;
    }
    if (piece.size() > begin) return true;
    piece.clear();
  }
  return false;
}

std::size_t DecisionState::restored_part(std::string_view piece) {
  return piece.empty() ? kParts : static_cast<std::uint8_t>(piece.front());
}

bool DecisionState::restore(std::string_view piece) { return impl_->restore(piece); }

void DecisionState::restore_stream_time(eventlog::EventTime newest) {
  if (newest.value() > impl_->stream_us) impl_->advance(newest.value());
}

std::uint64_t DecisionState::plan_hash() const {
  std::string text;
  for (const KindPlan& kind : impl_->plan.kinds) {
    text += std::to_string(kind.layout.has_amount) + ' ' + std::to_string(kind.layout.hash_mask);
    for (std::size_t i = 0; i < kColumns; ++i) {
      text += ' ' + std::to_string(kind.layout.width[i]) + (kind.last[i] != 0 ? 'l' : ' ');
    }
    for (const std::uint16_t filter : kind.filters) text += ' ' + impl_->plan.filters[filter].text();
    text += '\n';
  }
  return XXH3_64bits(text.data(), text.size()) + static_cast<std::uint64_t>(impl_->keep_us);
}

DecisionStateMemory DecisionState::memory() const {
  DecisionStateMemory memory;
  memory.customers = impl_->stores[kCustomer]->size();
  memory.merchants = impl_->stores[kMerchant]->size();
  memory.devices = impl_->stores[kDevice]->size();
  for (const auto& store : impl_->stores) {
    memory.window_entries += store->windows().rings().entries();
    memory.window_bytes += store->windows().bytes();
    memory.entity_bytes += store->entity_bytes();
  }
  memory.entity_bytes += impl_->words.bytes();
  return memory;
}

std::uint64_t DecisionState::digest() const {
  std::uint64_t digest = static_cast<std::uint64_t>(impl_->stream_us);
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    const std::array<std::uint64_t, 2> part{kind, impl_->stores[kind]->digest()};
    digest += XXH3_64bits(part.data(), sizeof(part));
  }
  for (const auto& [list, texts] : impl_->lists.all()) {
    const std::uint64_t seed = XXH3_64bits(list.data(), list.size());
    for (const std::string& text : texts) digest += XXH3_64bits_withSeed(text.data(), text.size(), seed);
  }
  return digest;
}

}  // namespace vigil::rules
