// How one retained transaction is laid out in a ring: as few bytes as the catalogue allows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vigil::rules {

// What an entry may remember besides time, flags and amount. Each is a number: of an entity, of a word, or a
// packed code. 0 means the transaction did not say.
enum class Column : std::uint8_t {
  customer_id,
  merchant_id,
  device_id,
  country,
  card_country,
  currency,
  category,
  channel,
};
inline constexpr std::size_t kColumns = 8;
using ColumnNumbers = std::array<std::uint32_t, kColumns>;

// Bits 0–15 of an entry's first word; the filters follow, then as many bits of the transaction id's hash as
// are left.
inline constexpr std::uint16_t kFraudFlag = 1;
inline constexpr std::uint16_t kDeclinedFlag = 2;
inline constexpr unsigned kFilterShift = 2;
inline constexpr std::size_t kFiltersMax = 14;

// Event times are kept modulo 2^48 µs (8.9 years) and told apart by the newest event time, which is why no
// entry may be kept longer than half of that, counting a margin for entries whose entity was not touched.
inline constexpr unsigned kTimeBits = 48;
inline constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << kTimeBits) - 1;
inline constexpr std::int64_t kKeepMaxUs = std::int64_t{1} << 46;  // 2.2 years

struct Entry {
  std::int64_t time_us = 0;
  std::int64_t amount_minor = 0;
  std::uint16_t flags = 0;
  ColumnNumbers columns{};
};

// word: time · 2^16 + flags (8 bytes), amount (5 bytes, if wanted), then the wanted columns.
struct EntryLayout {
  static constexpr std::uint32_t kAmountAt = 8;
  static constexpr std::uint32_t kAmountBytes = 5;
  static constexpr std::uint32_t kStrideMax = kAmountAt + kAmountBytes + kColumns * sizeof(std::uint32_t);

  std::uint32_t stride = 8;
  bool has_amount = false;
  std::array<std::uint8_t, kColumns> at{};     // offset of each column
  std::array<std::uint8_t, kColumns> width{};  // bytes of each column, 0: not kept; 2 to 4
  std::array<std::uint8_t, kColumns> kept{};   // the columns that are kept
  std::uint8_t kept_columns = 0;
  std::uint16_t hash_mask = 0;  // the flag bits that hold a hash of the transaction id

  void arrange() {
    stride = has_amount ? kAmountAt + kAmountBytes : kAmountAt;
    kept_columns = 0;
    for (std::uint8_t i = 0; i < kColumns; ++i) {
      at[i] = static_cast<std::uint8_t>(stride);
      stride += width[i];
      if (width[i] != 0) kept[kept_columns++] = i;
    }
  }
  bool has(Column column) const { return width[static_cast<std::size_t>(column)] != 0; }

  // Eight bytes are loaded even where fewer are meant; arenas keep that much room behind their blocks.
  static std::uint64_t load(const std::byte* from) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    return word;
  }
  static std::uint64_t word(const std::byte* entry) { return load(entry); }
  static std::uint16_t flags(const std::byte* entry) { return static_cast<std::uint16_t>(load(entry)); }
  static std::int64_t amount(const std::byte* entry) {
    return static_cast<std::int64_t>(load(entry + kAmountAt) & ((std::uint64_t{1} << 40) - 1));
  }
  std::uint32_t column(const std::byte* entry, std::size_t index) const {
    return static_cast<std::uint32_t>(load(entry + at[index]) & ((std::uint64_t{1} << (8 * width[index])) - 1));
  }

  void write(const Entry& entry, std::byte* to) const {
    const std::uint64_t first = static_cast<std::uint64_t>(entry.time_us) << 16 | entry.flags;
    std::memcpy(to, &first, sizeof(first));
    if (has_amount) std::memcpy(to + kAmountAt, &entry.amount_minor, kAmountBytes);
    for (std::uint8_t i = 0; i < kept_columns; ++i) {
      const std::uint8_t column = kept[i];
      const std::uint32_t number = entry.columns[column];
      std::byte* place = to + at[column];
      std::memcpy(place, &number, 2);
      if (width[column] == 3) place[2] = static_cast<std::byte>(number >> 16);
      if (width[column] == 4) std::memcpy(place, &number, 4);
    }
  }
  void read(const std::byte* from, std::int64_t time_us, Entry& entry) const {
    entry.time_us = time_us;
    entry.flags = flags(from);
    entry.amount_minor = has_amount ? amount(from) : 0;
    for (std::size_t i = 0; i < kColumns; ++i) entry.columns[i] = width[i] != 0 ? column(from, i) : 0;
  }
};

}  // namespace vigil::rules
