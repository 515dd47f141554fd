// The tree of an expression between parser, checker and compiler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/expression/expression.h"

namespace vigil::rules {

struct Function;

enum class Operator : std::uint8_t {
  or_,
  and_,
  not_,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  negate,
};
std::string_view spelling(Operator op);

enum class NodeKind : std::uint8_t {
  literal,
  name,
  operation,  // one or two children
  call,
  in_set,   // the operand, then the literals of the set
  in_list,  // the operand; `word` is the list
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  NodeKind kind = NodeKind::literal;
  std::size_t offset = 0;  // in the text, for errors
  Operator op = Operator::or_;
  Value literal;     // of a literal; of a text only its type
  std::string word;  // content of a text literal, or the name, function or list
  std::vector<NodePtr> children;
  std::size_t depth = 1;  // of the tree below and with this node

  // What the checker finds out.
  ValueType type = ValueType::null;  // null: nothing but null
  const Function* function = nullptr;
  std::size_t slot = 0;
  bool lowered = false;  // its text may be that of a lower(), which lives only while evaluating
};

// Error: invalid, naming the place. The tree is no deeper than kExpressionDepthMax.
Expected<NodePtr> parse_syntax(std::string_view text, const TextPlace& place);

// Resolves names and functions and finds the type of every node. Error: invalid, naming the place.
Expected<void> check_types(Node& root, const Symbols& symbols, std::string_view text, const TextPlace& place);

std::string_view name(ValueType type);

}  // namespace vigil::rules
