// Labels that wait for the moment they become known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/schema/events.h"

namespace vigil::commands {

struct WaitingLabel {
  std::int64_t due_us = 0;
  std::uint64_t row = 0;  // orders labels that are due at the same instant
  std::string transaction_id;
  std::uint16_t transaction_version = 1;
  eventlog::LabelKind kind = eventlog::LabelKind::fraud;
};

// Not thread-safe. Memory: one entry per label within the delay.
class LabelQueue {
 public:
  void push(WaitingLabel label) {
    heap_.push_back(std::move(label));
    std::ranges::push_heap(heap_, later);
  }
  // The next label if it is due at `time_us` or before; valid until pop() or push().
  const WaitingLabel* due(std::int64_t time_us) const {
    return !heap_.empty() && heap_.front().due_us <= time_us ? &heap_.front() : nullptr;
  }
  void pop() {
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
  }
  std::uint64_t size() const { return heap_.size(); }

 private:
  static bool later(const WaitingLabel& a, const WaitingLabel& b) {
    return a.due_us != b.due_us ? a.due_us > b.due_us : a.row > b.row;
  }

  std::vector<WaitingLabel> heap_;
};

}  // namespace vigil::commands
