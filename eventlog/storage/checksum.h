// The two checks of the log: CRC-32C against accidents, SHA-256 for the chain that proves the history.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

namespace vigil::eventlog {

using Hash = std::array<std::byte, 32>;

// CRC-32C (Castagnoli, RFC 3720), initial and final complement included.
std::uint32_t crc32c(std::span<const std::byte> bytes);

// Reuses one context: of() allocates nothing. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // The hash of the parts, one behind the other.
  Hash of(std::initializer_list<std::span<const std::byte>> parts);

 private:
  void* context_;
};

std::string hex(std::span<const std::byte> bytes);

}  // namespace vigil::eventlog
