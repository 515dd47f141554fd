// What a decision pays for its rules: the default rule set over the slots of ordinary payments.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "rules/expression/lists.h"
#include "rules/expression/transaction_fields.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::rules {
namespace {

constexpr std::size_t kPayments = 1024;  // enough that no branch is learnt by heart

// Payments as customers make them: few of anything within minutes, some dozens in 30 days, one amount in twenty
// large, one device in twenty new, one country in fifty foreign; new customers have no means yet.
class Payments {
 public:
  explicit Payments(const Catalogue& catalogue) : width_(kTransactionFields + catalogue.size()) {
    slots_.resize(kPayments * width_);
    for (std::size_t i = 0; i < kPayments; ++i) {
      for (const Symbol& symbol : catalogue.symbols()) slots_[i * width_ + symbol.slot] = value(symbol);
    }
  }
  std::span<const Value> next() { return std::span(slots_).subspan(turn_++ % kPayments * width_, width_); }

 private:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }
  bool one_in(std::int64_t count) { return below(count) == 0; }

  Value value(const Symbol& symbol) {
    const std::string_view name = symbol.name;
    if (name == "amount" || name == "amount_base")
      return Value::of(one_in(20) ? 10'000 + below(90'000) : 300 + below(9'000));
    if (name == "is_night") return Value::boolean(one_in(4));
    if (symbol.type == ValueType::boolean) return Value::boolean(!one_in(20));
    if (symbol.type == ValueType::text) return Value::of(std::string_view(one_in(50) ? "DE" : "FR"));
    const std::int64_t scale = name.ends_with("_30d") ? 100 : name.ends_with("_24h") ? 5 : 2;
    if (symbol.type == ValueType::integer) return Value::of(below(scale));
    return one_in(20) ? Value::null() : Value::of(static_cast<double>(below(400 * scale)) / 8);
  }

  std::size_t width_;
  std::size_t turn_ = 0;
  std::mt19937_64 random_{7};
  std::vector<Value> slots_;
};

struct Defaults {
  Catalogue catalogue = *Catalogue::parse(default_features_toml(), "default_features.toml");
  RuleSet rules = *RuleSet::parse(default_rules_toml(), "default_rules.toml", catalogue);
  Payments payments{catalogue};
  Lists lists;
};

void evaluate_rule_set(benchmark::State& bench) {
  Defaults defaults;
  if (bench.range(0) != 0) {
    for (const char* list : {"blocked_customers", "blocked_merchants", "blocked_devices", "blocked_countries"}) {
      defaults.lists.apply({list, {"nobody"}, {}});
    }
  }
  std::vector<std::uint16_t> matched;
  std::size_t matches = 0;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(defaults.rules.evaluate(defaults.payments.next(), defaults.lists, matched));
    matches += matched.size();
  }
  bench.counters["matched"] = benchmark::Counter(static_cast<double>(matches), benchmark::Counter::kAvgIterations);
}

// The same conditions one by one, each run whole: what guards save.
void run_every_program(benchmark::State& bench) {
  Defaults defaults;
  for (auto _ : bench) {
    const auto slots = defaults.payments.next();
    for (const Rule& rule : defaults.rules.rules()) {
      benchmark::DoNotOptimize(rule.condition.evaluate(slots, defaults.lists));
    }
  }
}

BENCHMARK(evaluate_rule_set)->ArgName("lists")->Arg(0)->Arg(1);
BENCHMARK(run_every_program);

}  // namespace
}  // namespace vigil::rules
