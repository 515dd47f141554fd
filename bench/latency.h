// Latencies kept exactly, one number each, and their percentiles.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vigil::bench {

// Not thread-safe. Percentiles by nearest rank over all recorded values.
class Latencies {
 public:
  void record(std::int64_t us) { values_.push_back(us); }
  std::size_t count() const { return values_.size(); }
  std::int64_t percentile(double percent);
  // "p50 0.41 ms, p99 0.70 ms, p99.9 1.20 ms"
  std::string summary();

 private:
  std::vector<std::int64_t> values_;
  bool sorted_ = false;
};

}  // namespace vigil::bench
