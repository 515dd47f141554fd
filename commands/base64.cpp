#include "commands/base64.h"

#include <sodium.h>

namespace vigil::commands {

void append_base64(std::string& out, std::string_view bytes) {
  const std::size_t begin = out.size(), written = base64_bytes(bytes.size());
  out.resize(begin + written + 1);  // the library ends what it writes with a zero
  sodium_bin2base64(out.data() + begin, written + 1, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.resize(begin + written);
}

std::optional<std::string_view> read_base64(std::string_view text, ByteArena& arena) {
  if (text.empty()) return std::string_view{};
  const std::size_t bytes_max = text.size() / 4 * 3;
  char* const begin = arena.allocate(bytes_max);
  std::size_t bytes = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(begin), bytes_max, text.data(), text.size(), nullptr, &bytes,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  return std::string_view(begin, bytes);
}

}  // namespace vigil::commands
