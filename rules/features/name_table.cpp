#include "rules/features/name_table.h"

#include <xxhash.h>
#include <bit>
#include <cstring>

#include "eventlog/storage/invariant.h"

namespace vigil::rules {
namespace {

constexpr std::size_t kSlotsAtFirst = 1024;
constexpr std::size_t kNamesMax = std::size_t{1} << 31;
// Old slots moved per insertion. A table is half full when it is replaced by one twice as large, so two would
// be enough to finish before the next replacement.
constexpr std::size_t kShare = 8;

// Also the position in tables of up to 2^32 slots, so that growing needs no text.
std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

}  // namespace

NameTable::NameTable() : slots_(kSlotsAtFirst), mask_(kSlotsAtFirst - 1) {}

std::uint64_t NameTable::hash(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

std::string_view NameTable::text(std::uint32_t number) const {
  const Cell& kept = cell(number);
  if (kept.length <= Cell::kInline) return {kept.bytes, kept.length};
  const char* text = nullptr;
  std::memcpy(&text, kept.bytes, sizeof(text));
  return {text, kept.length};
}

std::optional<std::uint32_t> NameTable::find_in(const std::vector<Slot>& slots, std::uint64_t hash,
                                                std::string_view text) const {
  const std::uint64_t mask = slots.size() - 1;
  for (std::uint64_t i = hash & mask; slots[i].number != 0; i = (i + 1) & mask) {
    if (slots[i].tag == tag_of(hash) && this->text(slots[i].number - 1) == text) return slots[i].number - 1;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> NameTable::find(std::uint64_t hash, std::string_view text) const {
  const auto found = find_in(slots_, hash, text);
  if (found || old_slots_.empty()) return found;
  return find_in(old_slots_, hash, text);
}

std::optional<std::uint32_t> NameTable::guess(std::uint64_t hash) const {
  for (std::uint64_t i = hash & mask_; slots_[i].number != 0; i = (i + 1) & mask_) {
    if (slots_[i].tag == tag_of(hash)) return slots_[i].number - 1;
  }
  return std::nullopt;
}

void NameTable::place(std::vector<Slot>& slots, Slot slot) {
  const std::uint64_t mask = slots.size() - 1;
  std::uint64_t i = slot.tag & mask;
  while (slots[i].number != 0) i = (i + 1) & mask;
  slots[i] = slot;
}

void NameTable::grow() {
  eventlog::invariant(old_slots_.empty(), "a name table is moved before it grows again");
  old_slots_ = std::move(slots_);
  slots_ = std::vector<Slot>(old_slots_.size() * 2);
  mask_ = slots_.size() - 1;
  moved_ = 0;
}

void NameTable::move_share() {
  for (std::size_t i = 0; i < kShare && moved_ < old_slots_.size(); ++i, ++moved_) {
    const Slot slot = old_slots_[moved_];
    if (slot.number != 0) place(slots_, slot);
  }
  if (moved_ == old_slots_.size()) old_slots_ = {};
}

std::uint32_t NameTable::insert(std::uint64_t hash, std::string_view text) {
  eventlog::invariant(size_ < kNamesMax, "names are numbered in 31 bits");
  if (!old_slots_.empty()) move_share();
  if (size_ * 2 >= slots_.size()) grow();
  keep_text(text);
  ++size_;
  place(slots_, Slot{tag_of(hash), static_cast<std::uint32_t>(size_)});
  return static_cast<std::uint32_t>(size_ - 1);
}

void NameTable::reserve(std::size_t texts) {
  const std::size_t slots = std::bit_ceil(2 * texts + 2);
  if (size_ != 0 || slots <= slots_.size()) return;
  slots_ = std::vector<Slot>(slots);
  mask_ = slots - 1;
}

std::uint32_t NameTable::intern(std::string_view text) {
  const std::uint64_t key = hash(text);
  const auto found = find(key, text);
  return found ? *found : insert(key, text);
}

void NameTable::keep_text(std::string_view text) {
  eventlog::invariant(text.size() <= 255, "interned texts have at most 255 bytes");
  if (size_ % kCellsPerSlab == 0) cells_.push_back(std::make_unique<Cell[]>(kCellsPerSlab));
  Cell& kept = cells_.back()[size_ % kCellsPerSlab];
  kept.length = static_cast<std::uint8_t>(text.size());
  if (text.size() <= Cell::kInline) {
    std::memcpy(kept.bytes, text.data(), text.size());
    return;
  }
  long_texts_.push_back(std::make_unique_for_overwrite<char[]>(text.size()));
  long_bytes_ += text.size();
  const char* copy = long_texts_.back().get();
  std::memcpy(long_texts_.back().get(), text.data(), text.size());
  std::memcpy(kept.bytes, &copy, sizeof(copy));
}

std::uint32_t NameTable::save(std::uint32_t first, std::size_t bytes, eventlog::Piece& piece) const {
  const std::size_t begin = piece.size();
  for (; first < size_ && piece.size() - begin < bytes; ++first) piece.put_text(text(first));
  return first;
}

bool NameTable::restore(eventlog::ValueReader& piece) {
  while (!piece.is_short() && !piece.ok()) {
    const std::string_view name = piece.take_text();
    if (!piece.is_short() && intern(name) != size_ - 1) return false;
  }
  return piece.ok();
}

std::uint64_t NameTable::bytes() const {
  return (slots_.size() + old_slots_.size()) * sizeof(Slot) + cells_.size() * kCellsPerSlab * sizeof(Cell) +
         long_bytes_ + long_texts_.capacity() * sizeof(long_texts_[0]);
}

}  // namespace vigil::rules
