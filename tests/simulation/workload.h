// What the simulated callers ask for, and what they were told.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "commands/engine.h"
#include "tests/simulation/random.h"

namespace vigil::simulation {

struct Answer {
  commands::ReplyStatus status = commands::ReplyStatus::decided;
  eventlog::Outcome outcome = eventlog::Outcome::approve;
  std::int32_t score = 0;
  eventlog::Position position;
  friend bool operator==(const Answer&, const Answer&) = default;
};

struct Request {
  enum class Kind : std::uint8_t { submit, label, update_customer, update_list, unacceptable };
  Kind kind = Kind::submit;
  std::string id, customer, merchant;
  std::int64_t amount_minor = 0, event_time_us = 0;
  std::string raw;
  std::optional<Answer> acknowledged;
};

// Not thread-safe. Requests stay where they are; commands made from them point into them.
class Workload {
 public:
  explicit Workload(Random& random);

  // A new request, or now and then an old one again.
  Request& next(std::int64_t now_us);
  std::deque<Request>& all() { return requests_; }
  static commands::Command command(const Request& request);
  static commands::EngineOptions options();

 private:
  Random& random_;
  const std::uint64_t large_per_mille_;  // requests that fill segments: many in some runs, few in most
  std::deque<Request> requests_;
};

}  // namespace vigil::simulation
