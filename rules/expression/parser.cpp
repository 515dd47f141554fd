// Recursive descent with precedence climbing; docs/rules.md has the grammar.
#include <algorithm>
#include <optional>

#include "rules/expression/lexer.h"
#include "rules/expression/limits.h"
#include "rules/expression/syntax.h"

namespace vigil::rules {
namespace {

constexpr int kComparisonLevel = 3;

struct Binary {
  Operator op;
  int level;  // how tightly it binds
};

std::optional<Binary> binary_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::or_: return Binary{Operator::or_, 1};
    case TokenKind::and_: return Binary{Operator::and_, 2};
    case TokenKind::equal: return Binary{Operator::equal, kComparisonLevel};
    case TokenKind::not_equal: return Binary{Operator::not_equal, kComparisonLevel};
    case TokenKind::less: return Binary{Operator::less, kComparisonLevel};
    case TokenKind::less_equal: return Binary{Operator::less_equal, kComparisonLevel};
    case TokenKind::greater: return Binary{Operator::greater, kComparisonLevel};
    case TokenKind::greater_equal: return Binary{Operator::greater_equal, kComparisonLevel};
    case TokenKind::plus: return Binary{Operator::add, 4};
    case TokenKind::minus: return Binary{Operator::subtract, 4};
    case TokenKind::star: return Binary{Operator::multiply, 5};
    case TokenKind::slash: return Binary{Operator::divide, 5};
    case TokenKind::percent: return Binary{Operator::modulo, 5};
    default: return std::nullopt;
  }
}

// Every parse function returns null after an error; the first error is kept.
class Parser {
 public:
  explicit Parser(const Source& source) : source_(source), lexer_(source) { advance(); }

  Expected<NodePtr> parse() {
    if (!error_ && token_.kind == TokenKind::end) refuse(0, "the expression is empty");
    NodePtr root = error_ ? nullptr : binary(1);
    if (!error_ && token_.kind != TokenKind::end) refuse(token_.offset, "expected an operator or the end" + seen());
    if (error_) return std::unexpected(std::move(*error_));
    return root;
  }

 private:
  NodePtr binary(int level_min);
  NodePtr prefix();
  NodePtr primary();
  NodePtr call(Token name);
  NodePtr membership(NodePtr operand);
  NodePtr chained() { return refuse(token_.offset, "comparisons do not chain; join them with 'and'"); }
  NodePtr set_items(NodePtr set);
  NodePtr literal();

  void advance() {
    if (error_) return;
    Expected<Token> next = lexer_.next();
    if (next) token_ = std::move(*next);
    else error_ = std::move(next.error());
  }
  NodePtr refuse(std::size_t offset, std::string_view reason) {
    if (!error_) error_ = source_.error(offset, reason);
    return nullptr;
  }
  std::string seen() const {
    if (token_.kind == TokenKind::end) return ", but the expression ends here";
    return ", got '" + std::string(source_.text().substr(token_.offset, token_.size)) + "'";
  }
  bool take(TokenKind kind, std::string_view what) {
    if (!error_ && token_.kind != kind) refuse(token_.offset, "expected " + std::string(what) + seen());
    advance();
    return !error_;
  }
  NodePtr grown(NodePtr node);
  NodePtr unary(Operator op, std::size_t offset, NodePtr operand);

  const Source& source_;
  Lexer lexer_;
  Token token_;
  std::optional<eventlog::Error> error_;
  std::size_t nesting_ = 0;  // of prefix() calls, so that the stack is bounded like the tree
};

// Whether the token goes on like a comparison; `not` in this place begins `not in`.
bool compares(TokenKind kind) {
  const std::optional<Binary> binary = binary_of(kind);
  return kind == TokenKind::in || kind == TokenKind::not_ || (binary && binary->level == kComparisonLevel);
}

std::string too_deep() { return "nested deeper than " + std::to_string(kExpressionDepthMax) + " levels"; }

// Sets the depth of a node whose children are complete.
NodePtr Parser::grown(NodePtr node) {
  for (const NodePtr& child : node->children) node->depth = std::max(node->depth, child->depth + 1);
  if (node->depth > kExpressionDepthMax) return refuse(node->offset, too_deep());
  return node;
}

NodePtr Parser::unary(Operator op, std::size_t offset, NodePtr operand) {
  if (error_) return nullptr;
  auto node = std::make_unique<Node>();
  node->kind = NodeKind::operation;
  node->offset = offset;
  node->op = op;
  node->children.push_back(std::move(operand));
  return grown(std::move(node));
}

NodePtr Parser::binary(int level_min) {
  NodePtr left = prefix();
  while (!error_) {
    if (token_.kind == TokenKind::in || token_.kind == TokenKind::not_) {
      if (level_min > kComparisonLevel) return left;
      left = membership(std::move(left));
      continue;
    }
    const std::optional<Binary> next = binary_of(token_.kind);
    if (!next || next->level < level_min) return left;
    auto node = std::make_unique<Node>();
    node->kind = NodeKind::operation;
    node->offset = token_.offset;
    node->op = next->op;
    advance();
    NodePtr right = binary(next->level + 1);
    if (error_) return nullptr;
    node->children.push_back(std::move(left));
    node->children.push_back(std::move(right));
    if (next->level == kComparisonLevel && compares(token_.kind)) return chained();
    left = grown(std::move(node));
  }
  return nullptr;
}

NodePtr Parser::prefix() {
  if (error_) return nullptr;
  if (++nesting_ > kExpressionDepthMax) return refuse(token_.offset, too_deep());
  const std::size_t offset = token_.offset;
  NodePtr node;
  if (token_.kind == TokenKind::not_) {
    advance();
    node = unary(Operator::not_, offset, binary(kComparisonLevel));
  } else if (token_.kind == TokenKind::minus) {
    advance();
    const bool number = token_.kind == TokenKind::value && token_.literal.type != ValueType::text;
    node = number ? literal() : prefix();
    const bool constant = number && node;
    if (constant && node->literal.type == ValueType::integer) {
      node->literal.integer = -node->literal.integer;  // literals are never negative, so this cannot overflow
      node->offset = offset;
    } else if (constant && node->literal.type == ValueType::floating) {
      node->literal.floating = -node->literal.floating;
      node->offset = offset;
    } else {
      node = unary(Operator::negate, offset, std::move(node));
    }
  } else {
    node = primary();
  }
  --nesting_;
  return node;
}

NodePtr Parser::literal() {
  auto node = std::make_unique<Node>();
  node->kind = NodeKind::literal;
  node->offset = token_.offset;
  node->literal = token_.literal;
  node->word = std::move(token_.text);
  advance();
  return error_ ? nullptr : std::move(node);
}

NodePtr Parser::primary() {
  if (token_.kind == TokenKind::value) return literal();
  if (token_.kind == TokenKind::left_paren) {
    advance();
    NodePtr inner = binary(1);
    return take(TokenKind::right_paren, "')'") ? std::move(inner) : nullptr;
  }
  if (token_.kind != TokenKind::word) return refuse(token_.offset, "expected a value" + seen());
  Token name = std::move(token_);
  advance();
  if (error_) return nullptr;
  if (token_.kind == TokenKind::left_paren) return call(std::move(name));
  auto node = std::make_unique<Node>();
  node->kind = NodeKind::name;
  node->offset = name.offset;
  node->word = std::move(name.text);
  return node;
}

NodePtr Parser::call(Token name) {
  auto node = std::make_unique<Node>();
  node->kind = NodeKind::call;
  node->offset = name.offset;
  node->word = std::move(name.text);
  advance();
  while (!error_ && token_.kind != TokenKind::right_paren) {
    if (!node->children.empty() && !take(TokenKind::comma, "',' or ')'")) return nullptr;
    if (node->children.size() == kArgumentsMax) {
      return refuse(token_.offset, "more than " + std::to_string(kArgumentsMax) + " arguments");
    }
    NodePtr argument = binary(1);
    if (error_) return nullptr;
    node->children.push_back(std::move(argument));
  }
  advance();
  return error_ ? nullptr : grown(std::move(node));
}

// `operand in …` and `operand not in …`; the operand is parsed, the current token is `in` or `not`.
NodePtr Parser::membership(NodePtr operand) {
  const Token first = token_;
  if (first.kind == TokenKind::not_) {
    advance();
    if (!error_ && token_.kind != TokenKind::in) {
      return refuse(first.offset, "expected an operator before '" + first.text + "'");
    }
  }
  auto node = std::make_unique<Node>();
  node->offset = first.offset;
  node->children.push_back(std::move(operand));
  advance();
  if (!error_ && token_.kind == TokenKind::list) {
    advance();
    const bool quoted = token_.kind == TokenKind::value && token_.literal.type == ValueType::text;
    if (!error_ && !quoted) return refuse(token_.offset, "expected the list's name in quotes" + seen());
    node->kind = NodeKind::in_list;
    node->word = std::move(token_.text);
    advance();
  } else {
    node->kind = NodeKind::in_set;
    node = set_items(std::move(node));
  }
  if (error_) return nullptr;
  node = grown(std::move(node));
  if (compares(token_.kind)) return chained();
  if (first.kind != TokenKind::not_) return node;
  return unary(Operator::not_, first.offset, std::move(node));
}

NodePtr Parser::set_items(NodePtr set) {
  if (!take(TokenKind::left_bracket, "'[' or 'list'")) return nullptr;
  while (!error_ && token_.kind != TokenKind::right_bracket) {
    if (set->children.size() > 1 && !take(TokenKind::comma, "',' or ']'")) return nullptr;
    if (set->children.size() > kSetItemsMax) {
      return refuse(token_.offset, "more than " + std::to_string(kSetItemsMax) + " items; use a list");
    }
    if (token_.kind == TokenKind::word) {
      return refuse(token_.offset, "items are literals; did you mean \"" + token_.text + "\"?");
    }
    const bool item = token_.kind == TokenKind::value || token_.kind == TokenKind::minus;
    if (!error_ && !item) return refuse(token_.offset, "expected a literal" + seen());
    NodePtr parsed = prefix();
    if (error_) return nullptr;
    if (parsed->kind != NodeKind::literal) return refuse(parsed->offset, "items are literals");
    set->children.push_back(std::move(parsed));
  }
  if (!error_ && set->children.size() == 1) return refuse(token_.offset, "the set is empty");
  advance();
  return error_ ? nullptr : std::move(set);
}

}  // namespace

std::string_view spelling(Operator op) {
  switch (op) {
    case Operator::or_: return "or";
    case Operator::and_: return "and";
    case Operator::not_: return "not";
    case Operator::equal: return "==";
    case Operator::not_equal: return "!=";
    case Operator::less: return "<";
    case Operator::less_equal: return "<=";
    case Operator::greater: return ">";
    case Operator::greater_equal: return ">=";
    case Operator::add: return "+";
    case Operator::subtract:
    case Operator::negate: return "-";
    case Operator::multiply: return "*";
    case Operator::divide: return "/";
    case Operator::modulo: return "%";
  }
  __builtin_unreachable();
}

Expected<NodePtr> parse_syntax(std::string_view text, const TextPlace& place) {
  const Source source(text, place);
  if (text.size() > kExpressionBytesMax) {
    return std::unexpected(
        source.error(0, "the expression is longer than " + std::to_string(kExpressionBytesMax) + " bytes"));
  }
  return Parser(source).parse();
}

}  // namespace vigil::rules
