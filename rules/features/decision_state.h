// What Vigil knows about every customer, merchant and device at this instant: the fold decisions are made on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "eventlog/schema/events.h"
#include "eventlog/storage/image_file.h"
#include "rules/expression/lists.h"
#include "rules/features/catalogue.h"

namespace vigil::rules {

struct DecisionStateMemory {
  std::uint64_t customers = 0, merchants = 0, devices = 0;
  std::uint64_t window_entries = 0;  // live entries over all entities
  std::uint64_t window_bytes = 0;    // all chunks that hold entries, slack included
  std::uint64_t entity_bytes = 0;    // tables, entity records, names
};

// How far save() has come; as constructed, at the beginning.
struct SavedSoFar {
  std::size_t part = 0;
  std::uint32_t next = 0;  // number of the entity or word
  Lists::SavedUpTo lists;
};

// A fold of the log: the same events in the same order give the same state and the same features, whatever
// the batching. Not thread-safe: owned by the deciding thread (a rebuild or backtest makes its own).
// Window semantics are those of docs/features.md: the transactions of the key that were applied before, with
// event time in (t − D − W, t − D]; the observed transaction itself counts when D = 0 and not
// exclude_current. Entries are kept for catalogue.reach_us() + lateness_us behind the newest event time
// applied.
class DecisionState {
 public:
  // `lateness_us`: how much older than stream time a transaction may be (the acceptance horizon).
  DecisionState(const Catalogue& catalogue, std::int64_t lateness_us);
  ~DecisionState();
  DecisionState(DecisionState&&) noexcept;

  // Brings the entities of a transaction that will be observed soon towards the cache. No visible effect.
  void prefetch(const eventlog::Transaction& transaction) const;
  // Likewise of one that will be applied without being observed.
  void prefetch_for_apply(const eventlog::Transaction& transaction) const;
  // Stands for the next transaction when none follows: those announced before take their next step.
  void prefetch_nothing() const;

  // The values of all features for `transaction` as of now, in catalogue order. `fields` are the
  // transaction's slots (fill_transaction_fields). Text values stay valid until the next apply().
  void observe(const eventlog::Transaction& transaction, std::int64_t amount_base_minor, std::span<const Value> fields,
               std::span<Value> values);

  // The links the next event about these entities has to carry ("" = not concerned).
  eventlog::EntityLinks links(std::string_view customer_id, std::string_view merchant_id, std::string_view device_id);

  // Folds; `address` is where the event stands (it becomes the newest of each entity it concerns). An entity that was
  // restored as of that event or a later one stays as it is.
  // apply(TransactionDecided) directly after observe() of the same transaction reuses what was looked up.
  void apply(const eventlog::TransactionDecided& event, eventlog::Address address);
  void apply(const eventlog::LabelReported& event, eventlog::Address address);
  void apply(const eventlog::AlertRaised& event, eventlog::Address address);
  void apply(const eventlog::CustomerUpdated& event, eventlog::Address address);
  void apply(const eventlog::MerchantUpdated& event, eventlog::Address address);
  void apply(const eventlog::ListUpdated& event);

  const Lists& lists() const;
  // The newest event time applied; the stream's own clock. EventTime{INT64_MIN} before the first.
  eventlog::EventTime stream_time() const;
  DecisionStateMemory memory() const;

  // An image of the state, in pieces, taken while events go on being applied between the calls. Appends one piece of
  // about `bytes` bytes; false when there was nothing left. Each entity is saved as of that call, with the place of its
  // newest event; so a state restored from all pieces becomes that of later events by applying every event since the
  // first call: apply() passes over what an entity has already. Only the lists have no such place: no ListUpdated may
  // be applied before the first call that returns with saved.part > 0.
  bool save(SavedSoFar& saved, std::size_t bytes, eventlog::Piece& piece) const;
  // Whether lists are being saved.
  static bool saves_lists(const SavedSoFar& saved) { return saved.part == 0; }
  // What a restored state must agree in with the saved one: a hash of what the catalogue was compiled to.
  std::uint64_t plan_hash() const;
  // Before the first restore(): the newest event time when the last piece was saved.
  void restore_stream_time(eventlog::EventTime newest);
  // Puts a piece into a state that is new but for restored ones. Pieces of one part (restored_part) in their order;
  // different parts may be restored by different threads at once. False: this is no such piece; the state is of no use.
  bool restore(std::string_view piece);
  static std::size_t restored_part(std::string_view piece);
  static constexpr std::size_t kParts = 2 + eventlog::kEntityKinds;

  // Order-free digest of the whole state (for "live equals replayed"): equal states, equal digests.
  std::uint64_t digest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigil::rules
