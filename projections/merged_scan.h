// An ordered scan over a store and the newer values in memory that lie over it.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "projections/loader.h"
#include "projections/store.h"

namespace vigil::projections {

// Visits the entries of both with from <= key, ascending, until `visit(key, value)` returns false; where both have a
// key, the overlay's value counts. `overlay` has no key before `from`. V as Table wants it.
template <class V, class Visit>
Expected<void> scan_merged(const ReadTransaction& view, Database database, std::string_view from,
                           const std::map<std::string_view, const V*>& overlay, Visit visit) {
  auto next = overlay.begin();
  bool more = true;
  std::optional<Error> bad;
  auto scanned = view.scan(database, from, [&](std::string_view key, std::string_view bytes) {
    for (; more && next != overlay.end() && next->first < key; ++next) more = visit(next->first, *next->second);
    if (!more) return false;
    if (next != overlay.end() && next->first == key) return true;  // visited from the overlay, next time round
    V value{};
    if (!value.load(bytes)) bad = Loader::bad_value(key);
    return more = !bad && visit(key, static_cast<const V&>(value));
  });
  if (!scanned) return scanned;
  if (bad) return std::unexpected(*bad);
  for (; more && next != overlay.end(); ++next) more = visit(next->first, *next->second);
  return {};
}

}  // namespace vigil::projections
