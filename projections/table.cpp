#include "projections/table.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

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

char* ChangeImage::room(std::string_view key, std::size_t bytes_max) {
  const std::size_t wanted = sizeof(Head) + key.size() + bytes_max;
  while (block_ < blocks_.size() && used_ + wanted > blocks_[block_].bytes) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t bytes = std::max(kBlockBytes, wanted);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
  }
  char* begin = blocks_[block_].memory.get() + used_;
  head_ = new (begin) Head{static_cast<std::uint32_t>(key.size()), 0};
  if (!key.empty()) std::memcpy(begin + sizeof(Head), key.data(), key.size());
  return begin + sizeof(Head) + key.size();
}

void ChangeImage::add(std::size_t bytes) {
  head_->value_bytes = static_cast<std::uint32_t>(bytes);
  const std::string_view key = head_->key();
  used_ += (sizeof(Head) + key.size() + bytes + alignof(Head) - 1) & ~(alignof(Head) - 1);
  std::array<std::uint64_t, 2> first{};
  if (!key.empty()) std::memcpy(first.data(), key.data(), std::min(key.size(), sizeof first));
  order_.push_back({__builtin_bswap64(first[0]), __builtin_bswap64(first[1]), head_});
}

void ChangeImage::sort() {
  std::sort(order_.begin(), order_.end(), [](const Place& a, const Place& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return a.head->key() < b.head->key();
  });
}

void ChangeImage::clear() {
  order_.clear();
  std::erase_if(blocks_, [](const Block& block) { return block.bytes != kBlockBytes; });
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  block_ = used_ = 0;
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
