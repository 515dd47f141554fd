#include "rules/expression/expression.h"

#include <cstdlib>

#include "rules/expression/program.h"
#include "rules/expression/source.h"
#include "rules/expression/syntax.h"

namespace vigil::rules {
namespace {

// Runs the steps and returns the result's value. `temporaries` holds kTemporariesMax values, uninitialized.
Value run(const Expression::Program& program, const Evaluation& evaluation, const Value* slots, Value* temporaries) {
  const Value* const banks[] = {temporaries, program.constants.data(), slots};
  const auto read = [&banks](Operand operand) -> const Value& {
    return banks[static_cast<std::size_t>(operand.bank)][operand.index];
  };
  const Step* const steps = program.steps.data();
  const Step* const end = steps + program.steps.size();
  for (const Step* step = steps; step != end;) {
    const Value& a = read(step->a);
    bool jumps = true;
    switch (step->control) {
      case Control::compute:
        step->kernel(evaluation, a, read(step->b), temporaries[step->out]);
        ++step;
        continue;
      case Control::jump: break;
      case Control::jump_if_false: jumps = a.type == ValueType::boolean && a.integer == 0; break;
      case Control::jump_if_true: jumps = a.truth(); break;
      case Control::jump_unless_true: jumps = !a.truth(); break;
      case Control::jump_unless_null: jumps = !a.is_null(); break;
    }
    step = jumps ? steps + step->target : step + 1;
  }
  return read(program.result);
}

}  // namespace

Expression::Expression(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

Expected<Expression> Expression::compile_any(std::string_view text, const Symbols& symbols, const TextPlace& place) {
  Expected<NodePtr> root = parse_syntax(text, place);
  if (!root) return std::unexpected(std::move(root.error()));
  if (auto checked = check_types(**root, symbols, text, place); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return Expression(generate_program(**root, (*root)->type, std::string(text)));
}

Expected<Expression> Expression::compile(std::string_view text, const Symbols& symbols, ValueType wanted,
                                         const TextPlace& place) {
  Expected<NodePtr> root = parse_syntax(text, place);
  if (!root) return std::unexpected(std::move(root.error()));
  if (auto checked = check_types(**root, symbols, text, place); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const ValueType found = (*root)->type;
  const bool fits = found == wanted || (found == ValueType::integer && wanted == ValueType::floating);
  if (!fits) {
    const std::string reason =
        "the value must be " + std::string(name(wanted)) + ", but is " + std::string(name(found));
    return std::unexpected(Source(text, place).error(0, reason));
  }
  return Expression(generate_program(**root, wanted, std::string(text)));
}

ValueType Expression::type() const { return program_->type; }
const std::string& Expression::text() const { return program_->text; }
const std::vector<std::string>& Expression::lists_used() const { return program_->lists_used; }
const std::vector<std::size_t>& Expression::slots_used() const { return program_->slots_used; }
const Guards& Expression::guards() const { return program_->guards; }

bool Expression::holds(std::span<const Value> slots, const Lists& lists) const {
  const Program& program = *program_;
  if (slots.size() < program.slots_needed) std::abort();  // as in evaluate()
  for (const Guard& guard : program.guards.all) {
    if (!guard.passes(slots.data(), lists)) return false;
  }
  return program.guards.complete || evaluate(slots, lists).truth();
}

Value Expression::evaluate(std::span<const Value> slots, const Lists& lists) const {
  const Program& program = *program_;
  if (slots.size() < program.slots_needed) std::abort();  // the caller's span is too short: a broken invariant
  // Bytes, so that nothing is initialized in vain: every temporary is written before it is read.
  alignas(Value) std::byte temporaries[kTemporariesMax * sizeof(Value)];
  char lowered[kLowerCallsMax * kLowerBytesMax];
  const Evaluation evaluation{lists, program.sets, lowered};
  return run(program, evaluation, slots.data(), reinterpret_cast<Value*>(temporaries));
}

}  // namespace vigil::rules
