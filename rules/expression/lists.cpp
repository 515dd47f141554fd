#include "rules/expression/lists.h"

namespace vigil::rules {

Lists::Lists(const Lists& other) : lists_(other.lists_) { index_all(); }

Lists& Lists::operator=(const Lists& other) {
  if (this == &other) return *this;
  index_.clear();
  lists_ = other.lists_;
  index_all();
  return *this;
}

void Lists::index_all() {
  for (const auto& [name, entries] : lists_) {
    if (!entries.empty()) index_[name].insert(entries.begin(), entries.end());
  }
}

void Lists::apply(const eventlog::ListUpdated& event) {
  const auto list = lists_.try_emplace(std::string(event.list)).first;
  auto& entries = list->second;
  auto& indexed = index_[list->first];
  for (std::string_view text : event.removed) {
    const auto entry = entries.find(text);
    if (entry == entries.end()) continue;
    indexed.erase(*entry);  // before the text it points to goes
    entries.erase(entry);
  }
  for (std::string_view text : event.added) {
    const auto [entry, added] = entries.emplace(text);
    if (added) indexed.insert(*entry);
  }
  if (indexed.empty()) index_.erase(list->first);
}

bool Lists::contains(std::string_view list, std::string_view text) const {
  if (index_.empty()) return false;
  const auto found = index_.find(list);
  return found != index_.end() && found->second.contains(text);
}

}  // namespace vigil::rules
