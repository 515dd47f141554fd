// One JSON text and a strict walk over its tokens.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace vigil::commands {

// Values nested deeper than this are refused: no sender of payments needs it, and it bounds every walk.
inline constexpr int kJsonDepthMax = 64;

// What makes a whole text unreadable, and where.
struct JsonFault {
  std::string_view code;  // broken_json, invalid_utf8, too_deep; "" when there is none
  std::string_view what;
  std::size_t offset = 0;  // byte offset in the text
};

bool is_utf8(std::string_view bytes);

// Walks forward over the tokens of a JsonText, checking the grammar as it goes (RFC 8259). Any fault is
// final: failed() becomes true and every loop ends. Views it returns live as long as the text is loaded.
class JsonCursor {
 public:
  // The first character of the token ahead; '\0' at the end of the text.
  char peek() const { return text_[*at_]; }
  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return *at_; }
  bool failed() const { return !fault_->code.empty(); }

  // Steps into the object or array ahead. Requires peek() to be '{' or '['.
  void open() {
    ++at_;
    opened_ = true;
  }
  // Inside an object: the next name, unescaped, with the cursor on its value; false at the end (stepped over)
  // or after a fault. `token` is the name as sent, with its quotes.
  bool next_key(std::string_view& key, std::string_view& token);
  // The same for a sender that repeats itself: when the next name is `guess`, written without escapes, steps
  // to its value and returns true; otherwise changes nothing.
  bool next_key_is(std::string_view guess, std::string_view& token);
  // Inside an array: true when the cursor is on the next element.
  bool next_element();

  // The string ahead, unescaped. Requires peek() to be '"'.
  bool read_string(std::string_view& out);
  // The token of the number ahead. Requires is_number().
  bool read_number(std::string_view& out);
  bool is_number() const { return peek() == '-' || (peek() >= '0' && peek() <= '9'); }
  // Steps over true, false or null and returns it; "" is a fault.
  std::string_view read_word();
  // Checks the value ahead, whatever it is, and steps over it. Returns it as sent; "" after a fault.
  std::string_view skip_value();
  // After the outermost value: nothing may follow.
  void finish();

  // The text from `from` up to the end of the token the cursor stepped over last.
  std::string_view since(std::size_t from) const;

  // Refuses the whole text.
  void fail(std::string_view code, std::string_view what, std::size_t offset);

 private:
  friend class JsonText;
  static constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  // From `begin` to `end` without the white space at its end.
  static std::string_view trimmed(const char* begin, const char* end) {
    while (end != begin && is_space(end[-1])) --end;
    return {begin, static_cast<std::size_t>(end - begin)};
  }
  // The token ahead: up to the next one, without the white space between.
  std::string_view token() const { return trimmed(text_ + at_[0], text_ + at_[at_ == end_ ? 0 : 1]); }
  bool expected(std::string_view what);
  bool check_string(std::string_view token);
  bool skip_scalar();
  bool unescape(std::string_view inner, std::size_t offset, std::string_view& out);

  const char* text_ = "";
  const std::uint32_t* at_ = nullptr;
  const std::uint32_t* end_ = nullptr;
  JsonFault* fault_ = nullptr;
  std::string* unescaped_ = nullptr;
  bool opened_ = false;
};

inline bool JsonCursor::next_key_is(std::string_view guess, std::string_view& token) {
  // A name takes two tokens (itself and the colon), three with the comma before it; the index ends with at
  // least one entry behind end_, and the text with more padding than a name is long.
  const std::uint32_t* at = at_;
  if (end_ - at < 3) return false;
  if (!opened_) {
    if (text_[*at] != ',') return false;
    ++at;
  }
  const char* const begin = text_ + *at;
  if (*begin != '"' || text_[at[1]] != ':') return false;
  if (std::memcmp(begin + 1, guess.data(), guess.size()) != 0 || begin[1 + guess.size()] != '"') return false;
  token = {begin, guess.size() + 2};
  at_ = at + 2;
  opened_ = false;
  return true;
}

// Holds a copy of the text. Reused from text to text it allocates nothing once it has seen the largest.
// Not thread-safe.
class JsonText {
 public:
  JsonText();
  ~JsonText();
  JsonText(JsonText&&) noexcept;

  // Loads `bytes` (fewer than 2^31) and finds its tokens. False when that is not possible: see fault().
  bool load(std::string_view bytes);
  std::string_view text() const;
  // A walk from the first token. Requires load() to have returned true.
  JsonCursor cursor();
  const JsonFault& fault() const { return *fault_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::unique_ptr<JsonFault> fault_;
};

}  // namespace vigil::commands
