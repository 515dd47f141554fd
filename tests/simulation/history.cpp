#include "tests/simulation/history.h"

#include <xxhash.h>

#include "eventlog/schema/events.h"

namespace vigil::simulation {

void History::observe(const eventlog::Record& record) {
  const std::uint64_t position = record.position.value();
  const std::uint64_t hash =
      XXH3_64bits_withSeed(record.payload.data(), record.payload.size(),
                           static_cast<std::uint64_t>(record.address.value()) * 31 + record.type);
  if (position <= hashes_.size()) {
    if (hashes_[position - 1] != hash) throw Violation{"position " + std::to_string(position) + " changed"};
    return;
  }
  if (position != hashes_.size() + 1) {
    throw Violation{"position " + std::to_string(position) + " follows " + std::to_string(hashes_.size())};
  }
  const auto type = eventlog::type_of(record);
  if (!type) throw Violation{"position " + std::to_string(position) + ": " + type.error().text};
  std::string id;
  if (*type == eventlog::EventType::transaction_decided) {
    const auto decided = eventlog::decode<eventlog::TransactionDecided>(record);
    if (!decided) throw Violation{"position " + std::to_string(position) + ": " + decided.error().text};
    id = decided->transaction.id;
    if (!decided_.insert(id).second) throw Violation{"transaction " + id + " is decided twice"};
  }
  hashes_.push_back(hash);
  ids_.push_back(std::move(id));
}

void History::forget_after(std::uint64_t position) {
  while (hashes_.size() > position) {
    decided_.erase(ids_.back());
    ids_.pop_back();
    hashes_.pop_back();
  }
}

}  // namespace vigil::simulation
