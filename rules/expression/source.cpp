#include "rules/expression/source.h"

#include <algorithm>
#include <string>

namespace vigil::rules {

eventlog::Error Source::error(std::size_t offset, std::string_view reason) const {
  std::uint32_t line = place_.line;
  std::uint32_t column = place_.column;
  for (char c : text_.substr(0, std::min(offset, text_.size()))) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((byte & 0xC0) != 0x80) {  // a continuation byte does not begin a character
      ++column;
    }
  }
  std::string text = place_.file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": ";
  text += reason;
  return {eventlog::ErrorKind::invalid, std::move(text)};
}

}  // namespace vigil::rules
