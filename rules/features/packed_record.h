// An entity's record, but for its windows and retained entries, as bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "rules/features/entity_record.h"
#include "rules/features/number_bytes.h"
#include "rules/features/window_plan.h"

namespace vigil::rules {

// A lifetime with its place, a home, the last number of each column, a history.
inline constexpr std::size_t kPackedNumbersMax = 1 + 9 + 2 + 2 + kColumns + 1 + eventlog::HistoryChain::kRootsMax;
inline constexpr std::size_t kPackedRecordMax = kPackedNumbersMax * kNumberBytesMax;

// Writes to `room` of kPackedRecordMax bytes and returns how many it took.
std::size_t pack_record(const EntityRecord& record, const KindPlan& plan, char* room);
// What stands at the beginning of `bytes` can be unpacked: returns it. Otherwise "".
std::string_view packed_record(std::string_view bytes, const KindPlan& plan);
// `packed` was returned by packed_record(), for the same plan; `record` is new.
void unpack_record(std::string_view packed, const KindPlan& plan, EntityRecord& record);

}  // namespace vigil::rules
