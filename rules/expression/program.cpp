#include "rules/expression/program.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "rules/expression/functions.h"

namespace vigil::rules {
namespace {

// The type on which a comparison or arithmetic of two children works.
ValueType operating_type(const Node& node) {
  const ValueType left = node.children[0]->type;
  const ValueType right = node.children.size() > 1 ? node.children[1]->type : left;
  return left != right && is_number(left) && is_number(right) ? ValueType::floating : left;
}

// Temporaries are a stack: generate(node, top) may write those from `top` on, and leaves the value in `top`
// unless it already stands somewhere else.
class Generator {
 public:
  explicit Generator(Expression::Program& program) : program_(program) {}

  Operand generate(const Node& node, std::uint16_t top);
  // The same, but always in `top` and of `type` (or null).
  Operand generate_into(const Node& node, std::uint16_t top, ValueType type);
  void finish() {
    program_.slots_used.assign(slots_.begin(), slots_.end());
    program_.slots_needed = slots_.empty() ? 0 : *slots_.rbegin() + 1;
    program_.lists_used.assign(lists_.begin(), lists_.end());
  }

 private:
  Operand operation(const Node& node, std::uint16_t top);
  Operand logic(const Node& node, std::uint16_t top);
  Operand call(const Node& node, std::uint16_t top);
  Operand conditional(const Node& node, std::uint16_t top);
  Operand first_known(const Node& node, std::uint16_t top);
  Operand pairwise(const Node& node, std::uint16_t top);
  Operand in_set(const Node& node, std::uint16_t top);

  Operand constant(Value value) {
    program_.constants.push_back(value);
    return {Bank::constant, static_cast<std::uint16_t>(program_.constants.size() - 1)};
  }
  Operand text_constant(const std::string& text) {
    return constant(Value::of(std::string_view(program_.texts.emplace_back(text))));
  }
  Operand index_constant(std::size_t index) { return constant(Value::of(static_cast<std::int64_t>(index))); }
  Operand compute(Kernel kernel, Operand a, Operand b, std::uint16_t out) {
    if (out >= kTemporariesMax) std::abort();  // the depth limit keeps every tree below
    program_.steps.push_back({kernel, a, b, out, 0, Control::compute});
    return {Bank::temporary, out};
  }
  std::size_t jump(Control control, Operand a) {
    program_.steps.push_back({nullptr, a, {}, 0, 0, control});
    return program_.steps.size() - 1;
  }
  void land(std::size_t jump) { program_.steps[jump].target = static_cast<std::uint16_t>(program_.steps.size()); }
  // The first temporary free after `operand` was generated at `top`.
  static std::uint16_t above(Operand operand, std::uint16_t top) {
    return operand.bank == Bank::temporary ? static_cast<std::uint16_t>(top + 1) : top;
  }

  Expression::Program& program_;
  std::set<std::size_t> slots_;
  std::set<std::string> lists_;
};

Operand Generator::generate(const Node& node, std::uint16_t top) {
  switch (node.kind) {
    case NodeKind::literal: return node.type == ValueType::text ? text_constant(node.word) : constant(node.literal);
    case NodeKind::name: slots_.insert(node.slot); return {Bank::slot, static_cast<std::uint16_t>(node.slot)};
    case NodeKind::operation: return operation(node, top);
    case NodeKind::call: return call(node, top);
    case NodeKind::in_set: return in_set(node, top);
    case NodeKind::in_list: {
      lists_.insert(node.word);
      const Operand sought = generate(*node.children[0], top);
      return compute(in_list_kernel, sought, text_constant(node.word), top);
    }
  }
  std::abort();
}

Operand Generator::generate_into(const Node& node, std::uint16_t top, ValueType type) {
  const Operand value = generate(node, top);
  const bool settled = value.bank == Bank::temporary && node.type == type;
  return settled ? value : compute(move_kernel(type), value, value, top);
}

Operand Generator::operation(const Node& node, std::uint16_t top) {
  if (node.op == Operator::and_ || node.op == Operator::or_) return logic(node, top);
  const Kernel kernel = operator_kernel(node.op, operating_type(node));
  const Operand left = generate(*node.children[0], top);
  if (node.children.size() == 1) return compute(kernel, left, left, top);
  const Operand right = generate(*node.children[1], above(left, top));
  return compute(kernel, left, right, top);
}

// The right side is skipped when the left one decides.
Operand Generator::logic(const Node& node, std::uint16_t top) {
  const Operand left = generate_into(*node.children[0], top, ValueType::boolean);
  const bool conjunction = node.op == Operator::and_;
  const std::size_t decided = jump(conjunction ? Control::jump_if_false : Control::jump_if_true, left);
  const Operand right = generate(*node.children[1], static_cast<std::uint16_t>(top + 1));
  compute(operator_kernel(node.op, ValueType::boolean), left, right, top);
  land(decided);
  return left;
}

Operand Generator::conditional(const Node& node, std::uint16_t top) {
  const Operand condition = generate(*node.children[0], top);
  const std::size_t otherwise = jump(Control::jump_unless_true, condition);
  generate_into(*node.children[1], top, node.type);
  const std::size_t done = jump(Control::jump, {});
  land(otherwise);
  const Operand result = generate_into(*node.children[2], top, node.type);
  land(done);
  return result;
}

Operand Generator::first_known(const Node& node, std::uint16_t top) {
  std::vector<std::size_t> found;
  for (const NodePtr& child : node.children) {
    const Operand value = generate_into(*child, top, node.type);
    found.push_back(jump(Control::jump_unless_null, value));
  }
  for (std::size_t jump : found) land(jump);
  return {Bank::temporary, top};
}

Operand Generator::pairwise(const Node& node, std::uint16_t top) {
  const Kernel kernel = node.function->kernel_of(node.type);
  Operand left = generate(*node.children[0], top);
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    const Operand right = generate(*node.children[i], above(left, top));
    left = compute(kernel, left, right, top);
  }
  return left;
}

Operand Generator::call(const Node& node, std::uint16_t top) {
  const Function& function = *node.function;
  switch (function.form) {
    case CallForm::conditional: return conditional(node, top);
    case CallForm::first_known: return first_known(node, top);
    case CallForm::pairwise: return pairwise(node, top);
    case CallForm::by_type: {
      const Operand argument = generate(*node.children[0], top);
      return compute(function.kernel_of(node.children[0]->type), argument, argument, top);
    }
    case CallForm::kernel: break;
  }
  if (node.children.size() > 2) {  // in a row, so that the kernel finds them from the first
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      generate_into(*node.children[i], static_cast<std::uint16_t>(top + i), ValueType::floating);
    }
    return compute(function.kernel, {Bank::temporary, top}, {Bank::temporary, top}, top);
  }
  const Operand left = generate(*node.children[0], top);
  Operand right = left;
  if (function.kernel == lower_kernel) right = index_constant(program_.lower_calls++);
  else if (node.children.size() == 2) right = generate(*node.children[1], above(left, top));
  return compute(function.kernel, left, right, top);
}

Operand Generator::in_set(const Node& node, std::uint16_t top) {
  ValueType type = node.children[0]->type;
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    if (node.children[i]->type != type && is_number(type)) type = ValueType::floating;
  }
  LiteralSet set;
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    const Node& item = *node.children[i];
    const bool integral = item.type == ValueType::integer;
    if (type == ValueType::text) set.texts.push_back(program_.texts.emplace_back(item.word));
    else if (type != ValueType::floating) set.integers.push_back(item.literal.integer);
    else set.floatings.push_back(integral ? static_cast<double>(item.literal.integer) : item.literal.floating);
  }
  std::ranges::sort(set.integers);
  std::ranges::sort(set.floatings);
  std::ranges::sort(set.texts);
  program_.sets.push_back(std::move(set));
  const Operand index = index_constant(program_.sets.size() - 1);
  const Operand sought = generate(*node.children[0], top);
  return compute(in_set_kernel(type), sought, index, top);
}

}  // namespace

std::shared_ptr<const Expression::Program> generate_program(const Node& root, ValueType wanted, std::string text) {
  auto program = std::make_shared<Expression::Program>();
  program->text = std::move(text);
  program->type = wanted;
  Generator generator(*program);
  program->result = generator.generate_into(root, 0, wanted);
  generator.finish();
  if (wanted == ValueType::boolean) program->guards = find_guards(root, program->texts);
  return program;
}

}  // namespace vigil::rules
