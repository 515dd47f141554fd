#include "eventlog/storage/head_signature.h"

#include <sodium.h>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

namespace {

static_assert(crypto_sign_SEEDBYTES == kKeySeedBytes && crypto_sign_PUBLICKEYBYTES == sizeof(PublicKey) &&
              crypto_sign_BYTES == sizeof(Signature) && crypto_sign_SECRETKEYBYTES == 64);

unsigned char* bytes_of(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* bytes_of(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

SigningKey::SigningKey(std::span<const std::byte, kKeySeedBytes> seed) {
  invariant(sodium_init() >= 0, "libsodium starts");
  crypto_sign_seed_keypair(bytes_of(public_key_.data()), bytes_of(secret_.data()), bytes_of(seed.data()));
}

SigningKey::~SigningKey() { sodium_memzero(secret_.data(), secret_.size()); }

Signature SigningKey::sign(const LogHead& head) const {
  const std::string text = signed_text(head);
  Signature signature;
  crypto_sign_detached(bytes_of(signature.data()), nullptr, bytes_of(text), text.size(), bytes_of(secret_.data()));
  return signature;
}

std::string signed_text(const LogHead& head) {
  return "vigil log head 1\nlog_id " + hex(head.log_id) + "\nepoch " + std::to_string(head.epoch) + "\nposition " +
         std::to_string(head.position.value()) + "\naddress " + std::to_string(head.address.value()) + "\nhash " +
         hex(head.hash) + "\ningest_time_us " + std::to_string(head.ingest_time.value()) + "\ncreated_us " +
         std::to_string(head.created.value()) + "\n";
}

bool is_signed_by(const LogHead& head, const Signature& signature, const PublicKey& key) {
  invariant(sodium_init() >= 0, "libsodium starts");
  const std::string text = signed_text(head);
  return crypto_sign_verify_detached(bytes_of(signature.data()), bytes_of(text), text.size(), bytes_of(key.data())) ==
         0;
}

bool from_hex(std::string_view text, std::span<std::byte> into) {
  if (text.size() != 2 * into.size()) return false;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < into.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    into[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

}  // namespace vigil::eventlog
