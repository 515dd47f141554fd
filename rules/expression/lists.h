// Named lists of texts (blocked customers, trusted merchants …), a fold of ListUpdated.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "eventlog/schema/events.h"

namespace vigil::rules {

// Not thread-safe: belongs to the state it is folded with. A list nobody ever updated is empty.
class Lists {
 public:
  Lists() = default;
  Lists(const Lists& other);
  Lists& operator=(const Lists& other);
  Lists(Lists&&) noexcept = default;
  Lists& operator=(Lists&&) noexcept = default;
  ~Lists() = default;

  // Removes, then adds: a text that one event both removes and adds is in the list afterwards.
  void apply(const eventlog::ListUpdated& event);
  bool contains(std::string_view list, std::string_view text) const;
  // Whether no list has an entry.
  bool empty() const { return index_.empty(); }
  // All lists, ordered by name; entries ordered.
  const std::map<std::string, std::set<std::string, std::less<>>, std::less<>>& all() const { return lists_; }

 private:
  void index_all();

  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> lists_;
  // The same entries for contains(), which decisions call several times each. Views into the nodes of
  // lists_, which keep their place when the container grows or moves. Never iterated. Empty lists have none.
  std::unordered_map<std::string_view, std::unordered_set<std::string_view>> index_;
};

}  // namespace vigil::rules
