// Key files: one line of text each, for signing heads of a log and for checking them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "eventlog/storage/environment.h"
#include "eventlog/storage/head_signature.h"

namespace vigil::tools {

// "vigil-signing-key HEX" and "vigil-public-key HEX", 64 hexadecimal digits and a newline.
inline constexpr std::string_view kSigningKeyWord = "vigil-signing-key ";
inline constexpr std::string_view kPublicKeyWord = "vigil-public-key ";

// Makes a new key and writes it to `file`, which only its owner can read (mode 0600) and which must not exist yet.
// Errors: invalid (it exists), io, full.
eventlog::Expected<eventlog::PublicKey> make_key_file(eventlog::Environment& environment,
                                                      const std::filesystem::path& file);
// Errors: not_found, io, invalid (others can read it, it has another size, or is no signing key).
eventlog::Expected<std::unique_ptr<eventlog::SigningKey>> read_signing_key(const std::filesystem::path& file);
// Of a public key file or of a signing key file. Errors as above.
eventlog::Expected<eventlog::PublicKey> read_public_key(const std::filesystem::path& file);
// The line of a public key file, without the newline.
std::string public_key_line(const eventlog::PublicKey& key);

}  // namespace vigil::tools
