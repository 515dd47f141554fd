#include "projections/digest.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <string>

namespace vigil::projections {
namespace {

// Stored: never change without another schema hash (Projection::schema_hash).
constexpr XXH64_hash_t kSeed = 0x6d'6f64'656c'2076;

// Each part is preceded by its length, so that no two different entries spell the same bytes.
char* put(char* out, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  std::memcpy(out, &size, sizeof size);
  if (size != 0) std::memcpy(out + sizeof size, part.data(), size);
  return out + sizeof size + size;
}

}  // namespace

void Digest::toggle(std::string_view database, std::string_view key, std::string_view value) {
  const std::size_t bytes = database.size() + key.size() + value.size() + 3 * sizeof(std::uint32_t);
  std::array<char, 1024> small;
  std::string large;
  char* begin = small.data();
  if (bytes > small.size()) {
    large.resize(bytes);
    begin = large.data();
  }
  put(put(put(begin, database), key), value);
  const XXH128_hash_t hash = XXH3_128bits_withSeed(begin, bytes, kSeed);
  words[0] ^= hash.low64;
  words[1] ^= hash.high64;
}

std::string Digest::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::uint64_t word : words) {
    for (int byte = 0; byte < 8; ++byte, word >>= 8) {
      text += kDigits[word >> 4 & 15];
      text += kDigits[word & 15];
    }
  }
  return text;
}

}  // namespace vigil::projections
