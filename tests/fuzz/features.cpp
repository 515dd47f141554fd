// The text of a catalogue of features.
#include <string>

#include "rules/features/catalogue.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/toml_error.h"

namespace vigil::rules {

VIGIL_FUZZ_TARGET(features) {
  using fuzz::require;
  const std::string text(fuzz::text(bytes));
  const auto catalogue = Catalogue::parse(text, "f.toml");
  if (!catalogue) return fuzz::check_toml_error(catalogue.error(), text, "f.toml");
  require(catalogue->text() == text, "a catalogue keeps its text");
  require(catalogue->size() <= kFeaturesMax && catalogue->reach_us() <= kReachMaxUs, "a catalogue keeps its limits");
  const auto again = Catalogue::parse(catalogue->text(), "other.toml");
  require(again.has_value(), "what was accepted once is accepted again");
  require(again->sha256() == catalogue->sha256() && again->size() == catalogue->size(),
          "the same text, the same catalogue");
  require(catalogue->symbols().size() >= catalogue->size(), "every feature is a symbol");
  for (std::size_t i = 0; i < catalogue->size(); ++i) {
    const Feature &a = catalogue->features()[i], &b = again->features()[i];
    require(catalogue->index_of(a.name) == i, "a feature is found by its name");
    require(a.name == b.name && a.aggregate == b.aggregate && a.type == b.type && a.window_us == b.window_us &&
                a.entity == b.entity && a.filter == b.filter && a.expression == b.expression,
            "the same text, the same features");
    require(a.window_us >= 0 && a.delay_us >= 0 && a.divide_by >= 1 && a.divide_by <= kDivideByMax,
            "a feature's numbers are possible");
  }
}

}  // namespace vigil::rules
