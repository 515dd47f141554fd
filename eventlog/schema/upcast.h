// How events of older versions become today's. Every change of meaning there ever was stands here, in one place.
//
// A field that is added, with a default that keeps the old meaning, needs nothing: Cap'n Proto gives that default when
// an older record is read. What it cannot do is a change of meaning: another unit, one field become two. For that the
// old field stays in events.capnp, and kUpcasts gets a step for the event, which raises its version by one.
//
// Only included by the codecs of this folder.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "eventlog/schema/events.h"

namespace vigil::eventlog {

// `event` was read from `in` as records of the next version are; a step sets right what those of its own version said
// differently. It is total, and reads nothing but its arguments: replay must give the same event every time.
template <class WireEvent, class Event>
using Upcast = void (*)(typename WireEvent::Reader in, Event& event);

// The steps of an event, oldest first: the first leads from version 1 to 2. Specialise it for an event whose meaning
// changes, and never remove a step.
template <class WireEvent, class Event>
inline constexpr std::array<Upcast<WireEvent, Event>, 0> kUpcasts{};

// Versions begin at 1, and the newest is what we write.
template <class Steps>
constexpr std::uint16_t newest_version(const Steps& steps) {
  return static_cast<std::uint16_t>(1 + steps.size());
}

// Errors: unsupported_version (names event, version and what to do), damaged for version 0, which no Vigil writes.
Expected<void> check_version(const Record& record, EventType type, std::uint16_t newest);

// What every refusal of a record begins with: its position and offset.
Error damaged_record(const Record& record, const std::string& reason);

// Carries an event of `version` over to the newest one.
template <class WireEvent, class Event>
void upcast(std::uint16_t version, typename WireEvent::Reader in, Event& event,
            std::span<const Upcast<WireEvent, Event>> steps) {
  for (std::size_t step = version - 1u; step < steps.size(); ++step) steps[step](in, event);
}

}  // namespace vigil::eventlog
