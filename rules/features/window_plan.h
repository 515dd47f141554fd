// The catalogue compiled: which windows, sums and columns each entity kind keeps, and how a feature reads
// them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/expression/expression.h"
#include "rules/features/catalogue.h"
#include "rules/features/entry_layout.h"

namespace vigil::rules {

// Offsets below are bytes into an entity's record; 0 means "not kept" (a record begins with its header).
using RecordOffset = std::uint32_t;

// Integer sums over the entries of a window that carry all of `mask`'s flags (0: every entry).
struct Accumulator {
  std::uint16_t mask = 0;
  RecordOffset count = 0;     // std::uint32_t; not kept when mask is 0: the window's length says it
  RecordOffset frauds = 0;    // std::uint32_t
  RecordOffset declines = 0;  // std::uint32_t
  RecordOffset sum = 0;       // std::int64_t
  RecordOffset squares = 0;   // unsigned __int128
  // std::uint64_t: the extreme amount plus one, or 0 when it is not known and the window has to be scanned.
  RecordOffset smallest = 0;
  RecordOffset largest = 0;

  // Whether entries change anything here; a window's length needs no sums.
  bool sums_up() const { return (count | frauds | declines | sum | smallest | largest) != 0; }
};

// How often each number of a column occurs in a window; counted only while the window is long.
struct NumberSet {
  std::uint16_t mask = 0;
  std::uint8_t column = 0;
  std::uint32_t scan_max = 0;  // longest window that is scanned instead of counted
  RecordOffset counts = 0;     // CountedNumbers*, null while scanned
  RecordOffset traces = 0;     // NumberTraces, for seen_before
};

// One window (W, D) of an entity kind: a pair of entry indexes that slide, and what is summed between them.
struct WindowPlan {
  std::int64_t window_us = 0;
  std::int64_t delay_us = 0;
  RecordOffset bounds = 0;  // WindowBounds
  std::vector<Accumulator> accumulators;
  std::vector<Accumulator> summed;  // of them those that entries change
  std::vector<NumberSet> sets;
  bool only_length = false;  // entries change nothing but the bounds
};

struct KindPlan {
  EntryLayout layout;
  std::vector<WindowPlan> windows;
  std::vector<std::uint16_t> filters;         // which filter of the catalogue decides flag kFilterShift + i
  std::array<RecordOffset, kColumns> last{};  // number of each column at the newest transaction
  bool places_labels = false;
  bool looks_back = false;       // seen_before reads the newest entries
  std::uint32_t last_begin = 0;  // where `last` numbers stand: at the record's end
  std::uint32_t record_bytes = 0;

  std::size_t last_kept() const { return kColumns - static_cast<std::size_t>(std::ranges::count(last, 0)); }
};

// How one feature is read.
struct FeaturePlan {
  Aggregate aggregate = Aggregate::count;
  std::uint8_t kind = 0;
  std::uint8_t column = 0;        // distinct, seen_before, last
  bool counts_current = false;    // the observed transaction counts, if it passes the filter
  std::uint16_t mask = 0;         // the filter's flag, 0: none
  std::uint16_t window = 0;       // index into KindPlan::windows
  std::uint16_t accumulator = 0;  // index into WindowPlan::accumulators
  std::uint16_t set = 0;          // index into WindowPlan::sets
  std::uint16_t expression = 0;   // index into Plan::expressions
  std::int64_t divide_by = 1;
  bool gives_quotient = false;  // a sum, minimum or maximum that is divided
};

struct Plan {
  std::array<KindPlan, eventlog::kEntityKinds> kinds;
  std::vector<FeaturePlan> features;
  std::vector<Expression> filters;      // distinct filter texts of all kinds
  std::vector<Expression> expressions;  // of Aggregate::expression
};

inline constexpr std::uint32_t kDistinctScanMax = 64;
inline constexpr std::uint32_t kSeenScanMax = 256;

// `header_bytes`: size of the record header that precedes windows and sums. The catalogue was checked when
// it was parsed, so this cannot fail.
Plan make_plan(const Catalogue& catalogue, std::uint32_t header_bytes);

std::optional<Column> parse_column(std::string_view name);

}  // namespace vigil::rules
