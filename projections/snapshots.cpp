#include "projections/snapshots.h"

#include "eventlog/storage/history_walk.h"

namespace vigil::projections {
namespace {

constexpr std::size_t kEntityKeyBytesMax = 2 + eventlog::kIdBytesMax;

// Kind, length and id: no entity's key is the beginning of another's.
std::string_view entity_key(std::array<char, kEntityKeyBytesMax>& buffer, EntityKind kind, std::string_view id) {
  ValueWriter writer(buffer.data());
  writer.put(static_cast<std::uint8_t>(kind)).put_text(id);
  return {buffer.data(), writer.bytes()};
}

std::string snapshot_key(std::string_view entity, std::uint64_t position) {
  std::string key(entity);
  append_be64(key, position);
  return key;
}

using KeyAndValue = std::optional<std::pair<std::string_view, std::string_view>>;

// The entity's snapshot in what at_or_before() found; false when its value is not readable.
bool load_snapshot(const KeyAndValue& found, std::string_view entity, EntityState& state) {
  if (!found || !found->first.starts_with(entity)) return true;
  SnapshotEntry entry;
  if (!entry.load(found->second)) return false;
  state = entry.state;
  return true;
}

}  // namespace

std::size_t SnapshotEntry::store(char* out) const {
  ValueWriter writer(out);
  projections::store(writer, state);
  return writer.bytes();
}

bool SnapshotEntry::load(std::string_view bytes) {
  ValueReader in(bytes);
  state = take_entity_state(in);
  return in.ok();
}

SnapshotsModel::SnapshotsModel(const eventlog::LogSource* log)
    : Projection(log), snapshots_(&loader_, 0), states_(nullptr, 0) {
  own(snapshots_);
}

Expected<std::size_t> SnapshotsModel::catch_up(EntityState& state, EntityKind kind, eventlog::Address newest,
                                               std::optional<eventlog::Address> not_after) const {
  eventlog::HistoryWalk walk(*log_, newest, static_cast<std::size_t>(kind));
  if (not_after) {
    if (auto sought = walk.seek(*not_after); !sought) return std::unexpected(sought.error());
  }
  std::vector<eventlog::Address> places;  // newest first; events of an archived log are not held many at once
  for (;;) {
    auto record = walk.next();
    if (!record) return std::unexpected(record.error());
    if (!*record || (*record)->position <= state.newest) break;
    places.push_back((*record)->address);
  }
  EventReader reader(*log_);
  for (std::size_t i = places.size(); i-- > 0;) {
    auto record = log_->at(places[i]);
    if (!record) return std::unexpected(record.error());
    auto event = reader.read_alone(*record);
    if (!event) return std::unexpected(event.error());
    fold(state, **event);
  }
  return places.size();
}

void SnapshotsModel::restore(EntityState& state, EntityKind kind, const Event& event, std::string_view key) {
  const auto& links = event.record->links;
  const std::size_t slot = static_cast<std::size_t>(kind);
  if (slot >= links.size() || links[slot].previous == eventlog::Address{}) return;
  const KeyAndValue found = loader_.at_or_before(0, snapshot_key(key, event.position().value()));
  if (!load_snapshot(found, key, state)) return loader_.fail(Loader::bad_value(key));
  if (auto caught = catch_up(state, kind, links[slot].previous, std::nullopt); !caught) {
    loader_.fail(caught.error());
  }
}

void SnapshotsModel::apply_to(EntityKind kind, const Event& event) {
  std::array<char, kEntityKeyBytesMax> buffer;
  const std::string_view key = entity_key(buffer, kind, event.id(kind));
  auto& entry = states_.at(key, combine(event.hash(kind), static_cast<std::uint64_t>(kind)));
  EntityState& state = entry.value.state;
  if (!entry.exists) {
    entry.exists = true;
    restore(state, kind, event, key);
  }
  fold(state, event);
  if (state.events % kSnapshotEvery != 0) return;
  const std::string full = snapshot_key(key, event.position().value());
  snapshots_.change(full, hash_of(full)).state = state;
}

void SnapshotsModel::apply(const Event& event) {
  for (std::size_t i = 0; i < eventlog::kEntityKinds; ++i) {
    const auto kind = static_cast<EntityKind>(i);
    if (!event.id(kind).empty()) apply_to(kind, event);
  }
}

void SnapshotsModel::prefetch(const Event& event) const {
  for (std::size_t i = 0; i < eventlog::kEntityKinds; ++i) {
    if (!event.entity[i].empty()) states_.prefetch(combine(event.entity_hash[i], i));
  }
}

void SnapshotsModel::prefetch_entries(const Event& event) const {
  for (std::size_t i = 0; i < eventlog::kEntityKinds; ++i) {
    if (!event.entity[i].empty()) states_.prefetch_entry(combine(event.entity_hash[i], i));
  }
}

void SnapshotsModel::drop() {
  states_.clear();
  Projection::drop();
}

Expected<std::optional<StateAsOf>> SnapshotsModel::state_as_of(const ReadTransaction& view, EntityKind kind,
                                                               std::string_view id, Position newest,
                                                               Position position) const {
  std::array<char, kEntityKeyBytesMax> buffer;
  const std::string_view key = entity_key(buffer, kind, id);
  auto found = view.at_or_before(0, snapshot_key(key, position.value()));
  if (!found) return std::unexpected(found.error());
  StateAsOf answer;
  answer.as_of = position;
  if (!load_snapshot(*found, key, answer.state)) return std::unexpected(Loader::bad_value(key));
  auto head = log_->at(newest);
  if (!head) return std::unexpected(head.error());
  auto there = log_->at(position);
  if (!there) return std::unexpected(there.error());
  auto folded = catch_up(answer.state, kind, head->address, there->address);
  if (!folded) return std::unexpected(folded.error());
  answer.events_folded = *folded;
  if (answer.state.events == 0) return std::optional<StateAsOf>{};
  return std::optional{answer};
}

}  // namespace vigil::projections
