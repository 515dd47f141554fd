#include "bench/latency.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace vigil::bench {

std::int64_t Latencies::percentile(double percent) {
  if (values_.empty()) return 0;
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(values_.size())));
  return values_[std::clamp<std::size_t>(rank, 1, values_.size()) - 1];
}

std::string Latencies::summary() {
  char text[128];
  std::snprintf(text, sizeof text, "p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms",
                static_cast<double>(percentile(50)) / 1000, static_cast<double>(percentile(99)) / 1000,
                static_cast<double>(percentile(99.9)) / 1000);
  return text;
}

}  // namespace vigil::bench
