// Named lists of texts (blocked customers, trusted merchants …), a fold of ListUpdated.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "eventlog/schema/events.h"
#include "eventlog/storage/image_file.h"
#include "eventlog/storage/value_bytes.h"
#include "rules/expression/text_index.h"

namespace vigil::rules {

// Not thread-safe: belongs to the state it is folded with. A list nobody ever updated is empty.
class Lists {
 public:
  Lists() = default;
  Lists(const Lists& other);
  Lists& operator=(const Lists& other);
  Lists(Lists&& other) noexcept { *this = std::move(other); }
  Lists& operator=(Lists&& other) noexcept;
  ~Lists() = default;

  // Removes, then adds: a text that one event both removes and adds is in the list afterwards.
  void apply(const eventlog::ListUpdated& event);
  bool contains(std::string_view list, std::string_view text) const { return index_.contains(list, text); }
  // Whether no list has an entry.
  bool empty() const { return index_.empty(); }
  // All lists, ordered by name; entries ordered.
  const std::map<std::string, std::set<std::string, std::less<>>, std::less<>>& all() const { return lists_; }

  // Where save() goes on.
  struct SavedUpTo {
    std::string list;
    std::optional<std::string> text;  // the newest of that list's; none yet
  };
  // Appends the entries behind `saved` to `piece`, until it has grown by `bytes`; false when none is left behind them.
  bool save(SavedUpTo& saved, std::size_t bytes, eventlog::Piece& piece) const;
  // Adds what a piece holds. False when it is none.
  bool restore(eventlog::ValueReader& piece);

 private:
  void index_all();

  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> lists_;
  // The same entries for contains(), which decisions call several times each. It points into the nodes of
  // lists_, which keep their place when the container grows or moves.
  TextIndex index_;
};

}  // namespace vigil::rules
