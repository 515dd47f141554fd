// The feature catalogues and rule sets a log was decided with, found again by their version.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "eventlog/storage/log.h"
#include "rules/features/catalogue.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::api {

// Needs no index: decided events carry their versions, which never fall along the log, so the activation
// is found by bisection. What was found is kept. Not thread-safe; `log` must outlive it.
class Activations {
 public:
  explicit Activations(const eventlog::LogSource& log) : log_(log) {}

  // Errors: not_found (no such version), damaged. The result lives as long as this object.
  eventlog::Expected<const rules::Catalogue*> catalogue(std::uint32_t features_version);
  eventlog::Expected<const rules::RuleSet*> rule_set(std::uint32_t features_version, std::uint32_t rules_version);

  // The newest versions in the log; 0 where there is none yet. Cost: the events behind the last decision.
  struct Versions {
    std::uint32_t features = 0, rules = 0;
  };
  eventlog::Expected<Versions> in_force() const;

 private:
  const eventlog::LogSource& log_;
  std::map<std::uint32_t, rules::Catalogue> catalogues_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, rules::RuleSet> rule_sets_;
};

}  // namespace vigil::api
