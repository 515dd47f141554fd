#include "projections/table.h"

#include <xxhash.h>

#include <cstring>

namespace vigil::projections {

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

std::string_view KeyArena::copy(std::string_view key) {
  if (used_ + key.size() > kBlockBytes) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    used_ = 0;
  }
  char* begin = blocks_.back().get() + used_;
  if (!key.empty()) std::memcpy(begin, key.data(), key.size());
  used_ += key.size();
  return {begin, key.size()};
}

void KeyArena::clear() {
  blocks_.clear();
  used_ = kBlockBytes;
}

bool Loader::begin() {
  if (view_) return true;
  auto view = store_->read();
  if (!view) {
    fail(view.error());
    return false;
  }
  view_ = std::move(*view);
  return true;
}

std::optional<std::string_view> Loader::get_stored(Database database, std::string_view key) {
  if (!begin()) return std::nullopt;
  auto found = view_.get(database, key);
  if (found) return *found;
  fail(found.error());
  return std::nullopt;
}

std::optional<std::pair<std::string_view, std::string_view>> Loader::at_or_before(Database database,
                                                                                  std::string_view key) {
  if (empty_ || !begin()) return std::nullopt;
  auto found = view_.at_or_before(database, key);
  if (found) return *found;
  fail(found.error());
  return std::nullopt;
}

Error Loader::bad_value(std::string_view key) {
  return {eventlog::ErrorKind::damaged, "a read model's value under a key of " + std::to_string(key.size()) +
                                            " bytes cannot be read; `vigil rebuild` makes it anew"};
}

}  // namespace vigil::projections
