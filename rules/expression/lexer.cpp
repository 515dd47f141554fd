#include "rules/expression/lexer.h"

#include <array>
#include <charconv>
#include <utility>

#include "rules/expression/duration.h"

namespace vigil::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Token value_token(std::size_t offset, std::size_t size, Value literal) {
  return {TokenKind::value, offset, size, literal, ""};
}

std::string without_underscores(std::string_view digits) {
  std::string plain;
  for (char c : digits) {
    if (c != '_') plain += c;
  }
  return plain;
}

}  // namespace

Expected<Token> Lexer::next() {
  while (cursor_ < text_.size() && is_space(text_[cursor_])) ++cursor_;
  if (cursor_ >= text_.size()) return Token{TokenKind::end, text_.size(), 0, {}, ""};
  const char c = text_[cursor_];
  if (is_digit(c) || (c == '.' && is_digit(at(cursor_ + 1)))) return number();
  if (is_letter(c)) return word();
  if (c == '"' || c == '\'') return quoted();
  return symbol();
}

Token Lexer::word() {
  const std::size_t begin = cursor_;
  while (is_letter(at(cursor_)) || is_digit(at(cursor_))) ++cursor_;
  const std::string_view spelling = text_.substr(begin, cursor_ - begin);
  if (spelling == "true") return value_token(begin, spelling.size(), Value::boolean(true));
  if (spelling == "false") return value_token(begin, spelling.size(), Value::boolean(false));
  if (spelling == "null") return value_token(begin, spelling.size(), Value::null());
  static constexpr std::array<std::pair<std::string_view, TokenKind>, 5> kKeywords{{
      {"and", TokenKind::and_},
      {"or", TokenKind::or_},
      {"not", TokenKind::not_},
      {"in", TokenKind::in},
      {"list", TokenKind::list},
  }};
  for (const auto& [keyword, kind] : kKeywords) {
    if (spelling == keyword) return {kind, begin, spelling.size(), {}, std::string(spelling)};
  }
  return {TokenKind::word, begin, spelling.size(), {}, std::string(spelling)};
}

// Digits with single `_` between them.
std::size_t Lexer::skip_digits(std::size_t from) const {
  std::size_t i = from;
  while (is_digit(at(i)) || (at(i) == '_' && i > from && is_digit(at(i - 1)) && is_digit(at(i + 1)))) ++i;
  return i;
}

Expected<Token> Lexer::number() {
  const std::size_t begin = cursor_;
  std::size_t end = skip_digits(begin);
  bool floating = false;
  if (at(end) == '.') {
    floating = true;
    end = skip_digits(end + 1);
  }
  const std::size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
  if ((at(end) == 'e' || at(end) == 'E') && is_digit(at(end + 1 + sign))) {
    floating = true;
    end = skip_digits(end + 1 + sign);
  }
  const std::string digits = without_underscores(text_.substr(begin, end - begin));
  std::size_t unit_end = end;
  while (is_letter(at(unit_end)) || is_digit(at(unit_end))) ++unit_end;
  cursor_ = unit_end;

  if (floating) {
    double number = 0;
    const auto [rest, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem == std::errc::result_out_of_range) return fail(begin, "the number does not fit a double");
    const bool whole = problem == std::errc() && rest == digits.data() + digits.size();
    if (!whole || unit_end != end) return fail(begin, "malformed number");
    return value_token(begin, end - begin, Value::of(number));
  }
  if (unit_end != end) {
    const std::string_view unit = text_.substr(end, unit_end - end);
    if (!duration_unit_us(unit)) {
      return fail(end, "unknown unit '" + std::string(unit) + "' (durations end in us, ms, s, m, h, d or w)");
    }
    const auto us = parse_duration_us(text_.substr(begin, unit_end - begin));
    if (!us) return fail(begin, "the duration does not fit 64 bits of microseconds");
    return value_token(begin, unit_end - begin, Value::of(*us));
  }
  std::int64_t integer = 0;
  const auto [rest, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), integer);
  if (problem != std::errc()) return fail(begin, "the integer does not fit 64 bits");
  return value_token(begin, end - begin, Value::of(integer));
}

Expected<Token> Lexer::quoted() {
  const std::size_t begin = cursor_;
  const char quote = text_[begin];
  Token token = value_token(begin, 0, Value::of(std::string_view{}));
  for (std::size_t i = begin + 1; i < text_.size(); ++i) {
    char c = text_[i];
    if (c == quote) {
      cursor_ = i + 1;
      token.size = cursor_ - begin;
      return token;
    }
    if (c == '\\') {
      c = at(++i);
      if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
      else if (c != '\\' && c != '"' && c != '\'') {
        return fail(i - 1, "unknown escape (known are \\\\ \\\" \\' \\n \\t)");
      }
    }
    token.text += c;
  }
  return fail(begin, "the text is not closed");
}

Expected<Token> Lexer::symbol() {
  using enum TokenKind;
  static constexpr std::array<std::pair<std::string_view, TokenKind>, 20> kSymbols{{
      {"<=", less_equal}, {">=", greater_equal}, {"==", equal},        {"!=", not_equal}, {"&&", and_},
      {"||", or_},        {"<", less},           {">", greater},       {"!", not_},       {"+", plus},
      {"-", minus},       {"*", star},           {"/", slash},         {"%", percent},    {"(", left_paren},
      {")", right_paren}, {"[", left_bracket},   {"]", right_bracket}, {",", comma},      {"", end},
  }};
  const std::string_view rest = text_.substr(cursor_);
  if (rest.starts_with("<>")) return fail(cursor_, "unknown operator '<>'; did you mean '!='?");
  for (const auto& [spelling, kind] : kSymbols) {
    if (spelling.empty() || !rest.starts_with(spelling)) continue;
    const std::size_t begin = std::exchange(cursor_, cursor_ + spelling.size());
    return Token{kind, begin, spelling.size(), {}, std::string(spelling)};
  }
  if (rest[0] == '=') return fail(cursor_, "unknown operator '='; did you mean '=='?");
  if (rest[0] == '&') return fail(cursor_, "unknown operator '&'; did you mean '&&'?");
  if (rest[0] == '|') return fail(cursor_, "unknown operator '|'; did you mean '||'?");
  const auto byte = static_cast<unsigned char>(rest[0]);
  if (byte < 0x20 || byte >= 0x7F) return fail(cursor_, "unexpected character outside of a text");
  return fail(cursor_, std::string("unexpected character '") + rest[0] + "'");
}

}  // namespace vigil::rules
