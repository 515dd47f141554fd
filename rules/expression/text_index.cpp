#include "rules/expression/text_index.h"

#include <xxhash.h>

#include <algorithm>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

constexpr std::size_t kPlacesMin = 16;

std::uint64_t pair_hash(std::string_view list, std::string_view text) {
  return XXH3_64bits_withSeed(text.data(), text.size(), XXH3_64bits(list.data(), list.size()));
}

}  // namespace

std::size_t TextIndex::place_of(std::uint64_t hash, std::string_view list, std::string_view text) const {
  std::size_t place = hash & mask();
  while (true) {
    const Entry& entry = entries_[place];
    const bool same = entry.hash == hash && entry.list != nullptr && entry.text == text && *entry.list == list;
    if (same || entry.list == nullptr) return place;
    place = (place + 1) & mask();
  }
}

void TextIndex::grow() {
  const std::vector<Entry> old = std::move(entries_);
  entries_.assign(std::max(kPlacesMin, old.size() * 2), Entry{});
  for (const Entry& entry : old) {
    if (entry.list != nullptr) entries_[place_of(entry.hash, *entry.list, entry.text)] = entry;
  }
}

void TextIndex::insert(const std::string& list, std::string_view text) {
  if ((used_ + 1) * 2 > entries_.size()) grow();
  const std::uint64_t hash = pair_hash(list, text);
  Entry& entry = entries_[place_of(hash, list, text)];
  eventlog::invariant(entry.list == nullptr, "a list holds a text once");
  entry = {hash, &list, text};
  ++used_;
}

void TextIndex::erase(std::string_view list, std::string_view text) {
  eventlog::invariant(used_ > 0, "what is erased is there");
  std::size_t place = place_of(pair_hash(list, text), list, text);
  eventlog::invariant(entries_[place].list != nullptr, "what is erased is there");
  // Closes the gap by moving back every later entry of the run that may stand here (Knuth, TAOCP 6.4, R).
  for (std::size_t next = (place + 1) & mask(); entries_[next].list != nullptr; next = (next + 1) & mask()) {
    const std::size_t home = entries_[next].hash & mask();
    if (((next - home) & mask()) < ((next - place) & mask())) continue;
    entries_[place] = entries_[next];
    place = next;
  }
  entries_[place] = Entry{};
  --used_;
}

bool TextIndex::contains(std::string_view list, std::string_view text) const {
  return used_ > 0 && entries_[place_of(pair_hash(list, text), list, text)].list != nullptr;
}

}  // namespace vigil::rules
