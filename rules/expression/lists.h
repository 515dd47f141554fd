// Named lists of texts (blocked customers, trusted merchants …), a fold of ListUpdated.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "eventlog/schema/events.h"

namespace vigil::rules {

// Not thread-safe: belongs to the state it is folded with. A list nobody ever updated is empty.
class Lists {
 public:
  void apply(const eventlog::ListUpdated& event);
  bool contains(std::string_view list, std::string_view text) const;
  // All lists, ordered by name; entries ordered.
  const std::map<std::string, std::set<std::string, std::less<>>, std::less<>>& all() const { return lists_; }

 private:
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> lists_;
};

}  // namespace vigil::rules
