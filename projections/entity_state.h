// The fold every model of entities shares, and its stored form.
#pragma once

#include "projections/answers.h"
#include "projections/event.h"
#include "projections/stored_value.h"

namespace vigil::projections {

// Folds an event that concerns the entity.
void fold(EntityState& state, const Event& event);

// Stored: never change without raising the schema version of the models that use it.
inline constexpr std::size_t kEntityStateBytes = 128;
void store(ValueWriter& out, const EntityState& state);
EntityState take_entity_state(ValueReader& in);

}  // namespace vigil::projections
