#include "commands/field_checks.h"

#include <algorithm>
#include <array>

#include "commands/decimal.h"
#include "commands/timestamp.h"

namespace vigil::commands {
namespace {

constexpr std::size_t kQuotedBytesMax = 48;
constexpr std::int64_t kLatitudeE7Max = 900'000'000;
constexpr std::int64_t kLongitudeE7Max = 1'800'000'000;
constexpr int kPlaceScale = 7;

constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::optional<std::int32_t> check_degrees(std::string_view value, std::int64_t limit_e7, std::string_view field,
                                          Objections& objections) {
  const Decimal degrees = parse_decimal_rounded(value, kPlaceScale);
  if (degrees.fault != DecimalFault::none) {
    objections.add(reason::kBadPlace, field, in_quotes(value) + " " + std::string(text(degrees.fault)));
    return std::nullopt;
  }
  if (degrees.value < -limit_e7 || degrees.value > limit_e7) {
    objections.add(reason::kBadPlace, field,
                   in_quotes(value) + " is beyond " + std::to_string(limit_e7 / 10'000'000) + " degrees");
    return std::nullopt;
  }
  return static_cast<std::int32_t>(degrees.value);
}

}  // namespace

std::string_view reason::known(std::string_view code) {
  static constexpr std::array kAll = {
      kBrokenJson,      kInvalidUtf8,    kTooDeep,       kMessageTooLarge, kTooManyCommands, kUnknownOperation,
      kUnknownField,    kDuplicateField, kMissingField,  kEmptyField,      kWrongType,       kTooLong,
      kBadCharacters,   kBadVersion,     kBadTime,       kBadAmount,       kBadPlace,        kBadRate,
      kUnknownCurrency, kUnknownCountry, kUnknownStatus, kUnknownLabel,    kExtraTooLarge,   kBadRow,
      kBadInputs,       kUnknownReason};
  const auto found = std::ranges::find(kAll, code);
  return found == kAll.end() ? std::string_view{} : *found;
}

std::string in_quotes(std::string_view value) {
  std::size_t kept = std::min(value.size(), kQuotedBytesMax);
  // Never cut a character in two.
  while (kept < value.size() && kept > 0 && (static_cast<unsigned char>(value[kept]) & 0xC0) == 0x80) --kept;
  std::string out = "'";
  for (char c : value.substr(0, kept)) out += is_control(c) ? '?' : c;
  return out + (kept < value.size() ? "…'" : "'");
}

bool check_text(std::string_view value, std::size_t bytes_max, std::string_view field, Objections& objections) {
  if (value.empty()) {
    objections.add(reason::kEmptyField, field, "must not be empty");
    return false;
  }
  if (value.size() > bytes_max) {
    objections.add(reason::kTooLong, field,
                   std::to_string(value.size()) + " bytes; at most " + std::to_string(bytes_max));
    return false;
  }
  if (std::ranges::any_of(value, is_control)) {
    objections.add(reason::kBadCharacters, field, "control characters in " + in_quotes(value));
    return false;
  }
  return true;
}

std::optional<eventlog::Code> check_currency(std::string_view value, std::string_view field, Objections& objections) {
  const auto code = eventlog::Code::parse(value);
  if (code && eventlog::currency_exponent(*code)) return code;
  objections.add(reason::kUnknownCurrency, field, in_quotes(value) + " is no ISO 4217 code like 'EUR'");
  return std::nullopt;
}

std::optional<eventlog::Code> check_country(std::string_view value, std::string_view field, Objections& objections) {
  const auto code = eventlog::Code::parse(value);
  if (code && eventlog::known_country(*code)) return code;
  objections.add(reason::kUnknownCountry, field, in_quotes(value) + " is no ISO 3166 two-letter code like 'DE'");
  return std::nullopt;
}

std::optional<std::uint16_t> check_version(std::string_view number, Objections& objections) {
  const Decimal version = parse_decimal_exact(number, 0);
  if (version.fault == DecimalFault::none && version.value >= 1 && version.value <= UINT16_MAX) {
    return static_cast<std::uint16_t>(version.value);
  }
  objections.add(reason::kBadVersion, "version", in_quotes(number) + " is no whole number from 1 to 65535");
  return std::nullopt;
}

std::optional<eventlog::EventTime> check_time_us(std::string_view integer, std::string_view field,
                                                 Objections& objections) {
  const Decimal time_us = parse_decimal_exact(integer, 0);
  if (time_us.fault == DecimalFault::none && is_event_time(time_us.value)) {
    return eventlog::EventTime{time_us.value};
  }
  objections.add(reason::kBadTime, field, in_quotes(integer) + " is no time in microseconds since 1970");
  return std::nullopt;
}

std::optional<eventlog::EventTime> check_time_text(std::string_view rfc3339, std::string_view field,
                                                   Objections& objections) {
  if (const auto time_us = parse_rfc3339_us(rfc3339)) return eventlog::EventTime{*time_us};
  objections.add(reason::kBadTime, field, in_quotes(rfc3339) + " is no time with a zone like '2024-05-01T12:34:56Z'");
  return std::nullopt;
}

std::optional<eventlog::Place> check_place(std::string_view latitude, std::string_view longitude,
                                           Objections& objections) {
  if (latitude.empty() && longitude.empty()) return std::nullopt;
  if (latitude.empty() || longitude.empty()) {
    objections.add(reason::kBadPlace, latitude.empty() ? "latitude" : "longitude",
                   "a place needs both latitude and longitude");
    return std::nullopt;
  }
  const auto north = check_degrees(latitude, kLatitudeE7Max, "latitude", objections);
  const auto east = check_degrees(longitude, kLongitudeE7Max, "longitude", objections);
  if (!north || !east) return std::nullopt;
  return eventlog::Place{*north, *east};
}

}  // namespace vigil::commands
