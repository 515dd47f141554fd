// Cuts the text of an expression into tokens.
#pragma once

#include <cstdint>
#include <string>

#include "rules/expression/source.h"

namespace vigil::rules {

enum class TokenKind : std::uint8_t {
  end,
  word,   // a name or function
  value,  // a literal: number, duration, boolean, null, or text
  plus,
  minus,
  star,
  slash,
  percent,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  and_,
  or_,
  not_,
  in,
  list,
  left_paren,
  right_paren,
  left_bracket,
  right_bracket,
  comma,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::size_t offset = 0;  // where it begins in the text
  std::size_t size = 0;
  Value literal;     // of a value; of a text only the type, the text itself is in `text`
  std::string text;  // of a word: its spelling; of a text literal: its content without quotes and escapes
};

class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source), text_(source.text()) {}

  // The next token; `end` for ever after the last. Error: invalid, naming the place.
  Expected<Token> next();

 private:
  Expected<Token> number();
  Expected<Token> quoted();
  Expected<Token> symbol();
  Token word();
  std::size_t skip_digits(std::size_t from) const;
  std::unexpected<eventlog::Error> fail(std::size_t offset, std::string_view reason) const {
    return std::unexpected(source_.error(offset, reason));
  }
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

  const Source& source_;
  std::string_view text_;
  std::size_t cursor_ = 0;
};

}  // namespace vigil::rules
