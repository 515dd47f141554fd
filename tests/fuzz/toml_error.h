// What a refusal of a TOML text must look like.
#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "eventlog/storage/error.h"
#include "tests/fuzz/target.h"

namespace vigil::fuzz {

// "FILE:LINE:COLUMN: reason", with a line that the text has.
inline void check_toml_error(const eventlog::Error& error, std::string_view text, std::string_view file) {
  require(error.kind == eventlog::ErrorKind::invalid, "a text that is refused is invalid");
  std::string_view rest = error.text;
  require(rest.starts_with(file), "a refusal names the file");
  rest.remove_prefix(file.size());
  if (!rest.starts_with(":")) return;
  if (rest.starts_with(": ")) return;  // about the text as a whole
  std::size_t numbers[2] = {};
  for (std::size_t& number : numbers) {
    require(rest.starts_with(":"), "a refusal has line and column");
    const auto [end, error_code] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), number);
    require(error_code == std::errc{} && number >= 1, "line and column count from 1");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  require(rest.starts_with(": ") && rest.size() > 2, "a refusal gives a reason");
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  require(numbers[0] <= lines, "a refusal names a line that is there");
}

}  // namespace vigil::fuzz
