// The stream the benchmarks send: many customers, popular merchants, a little lateness, some bad luck.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vigil::bench {

struct WorkloadShape {
  std::uint32_t customers = 50'000;
  std::uint32_t merchants = 5'000;  // chosen with a skew: the most popular takes a few percent of all
  std::uint32_t late_per_mille = 10;
  std::int64_t step_us = 20'000;  // event time between two transactions
  std::int64_t start_us = 0;      // event time of the first
  std::uint64_t seed = 1;
};

// JSON transactions of about 300 bytes. Deterministic: the same shape gives the same stream.
class Workload {
 public:
  explicit Workload(const WorkloadShape& shape) : shape_(shape), state_(shape.seed) {}
  // Appends the next transaction object to `out`.
  void append_transaction(std::string& out);
  // A message with the next `count` transactions; `id` is echoed by the server.
  std::string message(std::uint64_t id, std::size_t count);

 private:
  std::uint64_t random();
  std::uint32_t below(std::uint32_t limit);

  WorkloadShape shape_;
  std::uint64_t state_;
  std::uint64_t number_ = 0;
};

}  // namespace vigil::bench
