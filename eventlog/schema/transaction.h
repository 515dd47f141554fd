// The facts of one payment as its sender stated them, and the small types they are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "eventlog/storage/position.h"

namespace vigil::eventlog {

// Limits of the facts; each is enforced by commands/ with its own reason code.
inline constexpr std::size_t kIdBytesMax = 64;       // ids of transactions, customers, merchants, devices
inline constexpr std::size_t kWordBytesMax = 32;     // category, channel
inline constexpr std::size_t kExtraBytesMax = 4096;  // unknown JSON fields, kept as one JSON object
inline constexpr std::size_t kNameBytesMax = 128;    // merchant names, list names, rule ids
// Amounts in base currency must stay below 2^40 minor units so that a window entry can hold them.
inline constexpr std::int64_t kAmountBaseMinorMax = (std::int64_t{1} << 40) - 1;

// Two or three capital letters, packed as base-27 digits (A = 1), so that a code is one small number and a
// comparison of codes is one of numbers. 0 means none.
class Code {
 public:
  constexpr Code() = default;
  constexpr explicit Code(std::uint16_t packed) : packed_(packed) {}
  // Nothing when `text` is not 2 or 3 letters A–Z.
  static std::optional<Code> parse(std::string_view text);
  constexpr std::uint16_t packed() const { return packed_; }
  std::string_view text() const;  // "" for none; points to static storage
  constexpr bool none() const { return packed_ == 0; }
  friend constexpr auto operator<=>(Code, Code) = default;

 private:
  std::uint16_t packed_ = 0;
};

// ISO 4217. Known currencies and their exponents (JPY 0, EUR 2, KWD 3) come from one table.
std::optional<int> currency_exponent(Code currency);  // nothing when the code is not a known currency
bool known_country(Code country);                     // ISO 3166-1 alpha-2

// Integer minor units (cents) of a currency.
struct Money {
  std::int64_t minor = 0;
  Code currency;
  friend bool operator==(const Money&, const Money&) = default;
};

// Degrees times 10^7: exact, comparable, the same on every machine.
struct Place {
  std::int32_t latitude_e7 = 0;   // -900000000 … 900000000
  std::int32_t longitude_e7 = 0;  // -1800000000 … 1800000000
  friend bool operator==(const Place&, const Place&) = default;
};

enum class Status : std::uint8_t { pending, completed, failed, refunded };
std::string_view name(Status status);  // "PENDING" …
std::optional<Status> parse_status(std::string_view text);

// A view: texts belong to whoever parsed or holds the bytes. Optional texts are "" when absent.
struct Transaction {
  std::string_view id;
  std::uint16_t version = 1;
  EventTime event_time;
  std::string_view customer_id;
  std::string_view merchant_id;
  std::string_view device_id;  // optional
  Money amount;
  Code country;               // where it happened (optional)
  Code card_country;          // where the card was issued (optional)
  std::string_view category;  // merchant category, free word or MCC (optional)
  std::string_view channel;   // "pos", "online", "atm" … (optional)
  Status status = Status::completed;
  std::optional<Place> place;
  std::string_view extra;  // unknown JSON fields as sent, one JSON object, or ""
  friend bool operator==(const Transaction&, const Transaction&) = default;
};

}  // namespace vigil::eventlog
