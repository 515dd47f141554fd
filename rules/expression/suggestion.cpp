#include "rules/expression/suggestion.h"

#include <algorithm>
#include <vector>

namespace vigil::rules {
namespace {

// Longer words are no slips of the pen, and the distance costs the product of the lengths.
constexpr std::size_t kSuggestionBytesMax = 128;

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string in_quotes(std::string_view word) { return "'" + std::string(word) + "'"; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string did_you_mean(std::string_view unknown, std::span<const std::string_view> candidates) {
  if (unknown.size() > kSuggestionBytesMax) return "";
  std::string_view nearest;
  std::size_t nearest_distance = 0;
  for (std::string_view candidate : candidates) {
    if (candidate.size() > kSuggestionBytesMax) continue;
    const std::size_t distance = edit_distance(unknown, candidate);
    const std::size_t allowed = std::max<std::size_t>(1, std::max(unknown.size(), candidate.size()) / 3);
    if (distance > allowed || distance >= candidate.size()) continue;
    if (!nearest.empty() && distance >= nearest_distance) continue;
    nearest = candidate;
    nearest_distance = distance;
  }
  return nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
}

}  // namespace vigil::rules
