// The checks of single values that JSON messages and mapped files have in common, and the words for what
// fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/command.h"

namespace vigil::commands {

// Reason codes: stable, listed in docs/protocol.md "Reason codes".
namespace reason {
inline constexpr std::string_view kBrokenJson = "broken_json";
inline constexpr std::string_view kInvalidUtf8 = "invalid_utf8";
inline constexpr std::string_view kTooDeep = "too_deep";
inline constexpr std::string_view kMessageTooLarge = "message_too_large";
inline constexpr std::string_view kTooManyCommands = "too_many_commands";
inline constexpr std::string_view kUnknownOperation = "unknown_operation";
inline constexpr std::string_view kUnknownField = "unknown_field";
inline constexpr std::string_view kDuplicateField = "duplicate_field";
inline constexpr std::string_view kMissingField = "missing_field";
inline constexpr std::string_view kEmptyField = "empty_field";
inline constexpr std::string_view kWrongType = "wrong_type";
inline constexpr std::string_view kTooLong = "too_long";
inline constexpr std::string_view kBadCharacters = "bad_characters";
inline constexpr std::string_view kBadVersion = "bad_version";
inline constexpr std::string_view kBadTime = "bad_time";
inline constexpr std::string_view kBadAmount = "bad_amount";
inline constexpr std::string_view kBadPlace = "bad_place";
inline constexpr std::string_view kBadRate = "bad_rate";
inline constexpr std::string_view kUnknownCurrency = "unknown_currency";
inline constexpr std::string_view kUnknownCountry = "unknown_country";
inline constexpr std::string_view kUnknownStatus = "unknown_status";
inline constexpr std::string_view kUnknownLabel = "unknown_label";
inline constexpr std::string_view kExtraTooLarge = "extra_too_large";
inline constexpr std::string_view kBadRow = "bad_row";
inline constexpr std::string_view kBadInputs = "bad_inputs";
inline constexpr std::string_view kUnknownReason = "unknown_reason";

// The code above that reads like `code`; "" when there is none.
std::string_view known(std::string_view code);
}  // namespace reason

// More reasons than these say nothing new.
inline constexpr std::size_t kReasonsMax = 32;

// The reasons against one element, the first kReasonsMax of them. Not thread-safe; allocates only when
// something is wrong.
class Objections {
 public:
  void add(std::string_view code, std::string_view field, std::string text) {
    if (reasons_.size() < kReasonsMax) reasons_.push_back({code, field, std::move(text)});
  }
  bool none() const { return reasons_.empty(); }
  void clear() { reasons_.clear(); }
  std::vector<Reason> take() { return std::exchange(reasons_, {}); }

 private:
  std::vector<Reason> reasons_;
};

// Each returns the value, or adds a reason about `field` and returns nothing. `field` must be static.

// 1 … bytes_max bytes without control characters.
bool check_text(std::string_view value, std::size_t bytes_max, std::string_view field, Objections& objections);
std::optional<eventlog::Code> check_currency(std::string_view value, std::string_view field, Objections&);
std::optional<eventlog::Code> check_country(std::string_view value, std::string_view field, Objections&);
std::optional<std::uint16_t> check_version(std::string_view number, Objections&);
// Microseconds since 1970 as an integer text, or RFC 3339.
std::optional<eventlog::EventTime> check_time_us(std::string_view integer, std::string_view field, Objections&);
std::optional<eventlog::EventTime> check_time_text(std::string_view rfc3339, std::string_view field, Objections&);
// Both decimal texts in degrees, or both "" (then nothing, without a reason).
std::optional<eventlog::Place> check_place(std::string_view latitude, std::string_view longitude, Objections&);

// A value cut to what fits into a reason, in quotes.
std::string in_quotes(std::string_view value);

}  // namespace vigil::commands
