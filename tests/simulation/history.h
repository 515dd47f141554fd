// What anybody was ever shown of the log: it may only grow.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "eventlog/storage/log.h"

namespace vigil::simulation {

// Thrown when a promise is broken.
struct Violation {
  std::string text;
};

class History {
 public:
  // Throws when the position is not the next one or one already seen with the same contents, or when a transaction
  // is decided a second time.
  void observe(const eventlog::Record& record);
  std::uint64_t size() const { return hashes_.size(); }
  bool decided(const std::string& transaction_id) const { return decided_.contains(transaction_id); }
  // Forgets what stood behind `position`: only for damage that nobody can notice.
  void forget_after(std::uint64_t position);

 private:
  std::vector<std::uint64_t> hashes_;  // by position, from 1
  std::vector<std::string> ids_;       // of the transaction decided there, or ""
  std::unordered_set<std::string> decided_;
};

}  // namespace vigil::simulation
