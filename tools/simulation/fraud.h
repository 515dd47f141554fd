// The ways people cheat: each call makes one episode of one scenario.
#pragma once

#include <vector>

#include "tools/simulation/payment.h"

namespace vigil::tools::simulation {

// Appends the payments of one episode that begins on the day: fraudulent ones and, where the scenario needs
// them, genuine ones of the victim. Returns how many of them are fraudulent (at least 1).
std::size_t add_fraud_episode(const Population& population, Scenario scenario, std::int64_t day,
                              std::int64_t day_start_us, Random& random, std::vector<Payment>& payments);

// A scenario, the frequent ones more often.
Scenario any_scenario(Random& random);

}  // namespace vigil::tools::simulation
