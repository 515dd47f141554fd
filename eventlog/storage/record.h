// One event as storage sees it: a typed payload, back-links, and an optional key for the id index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "eventlog/storage/position.h"

namespace vigil::eventlog {

// The back-link of an event for one entity: the entity's previous event and a jump further back, chosen as
// in E. W. Myers, "An applicative random-access stack", IPL 17 (1983). Address 0 means none.
struct Link {
  Address previous;
  Address jump;
};

inline constexpr std::size_t kLinksMax = 8;

// A record read in place. The spans live as long as the reader that gave them (they point into mapped
// segments); `payload` is 8-byte aligned and its size is a multiple of 8.
struct Record {
  Position position;
  Address address;
  IngestTime ingest_time;
  std::uint16_t type = 0;
  std::uint16_t version = 0;
  std::optional<std::uint64_t> key;  // hash under which the segment's id index lists this record
  std::span<const Link> links;
  std::span<const std::byte> payload;
};

}  // namespace vigil::eventlog
