// The one look-up from a word to the enumerator it stands for.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace vigil::eventlog {

// `names` are those of the enumerators 0, 1, 2 …
template <class Enum, std::size_t N>
constexpr std::optional<Enum> find_enumerator(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace vigil::eventlog
