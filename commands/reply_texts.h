// Holds what the replies of one submit() point to.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "commands/command.h"
#include "commands/engine.h"

namespace vigil::commands {

// Rule indexes are kept in one growing buffer, so a reply first remembers a range of it and gets its span when
// all replies of the batch are there. Not thread-safe.
class ReplyTexts {
 public:
  void clear();
  // Remembers `matched` for the reply being recorded.
  void keep_matched(std::span<const std::uint16_t> matched);
  // Keeps reasons until clear().
  std::span<const Reason> keep(std::vector<Reason> reasons);
  // Closes the reply just recorded; resolve() then fills in the spans of all closed replies.
  void close_reply();
  void resolve(std::vector<Reply>& replies) const;

 private:
  std::vector<std::uint16_t> matched_;
  std::vector<std::size_t> ends_;  // end of each reply's range in matched_
  std::deque<std::vector<Reason>> reasons_;
};

}  // namespace vigil::commands
