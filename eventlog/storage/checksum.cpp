#include "eventlog/storage/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <algorithm>

#include "eventlog/storage/invariant.h"

namespace vigil::eventlog {

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  // ISA-L leaves both complements to the caller, and takes its input as not const though it only reads.
  constexpr std::size_t kAtOnce = 1u << 30;  // ISA-L counts in int
  std::uint32_t crc = 0xFFFFFFFFu;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), kAtOnce));
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
    crc = crc32_iscsi(data, static_cast<int>(part.size()), crc);
    bytes = bytes.subspan(part.size());
  }
  return ~crc;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  invariant(context_ != nullptr && EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1,
            "OpenSSL has SHA-256");
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

Hash Sha256::of(std::initializer_list<std::span<const std::byte>> parts) {
  auto* context = static_cast<EVP_MD_CTX*>(context_);
  bool done = EVP_DigestInit_ex2(context, nullptr, nullptr) == 1;
  for (const auto part : parts) done = done && EVP_DigestUpdate(context, part.data(), part.size()) == 1;
  Hash hash;
  done = done && EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(hash.data()), nullptr) == 1;
  invariant(done, "SHA-256 cannot fail");
  return hash;
}

std::string hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace vigil::eventlog
