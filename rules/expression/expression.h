// A typed condition or value over named slots: parsed and checked once, evaluated without allocation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/schema/value.h"
#include "eventlog/storage/error.h"

namespace vigil::rules {

using eventlog::Expected;
using eventlog::Value;
using eventlog::ValueType;

class Lists;
struct Guards;

// A name an expression may use, its type, and the slot its value is read from. Any slot may hold null.
struct Symbol {
  std::string name;
  ValueType type = ValueType::integer;
  std::size_t slot = 0;
};
using Symbols = std::vector<Symbol>;

// Where a text begins in its file, so that errors name file, line and column ("rules.toml:12:15").
struct TextPlace {
  std::string file;
  std::uint32_t line = 1;    // 1-based line of the text's first character
  std::uint32_t column = 1;  // 1-based column of the text's first character
};

// Immutable after compile(); evaluate() is const and thread-safe. Movable.
//
// Nulls: arithmetic and comparison with a null give null; `and`, `or`, `not` follow three-valued logic; a
// condition that is null does not hold. Integers overflow to null, division by zero gives null. Division
// gives floating point. docs/rules.md has the grammar and the functions.
class Expression {
 public:
  // `wanted`: the type the result must have (integer is accepted where floating is wanted).
  // Error `invalid`: "FILE:LINE:COLUMN: reason; did you mean 'name'?".
  static Expected<Expression> compile(std::string_view text, const Symbols& symbols, ValueType wanted,
                                      const TextPlace& place);
  // The type found by the checker, for expressions whose type is free.
  static Expected<Expression> compile_any(std::string_view text, const Symbols& symbols, const TextPlace& place);

  ValueType type() const;
  // `slots` must cover every slot of the symbols compiled with. Texts of the result point into `slots`
  // or into this expression.
  Value evaluate(std::span<const Value> slots, const Lists& lists) const;
  // Whether evaluate() gives true, mostly without running the program.
  bool holds(std::span<const Value> slots, const Lists& lists) const;
  const std::string& text() const;
  // Names of the lists (`in list "name"`) this expression reads.
  const std::vector<std::string>& lists_used() const;
  // Slots this expression reads, ascending.
  const std::vector<std::size_t>& slots_used() const;
  // What holds() asks first; nothing for expressions that are no conditions. Lives as long as the expression.
  const Guards& guards() const;

  struct Program;
  explicit Expression(std::shared_ptr<const Program> program);

 private:
  std::shared_ptr<const Program> program_;  // shared: copies of a rule set share compiled conditions
};

}  // namespace vigil::rules
