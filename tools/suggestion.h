// "Did you mean": the known word nearest to a mistyped one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vigil::tools {

// The word with the fewest edits (insert, remove, replace, swap neighbours) from `typed`; nothing when even
// that one needs more than half of the typed word's letters. Ties go to the earlier word.
std::optional<std::string> nearest_word(std::string_view typed, std::span<const std::string> words);

}  // namespace vigil::tools
