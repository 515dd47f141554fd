// The entries of all lists in one flat table, for the look-ups decisions make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::rules {

// A set of (list, text) pairs. Owns no texts: lists and texts must outlive their entries. 32 bytes a place at a
// load of at most 1/2, so that what is in no list, nearly everything, costs one cache line. Not thread-safe;
// never iterated.
class TextIndex {
 public:
  // The pair must not be there yet.
  void insert(const std::string& list, std::string_view text);
  // The pair must be there.
  void erase(std::string_view list, std::string_view text);
  bool contains(std::string_view list, std::string_view text) const;
  bool empty() const { return used_ == 0; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    const std::string* list = nullptr;  // nullptr: free
    std::string_view text;
  };

  std::size_t mask() const { return entries_.size() - 1; }
  // Where the pair is, or the free place where it would be. Requires a free place.
  std::size_t place_of(std::uint64_t hash, std::string_view list, std::string_view text) const;
  void grow();

  std::vector<Entry> entries_;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace vigil::rules
