// Tokens come from simdjson's first stage (it also checks UTF-8, closed strings and control characters in
// them); the walk over them is ours, because simdjson's on-demand front end does not check what it skips, and
// Vigil stores what it skips.
#include "commands/json_cursor.h"

#include <simdjson.h>
#include <algorithm>
#include <bit>
#include <cstring>

#include "commands/decimal.h"
#include "eventlog/storage/invariant.h"

namespace vigil::commands {
namespace {

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool is_json_number(std::string_view token) {
  const char* at = token.data();
  const char* const end = at + token.size();
  const auto digits = [&] {
    const char* const first = at;
    while (at != end && is_digit(*at)) ++at;
    return at != first;
  };
  if (at != end && *at == '-') ++at;
  const bool zero = at != end && *at == '0';
  if (zero) {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at != end && *at == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return false;
  }
  return at == end;
}

// The value of four hex digits, or -1.
int hex4(std::string_view digits) {
  if (digits.size() < 4) return -1;
  int value = 0;
  for (char c : digits.substr(0, 4)) {
    const int lower = c | 0x20;
    if (is_digit(c)) {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t rune) {
  const auto byte = [&out](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (rune < 0x80) {
    byte(rune);
  } else if (rune < 0x800) {
    byte(0xC0 | rune >> 6);
    byte(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    byte(0xE0 | rune >> 12);
    byte(0x80 | (rune >> 6 & 0x3F));
    byte(0x80 | (rune & 0x3F));
  } else {
    byte(0xF0 | rune >> 18);
    byte(0x80 | (rune >> 12 & 0x3F));
    byte(0x80 | (rune >> 6 & 0x3F));
    byte(0x80 | (rune & 0x3F));
  }
}

// Appends what the escape at the front of `rest` (its backslash included) means; the bytes it takes, 0 when
// it means nothing.
std::size_t append_escape(std::string& out, std::string_view rest) {
  constexpr std::string_view kMarks = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (rest.size() < 2) return 0;
  if (const auto at = kMarks.find(rest[1]); at != kMarks.npos) {
    out.push_back(kMeanings[at]);
    return 2;
  }
  if (rest[1] != 'u') return 0;
  const int high = hex4(rest.substr(2));
  if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF)) return 0;
  if (high < 0xD800 || high > 0xDBFF) {
    append_utf8(out, static_cast<std::uint32_t>(high));
    return 6;
  }
  if (rest.size() < 12 || rest[6] != '\\' || rest[7] != 'u') return 0;
  const int low = hex4(rest.substr(8));
  if (low < 0xDC00 || low > 0xDFFF) return 0;
  append_utf8(
      out, 0x10000u + ((static_cast<std::uint32_t>(high) - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00));
  return 12;
}

// Where the first byte stands that cannot be part of UTF-8.
std::size_t invalid_utf8_at(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || !simdjson::validate_utf8(text.substr(at, length))) return at;
    at += length;
  }
  return at;
}

// Where a string is not closed, or holds a raw control character. Only walks texts simdjson refused.
std::size_t broken_string_at(std::string_view text, bool want_control) {
  std::size_t opened = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (inside && c == '\\') {
      ++at;
    } else if (c == '"') {
      inside = !inside;
      opened = at;
    } else if (want_control && inside && static_cast<unsigned char>(c) < 0x20) {
      return at;
    }
  }
  return opened;
}

}  // namespace

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes); }

void JsonCursor::fail(std::string_view code, std::string_view what, std::size_t offset) {
  if (failed()) return;
  *fault_ = {code, what, offset};
}

bool JsonCursor::expected(std::string_view what) {
  fail("broken_json", at_end() ? "the text ends too early" : what, offset());
  return false;
}

bool JsonCursor::next_key(std::string_view& key, std::string_view& key_token) {
  if (failed()) return false;
  if (peek() == '}') {
    ++at_;
    return opened_ = false;
  }
  if (!opened_) {
    if (peek() != ',') return expected("expected ',' or '}'");
    ++at_;
  }
  opened_ = false;
  if (peek() != '"') return expected("expected a field name in quotes");
  key_token = token();
  if (!read_string(key)) return false;
  if (peek() != ':') return expected("expected ':'");
  ++at_;
  return true;
}

bool JsonCursor::next_element() {
  if (failed()) return false;
  if (peek() == ']') {
    ++at_;
    return opened_ = false;
  }
  if (!opened_) {
    if (peek() != ',') return expected("expected ',' or ']'");
    ++at_;
  }
  opened_ = false;
  return !at_end() || expected("");
}

bool JsonCursor::read_string(std::string_view& out) {
  const std::string_view quoted = token();
  if (quoted.size() < 2 || quoted.back() != '"') return expected("expected a string");
  const std::size_t begin = offset() + 1;
  ++at_;
  out = quoted.substr(1, quoted.size() - 2);
  if (std::memchr(out.data(), '\\', out.size()) == nullptr) return true;
  return unescape(out, begin, out);
}

// The buffer was reserved for the whole text when it was loaded, so views into it stay valid.
bool JsonCursor::unescape(std::string_view inner, std::size_t begin, std::string_view& out) {
  const std::size_t from = unescaped_->size();
  for (std::size_t at = 0; at < inner.size();) {
    const std::size_t backslash = std::min(inner.find('\\', at), inner.size());
    unescaped_->append(inner.substr(at, backslash - at));
    at = backslash;
    if (at == inner.size()) break;
    const std::size_t taken = append_escape(*unescaped_, inner.substr(at));
    if (taken == 0) {
      fail("broken_json", "an escape that means nothing", begin + at);
      return false;
    }
    at += taken;
  }
  out = std::string_view(*unescaped_).substr(from);
  return true;
}

bool JsonCursor::check_string(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.back() != '"') return expected("expected a string");
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (std::memchr(inner.data(), '\\', inner.size()) == nullptr) return true;
  const std::size_t size_before = unescaped_->size();
  std::string_view ignored;
  const bool good = unescape(inner, offset() + 1, ignored);
  unescaped_->resize(size_before);
  return good;
}

bool JsonCursor::read_number(std::string_view& out) {
  out = token();
  if (!is_json_number(out)) return expected("not a number as JSON writes them");
  ++at_;
  return true;
}

std::string_view JsonCursor::read_word() {
  const std::string_view word = token();
  if (word != "true" && word != "false" && word != "null") {
    expected("expected a value");
    return {};
  }
  ++at_;
  return word;
}

bool JsonCursor::skip_scalar() {
  if (peek() == '"') {
    if (!check_string(token())) return false;
    ++at_;
    return true;
  }
  std::string_view ignored;
  return is_number() ? read_number(ignored) : !read_word().empty();
}

std::string_view JsonCursor::skip_value() {
  const std::size_t from = offset();
  std::uint64_t is_object = 0;  // one bit per open container, the innermost lowest
  int depth = 0;
  do {
    if (peek() == '{' || peek() == '[') {
      if (depth == kJsonDepthMax) {
        fail("too_deep", "values are nested too deeply", offset());
        return {};
      }
      is_object = is_object << 1 | (peek() == '{' ? 1u : 0u);
      ++depth;
      open();
    } else if (!skip_scalar()) {
      return {};
    }
    // Now behind a value or just inside a container: close what ends here, then stand on the next value.
    while (depth > 0) {
      std::string_view key, key_token;
      const std::size_t kept = unescaped_->size();
      const bool more = (is_object & 1) != 0 ? next_key(key, key_token) : next_element();
      unescaped_->resize(kept);
      if (failed()) return {};
      if (more) break;
      is_object >>= 1;
      --depth;
    }
  } while (depth > 0);
  return since(from);
}

void JsonCursor::finish() {
  if (!failed() && !at_end()) expected("something follows the end of the message");
}

std::string_view JsonCursor::since(std::size_t from) const { return trimmed(text_ + from, text_ + *at_); }

struct JsonText::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> indexer;
  std::string text;       // the text, then simdjson's padding in zeros
  std::string unescaped;  // strings that had escapes
  std::size_t bytes = 0;
};

JsonText::JsonText() : impl_(std::make_unique<Impl>()), fault_(std::make_unique<JsonFault>()) {}
JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;

bool JsonText::load(std::string_view bytes) {
  eventlog::invariant(bytes.size() < std::size_t{1} << 31, "a JSON text is shorter than 2 GiB");
  Impl& impl = *impl_;
  *fault_ = {};
  impl.bytes = bytes.size();
  impl.text.assign(bytes);
  impl.text.append(simdjson::SIMDJSON_PADDING, '\0');
  impl.unescaped.clear();
  impl.unescaped.reserve(bytes.size());

  // simdjson indexes blocks of 64 bytes; a capacity below that is not worth a case of its own.
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(bytes.size(), 4096));
  if (!impl.indexer || impl.indexer->capacity() < wanted) {
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        wanted, static_cast<std::size_t>(kJsonDepthMax), impl.indexer);
    eventlog::invariant(error == simdjson::SUCCESS, "memory for the JSON index");
  }
  const auto error = impl.indexer->stage1(reinterpret_cast<const std::uint8_t*>(impl.text.data()), bytes.size(),
                                          simdjson::stage1_mode::regular);
  switch (error) {
    case simdjson::SUCCESS: return true;
    case simdjson::EMPTY: *fault_ = {"broken_json", "there is nothing in it", 0}; break;
    case simdjson::UTF8_ERROR: *fault_ = {"invalid_utf8", "not UTF-8", invalid_utf8_at(bytes)}; break;
    case simdjson::UNESCAPED_CHARS:
      *fault_ = {"broken_json", "a control character in a string", broken_string_at(bytes, true)};
      break;
    case simdjson::UNCLOSED_STRING:
      *fault_ = {"broken_json", "a string that is not closed", broken_string_at(bytes, false)};
      break;
    default: *fault_ = {"broken_json", "cannot be indexed", 0}; break;
  }
  return false;
}

std::string_view JsonText::text() const { return std::string_view(impl_->text).substr(0, impl_->bytes); }

JsonCursor JsonText::cursor() {
  JsonCursor cursor;
  const auto& indexer = *impl_->indexer;
  cursor.text_ = impl_->text.data();
  cursor.at_ = indexer.structural_indexes.get();
  cursor.end_ = cursor.at_ + indexer.n_structural_indexes;
  cursor.fault_ = fault_.get();
  cursor.unescaped_ = &impl_->unescaped;
  return cursor;
}

}  // namespace vigil::commands
