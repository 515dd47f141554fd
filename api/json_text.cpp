#include "api/json_text.h"

#include <array>
#include <charconv>

namespace vigil::api {
namespace {

// 1 for bytes that cannot stand in a JSON string as they are: controls, quote, backslash, and all beyond
// ASCII (which have to be checked first).
constexpr std::array<std::uint8_t, 256> kSpecial = [] {
  std::array<std::uint8_t, 256> special{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    special[byte] = byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f;
  }
  return special;
}();

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// Length of the UTF-8 sequence that begins at `at` (which is not ASCII), 0 when it is none (RFC 3629).
std::size_t sequence_bytes(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const auto second = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0u;
  if (!continues(text, at + 1)) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (!continues(text, at + 2)) return 0;
  if (first == 0xe0) return second >= 0xa0 ? 3 : 0;
  if (first == 0xed) return second < 0xa0 ? 3 : 0;
  if (first >= 0xe1 && first <= 0xef) return 3;
  if (!continues(text, at + 3)) return 0;
  if (first == 0xf0) return second >= 0x90 ? 4 : 0;
  if (first == 0xf4) return second < 0x90 ? 4 : 0;
  return first >= 0xf1 && first <= 0xf3 ? 4 : 0;
}

void append_escaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

template <class Integer>
void append_number(std::string& out, Integer number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // where the bytes begin that are not yet copied
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (kSpecial[byte] == 0) [[likely]] {
      ++i;
      continue;
    }
    const std::size_t sequence = byte >= 0x80 ? sequence_bytes(text, i) : 0;
    if (sequence > 0) {
      i += sequence;
      continue;
    }
    out.append(text, plain, i - plain);
    if (byte >= 0x80) {
      out += "\xef\xbf\xbd";
    } else {
      append_escaped(out, byte);
    }
    plain = ++i;
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

void append_json_on_one_line(std::string& out, std::string_view json) {
  bool quoted = false, escaped = false;
  for (const char c : json) {
    if (!quoted && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) continue;
    out += c;
    if (c == '"' && !escaped) quoted = !quoted;
    escaped = quoted && c == '\\' && !escaped;
  }
}

void append_json_integer(std::string& out, std::int64_t number) { append_number(out, number); }
void append_json_integer(std::string& out, std::uint64_t number) { append_number(out, number); }

}  // namespace vigil::api
