// Texts and their dense numbers: exact interning for ids, categories and channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "eventlog/storage/image_file.h"
#include "eventlog/storage/value_bytes.h"

namespace vigil::rules {

// Numbers texts 0, 1, 2 … in the order they come. An open-addressing table keyed by XXH3-64 and confirmed by
// the text itself. Not thread-safe; texts keep their place for the table's life. Texts have at most 255
// bytes.
//
// Growth is spread out: a larger table takes the place of a full one at once, and the old one is searched
// beside it until every insertion has moved its share. Nothing is ever removed.
class NameTable {
 public:
  NameTable();

  static std::uint64_t hash(std::string_view text);

  std::optional<std::uint32_t> find(std::uint64_t hash, std::string_view text) const;
  // `text` must not be in the table.
  std::uint32_t insert(std::uint64_t hash, std::string_view text);
  std::uint32_t intern(std::string_view text);
  // An empty table grows at once to what so many texts need.
  void reserve(std::size_t texts);

  // Appends the texts from number `first` on to `piece`, until it has grown by `bytes`. Returns the number that is
  // next.
  std::uint32_t save(std::uint32_t first, std::size_t bytes, eventlog::Piece& piece) const;
  // Adds the texts of a piece, whose first number must be size(). False when it is none such.
  bool restore(eventlog::ValueReader& piece);

  std::string_view text(std::uint32_t number) const;
  std::size_t size() const { return size_; }
  std::uint64_t bytes() const;

  // For prefetching in steps: where the search begins; the number found there if its hash fits (a guess that
  // no text confirmed), and where that number's text is kept.
  const void* slot_address(std::uint64_t hash) const { return &slots_[hash & mask_]; }
  std::optional<std::uint32_t> guess(std::uint64_t hash) const;
  const void* cell_address(std::uint32_t number) const { return &cell(number); }

 private:
  struct Slot {
    std::uint32_t tag = 0;     // lower half of the hash
    std::uint32_t number = 0;  // plus one; 0: empty
  };
  // Short texts in place, long ones behind a pointer.
  struct Cell {
    static constexpr std::size_t kInline = 23;
    char bytes[kInline];
    std::uint8_t length;
  };
  static_assert(sizeof(Cell) == 24);
  static constexpr std::size_t kCellsPerSlab = 2048;

  const Cell& cell(std::uint32_t number) const { return cells_[number / kCellsPerSlab][number % kCellsPerSlab]; }
  std::optional<std::uint32_t> find_in(const std::vector<Slot>& slots, std::uint64_t hash, std::string_view text) const;
  static void place(std::vector<Slot>& slots, Slot slot);
  void grow();
  void move_share();
  void keep_text(std::string_view text);

  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
  std::vector<Slot> old_slots_;  // searched until all were moved
  std::size_t moved_ = 0;
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<Cell[]>> cells_;
  std::vector<std::unique_ptr<char[]>> long_texts_;
  std::uint64_t long_bytes_ = 0;
};

}  // namespace vigil::rules
