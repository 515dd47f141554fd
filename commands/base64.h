// Bytes as text (RFC 4648, padded): how JSON carries input that is not UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "commands/byte_arena.h"

namespace vigil::commands {

// What append_base64() appends for so many bytes.
constexpr std::size_t base64_bytes(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
void append_base64(std::string& out, std::string_view bytes);
// The bytes, in `arena`; nothing when `text` is no base64 (white space and missing padding included).
std::optional<std::string_view> read_base64(std::string_view text, ByteArena& arena);

}  // namespace vigil::commands
