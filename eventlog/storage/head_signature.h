// Heads of a log signed with Ed25519 (RFC 8032), so that whoever holds the public key can tell who said where the log
// ended.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "eventlog/storage/log_head.h"

namespace vigil::eventlog {

using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;
inline constexpr std::size_t kKeySeedBytes = 32;

// A secret key; what it knows is wiped from memory at its end.
class SigningKey {
 public:
  // From its seed, kKeySeedBytes of randomness that nobody else knows.
  explicit SigningKey(std::span<const std::byte, kKeySeedBytes> seed);
  ~SigningKey();
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;

  const PublicKey& public_key() const { return public_key_; }
  Signature sign(const LogHead& head) const;

 private:
  std::array<std::byte, 64> secret_;
  PublicKey public_key_;
};

// The bytes that are signed, lines of ASCII each ended by a newline (docs/proof.md). Stored: never change.
std::string signed_text(const LogHead& head);
bool is_signed_by(const LogHead& head, const Signature& signature, const PublicKey& key);

// Bytes of exactly `into`'s length from hexadecimal digits; false when `text` is none.
bool from_hex(std::string_view text, std::span<std::byte> into);

}  // namespace vigil::eventlog
