// What is known of an entity over its whole life: totals that never expire.
#pragma once

#include <cstdint>
#include <optional>

#include "eventlog/schema/events.h"

namespace vigil::rules {

// A value and a fold. Sums are integers, so any order of the same events gives the same state (first and last
// follow event time; at equal event times the later event in the log wins).
struct Lifetime {
  std::uint64_t transactions = 0;
  std::uint64_t declined = 0;                 // our own outcome
  std::uint64_t frauds = 0;                   // labelled fraud so far
  std::int64_t amount_sum_minor = 0;          // base currency
  unsigned __int128 amount_square_sum = 0;    // base currency minor units, squared
  eventlog::EventTime first_seen;             // event time; meaningful when transactions > 0
  eventlog::EventTime last_seen;              // event time, the newest
  std::optional<eventlog::Place> last_place;  // of the newest transaction that had a place
  eventlog::EventTime last_place_time;

  void apply(const eventlog::TransactionDecided& event);
  void apply(const eventlog::LabelReported& event);  // counts and corrections

  // Mean and population standard deviation of the amount; 0 transactions give 0.
  double mean() const;
  double standard_deviation() const;
};

// Exact integer sums to the correctly rounded quotient; the same on every machine.
double mean_of(std::int64_t sum, std::uint64_t count);
// Population standard deviation sqrt(n·Σx² − (Σx)²) / n, numerator in 128-bit integers.
double standard_deviation_of(std::int64_t sum, unsigned __int128 square_sum, std::uint64_t count);

}  // namespace vigil::rules
