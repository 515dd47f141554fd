// Names in messages: quoted, and "did you mean …?" for the known name nearest to an unknown one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vigil::rules {

// 'WORD'
std::string in_quotes(std::string_view word);

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, ASCII case ignored
// (optimal string alignment distance).
std::size_t edit_distance(std::string_view a, std::string_view b);

// "; did you mean 'NAME'?" for the nearest candidate (the first of equals), or "" when none is near: at most
// a third of the longer name may differ.
std::string did_you_mean(std::string_view unknown, std::span<const std::string_view> candidates);

}  // namespace vigil::rules
