#include <algorithm>
#include <optional>

#include "rules/expression/functions.h"
#include "rules/expression/limits.h"
#include "rules/expression/source.h"
#include "rules/expression/suggestion.h"
#include "rules/expression/syntax.h"

namespace vigil::rules {
namespace {

using eventlog::Error;

// The type both can be taken as: equal types, numbers as floating, null as anything.
std::optional<ValueType> common_type(ValueType a, ValueType b) {
  if (a == b || b == ValueType::null) return a;
  if (a == ValueType::null) return b;
  if (is_number(a) && is_number(b)) return ValueType::floating;
  return std::nullopt;
}

bool accepts(Parameter parameter, ValueType type) {
  switch (parameter) {
    case Parameter::any: return true;
    case Parameter::boolean: return type == ValueType::boolean;
    case Parameter::integer: return type == ValueType::integer;
    case Parameter::number: return is_number(type);
    case Parameter::text: return type == ValueType::text;
    case Parameter::none: break;
  }
  return false;
}

std::string_view described(Parameter parameter) {
  switch (parameter) {
    case Parameter::boolean: return "a boolean";
    case Parameter::integer: return "an integer";
    case Parameter::number: return "a number";
    case Parameter::text: return "a text";
    case Parameter::any:
    case Parameter::none: break;
  }
  return "a value";
}

std::string sides(const Node& node) {
  return ", got " + std::string(name(node.children[0]->type)) + " and " + std::string(name(node.children[1]->type));
}

// Every check returns false after an error, which is kept.
class Checker {
 public:
  Checker(const Symbols& symbols, const Source& source) : symbols_(symbols), source_(source) {}

  bool check(Node& node) {
    for (const NodePtr& child : node.children) {
      if (!check(*child)) return false;
    }
    switch (node.kind) {
      case NodeKind::literal: node.type = node.literal.type; return true;
      case NodeKind::name: return check_name(node);
      case NodeKind::operation: return check_operation(node);
      case NodeKind::call: return check_call(node);
      case NodeKind::in_set: return check_set(node);
      case NodeKind::in_list: return check_list(node);
    }
    return false;
  }
  Error take_error() { return std::move(*error_); }

 private:
  bool refuse(std::size_t offset, std::string_view reason) {
    error_ = source_.error(offset, reason);
    return false;
  }
  bool check_name(Node& node);
  bool check_operation(Node& node);
  bool check_comparison(Node& node);
  bool check_call(Node& node);
  bool check_arguments(Node& node);
  bool check_branches(Node& node, std::size_t first);
  bool check_set(Node& node);
  bool check_list(Node& node);

  const Symbols& symbols_;
  const Source& source_;
  std::optional<Error> error_;
  std::size_t lower_calls_ = 0;
};

bool Checker::check_name(Node& node) {
  for (const Symbol& symbol : symbols_) {
    if (symbol.name != node.word) continue;
    node.type = symbol.type;
    node.slot = symbol.slot;
    return true;
  }
  if (find_function(node.word)) {
    return refuse(node.offset,
                  in_quotes(node.word) + " is a function: " + std::string(find_function(node.word)->signature));
  }
  std::vector<std::string_view> names;
  for (const Symbol& symbol : symbols_) names.push_back(symbol.name);
  return refuse(node.offset, "unknown name " + in_quotes(node.word) + did_you_mean(node.word, names));
}

bool Checker::check_operation(Node& node) {
  const std::string op = in_quotes(spelling(node.op));
  const ValueType left = node.children[0]->type;
  const ValueType right = node.children.size() > 1 ? node.children[1]->type : left;
  switch (node.op) {
    case Operator::not_:
      node.type = ValueType::boolean;
      if (left == ValueType::boolean) return true;
      return refuse(node.offset, "'not' needs a boolean, got " + std::string(name(left)));
    case Operator::and_:
    case Operator::or_:
      node.type = ValueType::boolean;
      if (left == ValueType::boolean && right == ValueType::boolean) return true;
      return refuse(node.offset, op + " needs booleans on both sides" + sides(node));
    case Operator::negate:
      node.type = left;
      if (is_number(left)) return true;
      return refuse(node.offset, "'-' needs a number, got " + std::string(name(left)));
    case Operator::modulo:
      node.type = ValueType::integer;
      if (left == ValueType::integer && right == ValueType::integer) return true;
      return refuse(node.offset, "'%' needs integers on both sides" + sides(node));
    case Operator::add:
    case Operator::subtract:
    case Operator::multiply:
    case Operator::divide:
      if (!is_number(left) || !is_number(right)) {
        return refuse(node.offset, op + " needs numbers on both sides" + sides(node));
      }
      node.type = node.op == Operator::divide ? ValueType::floating : *common_type(left, right);
      return true;
    default: return check_comparison(node);
  }
}

bool Checker::check_comparison(Node& node) {
  const std::string op = in_quotes(spelling(node.op));
  const ValueType left = node.children[0]->type;
  const ValueType right = node.children[1]->type;
  node.type = ValueType::boolean;
  if (left == ValueType::null || right == ValueType::null) {
    return refuse(node.offset, "a comparison with null is always null; use is_null(x)");
  }
  const std::optional<ValueType> common = common_type(left, right);
  if (!common) return refuse(node.offset, op + " needs the same type on both sides" + sides(node));
  const bool ordering = node.op != Operator::equal && node.op != Operator::not_equal;
  if (ordering && *common == ValueType::boolean) {
    return refuse(node.offset, op + " needs numbers or texts on both sides" + sides(node));
  }
  return true;
}

bool Checker::check_call(Node& node) {
  node.function = find_function(node.word);
  if (!node.function) {
    std::vector<std::string_view> names;
    for (const Function& function : functions()) names.push_back(function.name);
    return refuse(node.offset, "unknown function " + in_quotes(node.word) + did_you_mean(node.word, names));
  }
  if (!check_arguments(node)) return false;
  node.type = node.function->result;
  switch (node.function->form) {
    case CallForm::conditional: return check_branches(node, 1);
    case CallForm::first_known: return check_branches(node, 0);
    case CallForm::by_type:
      if (node.type == ValueType::null) node.type = node.children[0]->type;
      return true;
    case CallForm::pairwise:
      node.type = ValueType::integer;
      for (const NodePtr& child : node.children) node.type = *common_type(node.type, child->type);
      return true;
    case CallForm::kernel: break;
  }
  if (node.function->kernel != lower_kernel) return true;
  node.lowered = true;
  if (++lower_calls_ <= kLowerCallsMax) return true;
  return refuse(node.offset, "more than " + std::to_string(kLowerCallsMax) + " calls of 'lower'");
}

bool Checker::check_arguments(Node& node) {
  const Function& function = *node.function;
  const std::size_t count = node.children.size();
  if (count < function.arguments_min || count > function.arguments_max) {
    return refuse(node.offset, in_quotes(function.name) + " got " + std::to_string(count) + " argument" +
                                   (count == 1 ? "" : "s") + ", but is " + std::string(function.signature));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Parameter wanted = function.parameter(i);
    if (accepts(wanted, node.children[i]->type)) continue;
    return refuse(node.children[i]->offset, "argument " + std::to_string(i + 1) + " of " + in_quotes(function.name) +
                                                " must be " + std::string(described(wanted)) + ", got " +
                                                std::string(name(node.children[i]->type)));
  }
  return true;
}

// The children from `first` on are alternatives of one value.
bool Checker::check_branches(Node& node, std::size_t first) {
  node.type = ValueType::null;
  for (std::size_t i = first; i < node.children.size(); ++i) {
    const Node& branch = *node.children[i];
    const std::optional<ValueType> common = common_type(node.type, branch.type);
    if (!common) {
      return refuse(branch.offset, in_quotes(node.word) + " needs one type for all its values, got " +
                                       std::string(name(node.type)) + " and " + std::string(name(branch.type)));
    }
    node.type = *common;
    node.lowered |= branch.lowered;
  }
  return true;
}

bool Checker::check_set(Node& node) {
  const ValueType operand = node.children[0]->type;
  node.type = ValueType::boolean;
  if (operand == ValueType::null) return refuse(node.offset, "null is in no set; use is_null(x)");
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    const Node& item = *node.children[i];
    if (item.type != ValueType::null && common_type(operand, item.type)) continue;
    return refuse(item.offset, "the item must be " + std::string(name(operand)) + " like what is sought, got " +
                                   std::string(name(item.type)));
  }
  return true;
}

bool Checker::check_list(Node& node) {
  node.type = ValueType::boolean;
  if (node.word.empty()) return refuse(node.offset, "the list's name is empty");
  if (node.children[0]->type == ValueType::text) return true;
  return refuse(node.offset, "lists hold texts, but " + std::string(name(node.children[0]->type)) + " is sought");
}

}  // namespace

std::string_view name(ValueType type) {
  switch (type) {
    case ValueType::null: return "null";
    case ValueType::boolean: return "boolean";
    case ValueType::integer: return "integer";
    case ValueType::floating: return "floating";
    case ValueType::text: return "text";
  }
  return "null";
}

Expected<void> check_types(Node& root, const Symbols& symbols, std::string_view text, const TextPlace& place) {
  const Source source(text, place);
  Checker checker(symbols, source);
  if (!checker.check(root)) return std::unexpected(checker.take_error());
  if (root.type == ValueType::null) return std::unexpected(source.error(root.offset, "the value is always null"));
  if (root.lowered) {
    return std::unexpected(source.error(root.offset, "the result of 'lower' can be compared, not returned"));
  }
  return {};
}

}  // namespace vigil::rules
