// Announced transactions, whose state is on its way to the cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "rules/features/entity_store.h"

namespace vigil::rules {

// Of one transaction, by kind; "" where it has none.
using EntityIds = std::array<std::string_view, eventlog::kEntityKinds>;

// Announced transactions on their way to the cache: each call takes one step for this transaction and the
// later steps for earlier ones, whose memory has arrived meanwhile, so that no step waits.
class PrefetchQueue {
 public:
  static constexpr std::size_t kStep = 4;  // announcements between two steps of one transaction

  using Stores = std::array<std::unique_ptr<EntityStore>, eventlog::kEntityKinds>;

  void announce(const Stores& stores, const EntityIds& ids, std::int64_t time_us, Wanted wanted) {
    Announced& now = queue_[next_ % kLength];
    now.wanted = wanted;
    now.time_us = time_us;
    for (std::size_t kind = 0; kind < eventlog::kEntityKinds; ++kind) {
      now.named[kind] = !ids[kind].empty();
      now.numbers[kind].reset();
      if (!now.named[kind]) continue;
      now.hashes[kind] = NameTable::hash(ids[kind]);
      stores[kind]->prefetch_slot(now.hashes[kind]);
    }
    step(stores);
  }
  void announce_nothing(const Stores& stores) {
    queue_[next_ % kLength] = {};
    step(stores);
  }

 private:
  static constexpr std::size_t kLength = 16;
  struct Announced {
    std::array<bool, eventlog::kEntityKinds> named{};
    std::array<std::uint64_t, eventlog::kEntityKinds> hashes{};
    std::array<std::optional<std::uint32_t>, eventlog::kEntityKinds> numbers;
    std::int64_t time_us = 0;
    Wanted wanted = Wanted::observing;
  };

  void step(const Stores& stores) {
    Announced& second = queue_[(next_ - kStep) % kLength];
    Announced& third = queue_[(next_ - 2 * kStep) % kLength];
    Announced& fourth = queue_[(next_ - 3 * kStep) % kLength];
    for (std::size_t kind = 0; kind < eventlog::kEntityKinds; ++kind) {
      if (second.named[kind]) second.numbers[kind] = stores[kind]->prefetch_record(second.hashes[kind], second.wanted);
      if (third.numbers[kind]) stores[kind]->prefetch_directory(*third.numbers[kind]);
      if (fourth.numbers[kind]) stores[kind]->prefetch_entries(*fourth.numbers[kind], fourth.time_us, fourth.wanted);
    }
    ++next_;
  }

  std::array<Announced, kLength> queue_{};
  std::size_t next_ = kLength;
};

}  // namespace vigil::rules
