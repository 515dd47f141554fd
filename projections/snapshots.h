// Model `snapshots`: an entity's state once per 256 of its events, so that the past can be asked cheaply.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/entity_state.h"
#include "projections/projection.h"

namespace vigil::projections {

inline constexpr std::uint64_t kSnapshotEvery = 256;  // events of an entity. Stored: never change.

struct SnapshotEntry {
  static constexpr std::size_t kStoredBytesMax = kEntityStateBytes;
  EntityState state;
  std::size_t store(char* out) const;
  bool load(std::string_view bytes);
};

// Only the snapshots are stored. The states between them live in memory and are restored, when an entity is
// touched that is not there, from its last snapshot and the events linked after it; so what is written is one
// entry per 256 events.
class SnapshotsModel final : public Projection {
 public:
  explicit SnapshotsModel(const eventlog::LogSource* log);
  std::string_view name() const override { return "snapshots"; }
  std::vector<std::string> databases() const override { return {"snapshots"}; }
  std::uint32_t schema_version() const override { return 1; }
  EventTypes event_types() const override {
    return types(EventType::transaction_decided, EventType::label_reported, EventType::alert_raised,
                 EventType::customer_updated, EventType::merchant_updated);
  }
  void apply(const Event& event) override;
  void prefetch(const Event& event) const override;
  void prefetch_entries(const Event& event) const override;
  void drop() override;

  // The state after the last event at or before `position`; `newest` is any later (or the last) event of the
  // entity. Nothing when it had none yet. Folds fewer than 256 + (events since the last commit) events.
  Expected<std::optional<StateAsOf>> state_as_of(const ReadTransaction& view, EntityKind kind, std::string_view id,
                                                 Position newest, Position position) const;

 protected:
  std::uint64_t more_bytes() const override { return states_.bytes(); }

 private:
  void apply_to(EntityKind kind, const Event& event);
  // Folds into `state` the events of the entity's history that `newest` begins, back to but without the last
  // one `state` holds. How many there were.
  Expected<std::size_t> catch_up(EntityState& state, EntityKind kind, eventlog::Address newest,
                                 std::optional<eventlog::Address> not_after) const;
  void restore(EntityState& state, EntityKind kind, const Event& event, std::string_view key);

  Table<SnapshotEntry> snapshots_;
  Table<SnapshotEntry> states_;  // in memory only
};

}  // namespace vigil::projections
