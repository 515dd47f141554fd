// The two ways to name a place in the log, and the two clocks events carry.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace vigil::eventlog {

// A number with a meaning: explicit in, explicit out, never mixed up with another.
template <class Tag, class Rep>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(Strong, Strong) = default;

 private:
  Rep value_{};
};

// The dense number of an event: 1, 2, 3 … over the whole log. 0 is "before the first event".
using Position = Strong<struct PositionTag, std::uint64_t>;

// The byte offset of an event's record in the whole log; it never changes. 0 is "none" (offset 0 is
// always a segment header).
using Address = Strong<struct AddressTag, std::uint64_t>;

// When the log took an event: microseconds since 1970-01-01 UTC, never decreasing along the log.
using IngestTime = Strong<struct IngestTimeTag, std::int64_t>;

// When something happened at its source: microseconds since 1970-01-01 UTC.
using EventTime = Strong<struct EventTimeTag, std::int64_t>;

constexpr Position next(Position position) { return Position{position.value() + 1}; }

}  // namespace vigil::eventlog

template <class Tag, class Rep>
struct std::hash<vigil::eventlog::Strong<Tag, Rep>> {
  std::size_t operator()(vigil::eventlog::Strong<Tag, Rep> id) const { return std::hash<Rep>{}(id.value()); }
};
