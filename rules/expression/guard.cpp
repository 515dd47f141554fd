#include "rules/expression/guard.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "rules/expression/functions.h"
#include "rules/expression/limits.h"
#include "rules/expression/program.h"

namespace vigil::rules {
namespace {

// A guard's text size is 16 bits: every literal fits.
static_assert(kExpressionBytesMax <= UINT16_MAX);

bool is_constant(const Node& node) {
  if (node.kind == NodeKind::name || node.kind == NodeKind::in_list) return false;
  return std::ranges::all_of(node.children, [](const NodePtr& child) { return is_constant(*child); });
}

// The number or boolean a tree without names always gives; nothing for texts and nulls.
std::optional<Value> folded(const Node& node) {
  if (!is_constant(node) || (!is_number(node.type) && node.type != ValueType::boolean)) return std::nullopt;
  const Value value = Expression(generate_program(node, node.type, {})).evaluate({}, Lists{});
  return value.is_null() ? std::nullopt : std::optional(value);
}

Operator mirrored(Operator op) {
  switch (op) {
    case Operator::less: return Operator::greater;
    case Operator::less_equal: return Operator::greater_equal;
    case Operator::greater: return Operator::less;
    case Operator::greater_equal: return Operator::less_equal;
    default: return op;  // == and != are their own mirror
  }
}

Guard on_slot(GuardKind kind, const Node& name) {
  Guard guard;
  guard.kind = kind;
  guard.slot = static_cast<std::uint16_t>(name.slot);
  return guard;
}

Guard integers(const Node& name, Operator op, ValueType type, std::int64_t bound) {
  Guard guard = on_slot(GuardKind::integers, name);
  guard.type = type;
  guard.lowest = INT64_MIN;
  guard.highest = INT64_MAX;
  switch (op) {
    case Operator::less:
      if (bound == INT64_MIN) guard.lowest = INT64_MAX;  // no integer is less: an empty range
      guard.highest = bound == INT64_MIN ? bound : bound - 1;
      break;
    case Operator::less_equal: guard.highest = bound; break;
    case Operator::greater:
      if (bound == INT64_MAX) guard.highest = INT64_MIN;
      guard.lowest = bound == INT64_MAX ? bound : bound + 1;
      break;
    case Operator::greater_equal: guard.lowest = bound; break;
    default: guard.lowest = guard.highest = bound; break;
  }
  guard.wanted = op != Operator::not_equal;
  return guard;
}

Guard floatings(const Node& name, Operator op, double bound) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Guard guard = on_slot(GuardKind::floatings, name);
  guard.lowest_floating = -kInfinity;
  guard.highest_floating = kInfinity;
  switch (op) {
    case Operator::less: guard.highest_floating = std::nextafter(bound, -kInfinity); break;
    case Operator::less_equal: guard.highest_floating = bound; break;
    case Operator::greater: guard.lowest_floating = std::nextafter(bound, kInfinity); break;
    case Operator::greater_equal: guard.lowest_floating = bound; break;
    default: guard.lowest_floating = guard.highest_floating = bound; break;
  }
  guard.wanted = op != Operator::not_equal;
  return guard;
}

class Finder {
 public:
  explicit Finder(std::deque<std::string>& texts) : texts_(texts) {}

  void add(const Node& node) {
    if (node.kind == NodeKind::operation && node.op == Operator::and_) {
      for (const NodePtr& child : node.children) add(*child);
    } else if (const std::optional<Guard> guard = exact(node, true)) {
      found_.all.push_back(*guard);
    } else {
      found_.complete = false;
      if (needs_lists(node)) found_.all.push_back(on_slot(GuardKind::some_list, node));
    }
  }
  Guards take() { return std::move(found_); }

 private:
  // The guard that passes when the node is `wanted`, and only then.
  std::optional<Guard> exact(const Node& node, bool wanted);
  std::optional<Guard> comparison(const Node& node);
  std::optional<Guard> with_constant(const Node& name, Operator op, const Node& constant);
  // Whether the node cannot be true while all lists are empty.
  static bool needs_lists(const Node& node) {
    if (node.kind == NodeKind::in_list) return true;
    if (node.kind != NodeKind::operation) return false;
    const auto child_needs = [](const NodePtr& child) { return needs_lists(*child); };
    if (node.op == Operator::and_) return std::ranges::any_of(node.children, child_needs);
    return node.op == Operator::or_ && std::ranges::all_of(node.children, child_needs);
  }
  Guard with_text(GuardKind kind, const Node& name, const std::string& text) {
    Guard guard = on_slot(kind, name);
    const std::string& kept = texts_.emplace_back(text);
    guard.text_data = kept.data();
    guard.text_size = static_cast<std::uint16_t>(kept.size());
    return guard;
  }

  std::deque<std::string>& texts_;
  Guards found_{{}, true};
};

std::optional<Guard> Finder::exact(const Node& node, bool wanted) {
  std::optional<Guard> guard;
  if (node.kind == NodeKind::name) {
    guard = integers(node, Operator::not_equal, ValueType::boolean, 0);
  } else if (node.kind == NodeKind::in_list && node.children[0]->kind == NodeKind::name) {
    guard = with_text(GuardKind::in_list, *node.children[0], node.word);
  } else if (node.kind == NodeKind::operation && node.op == Operator::not_) {
    return exact(*node.children[0], !wanted);
  } else if (node.kind == NodeKind::operation && node.children.size() == 2) {
    guard = comparison(node);
  }
  if (guard && !wanted) guard->wanted = !guard->wanted;
  return guard;
}

std::optional<Guard> Finder::comparison(const Node& node) {
  if (node.op < Operator::equal || node.op > Operator::greater_equal) return std::nullopt;
  const Node& left = *node.children[0];
  const Node& right = *node.children[1];
  if (left.kind == NodeKind::name && right.kind == NodeKind::name) {
    const bool equality = node.op == Operator::equal || node.op == Operator::not_equal;
    if (left.type != ValueType::text || !equality) return std::nullopt;
    Guard guard = on_slot(GuardKind::texts, left);
    guard.other_slot = static_cast<std::uint16_t>(right.slot);
    guard.wanted = node.op == Operator::equal;
    return guard;
  }
  if (left.kind == NodeKind::name) return with_constant(left, node.op, right);
  if (right.kind == NodeKind::name) return with_constant(right, mirrored(node.op), left);
  return std::nullopt;
}

std::optional<Guard> Finder::with_constant(const Node& name, Operator op, const Node& constant) {
  if (name.type == ValueType::text) {
    const bool equality = op == Operator::equal || op == Operator::not_equal;
    if (!equality || constant.kind != NodeKind::literal) return std::nullopt;
    Guard guard = with_text(GuardKind::text, name, constant.word);
    guard.wanted = op == Operator::equal;
    return guard;
  }
  const std::optional<Value> bound = folded(constant);
  if (!bound) return std::nullopt;
  if (name.type == constant.type && name.type != ValueType::floating) {
    return integers(name, op, name.type, bound->integer);
  }
  const bool integral = bound->type == ValueType::integer;
  return floatings(name, op, integral ? static_cast<double>(bound->integer) : bound->floating);
}

}  // namespace

Guards find_guards(const Node& root, std::deque<std::string>& texts) {
  Finder finder(texts);
  finder.add(root);
  return finder.take();
}

}  // namespace vigil::rules
