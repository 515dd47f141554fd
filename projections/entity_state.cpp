#include "projections/entity_state.h"

namespace vigil::projections {

void fold(EntityState& state, const Event& event) {
  ++state.events;
  state.newest = event.position();
  if (event.decided != nullptr) {
    state.lifetime.apply(*event.decided);
    if (event.decided->outcome == eventlog::Outcome::review) ++state.reviewed;
  } else if (event.label != nullptr) {
    state.lifetime.apply(*event.label);
    const bool was_genuine = event.label->corrects && !is_fraud(event.label->corrected_kind);
    if (!is_fraud(event.label->kind) && !was_genuine) ++state.genuine;
    if (is_fraud(event.label->kind) && was_genuine && state.genuine > 0) --state.genuine;
  } else if (event.alert != nullptr) {
    ++state.alerts;
  }
}

void store(ValueWriter& out, const EntityState& state) {
  const rules::Lifetime& life = state.lifetime;
  const eventlog::Place place = life.last_place.value_or(eventlog::Place{});
  out.put(life.transactions).put(life.declined).put(life.frauds).put(life.amount_sum_minor);
  out.put(static_cast<std::uint64_t>(life.amount_square_sum));
  out.put(static_cast<std::uint64_t>(life.amount_square_sum >> 64));
  out.put(life.first_seen.value()).put(life.last_seen.value());
  out.put(life.last_place_time.value()).put(place.latitude_e7).put(place.longitude_e7);
  out.put(static_cast<std::uint64_t>(life.last_place.has_value()));
  out.put(state.reviewed).put(state.genuine).put(state.alerts).put(state.events).put(state.newest.value());
}

EntityState take_entity_state(ValueReader& in) {
  EntityState state;
  rules::Lifetime& life = state.lifetime;
  life.transactions = in.take<std::uint64_t>();
  life.declined = in.take<std::uint64_t>();
  life.frauds = in.take<std::uint64_t>();
  life.amount_sum_minor = in.take<std::int64_t>();
  life.amount_square_sum = in.take<std::uint64_t>();
  life.amount_square_sum |= static_cast<unsigned __int128>(in.take<std::uint64_t>()) << 64;
  life.first_seen = eventlog::EventTime{in.take<std::int64_t>()};
  life.last_seen = eventlog::EventTime{in.take<std::int64_t>()};
  life.last_place_time = eventlog::EventTime{in.take<std::int64_t>()};
  const auto latitude = in.take<std::int32_t>();
  const auto longitude = in.take<std::int32_t>();
  if (in.take<std::uint64_t>() != 0) life.last_place = eventlog::Place{latitude, longitude};
  state.reviewed = in.take<std::uint64_t>();
  state.genuine = in.take<std::uint64_t>();
  state.alerts = in.take<std::uint64_t>();
  state.events = in.take<std::uint64_t>();
  state.newest = Position{in.take<std::uint64_t>()};
  return state;
}

}  // namespace vigil::projections
