#include "rules/expression/lists.h"

namespace vigil::rules {

Lists::Lists(const Lists& other) : lists_(other.lists_) { index_all(); }

Lists& Lists::operator=(const Lists& other) {
  if (this == &other) return *this;
  index_ = TextIndex{};  // before the texts it points to go
  lists_ = other.lists_;
  index_all();
  return *this;
}

Lists& Lists::operator=(Lists&& other) noexcept {
  if (this == &other) return *this;
  index_ = std::exchange(other.index_, TextIndex{});
  lists_ = std::exchange(other.lists_, {});
  return *this;
}

void Lists::index_all() {
  for (const auto& [name, entries] : lists_) {
    for (const std::string& entry : entries) index_.insert(name, entry);
  }
}

void Lists::apply(const eventlog::ListUpdated& event) {
  auto& [name, entries] = *lists_.try_emplace(std::string(event.list)).first;
  for (std::string_view text : event.removed) {
    const auto entry = entries.find(text);
    if (entry == entries.end()) continue;
    index_.erase(name, *entry);  // before the text it points to goes
    entries.erase(entry);
  }
  for (std::string_view text : event.added) {
    const auto [entry, added] = entries.emplace(text);
    if (added) index_.insert(name, *entry);
  }
}

bool Lists::save(SavedUpTo& saved, std::size_t bytes, eventlog::Piece& piece) const {
  const std::size_t begin = piece.size();
  for (auto list = lists_.lower_bound(saved.list); list != lists_.end(); ++list) {
    const auto& [name, entries] = *list;
    if (saved.list != name) saved = {name, {}};
    for (auto entry = saved.text ? entries.upper_bound(*saved.text) : entries.begin(); entry != entries.end();
         ++entry) {
      if (piece.size() - begin >= bytes) return true;
      piece.put_text(name).put(static_cast<std::uint32_t>(entry->size()));
      piece.put_bytes(std::as_bytes(std::span(*entry)));
      saved.text = *entry;
    }
  }
  return false;
}

bool Lists::restore(eventlog::ValueReader& piece) {
  while (!piece.is_short() && !piece.ok()) {
    const std::string_view list = piece.take_text();
    const std::string_view text = piece.take_bytes(piece.take<std::uint32_t>());
    if (!piece.is_short()) apply({list, {text}, {}});
  }
  return piece.ok();
}

}  // namespace vigil::rules
