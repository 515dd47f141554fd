// The state digest of a read model: equal contents, equal digests, in whatever order they were written.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::projections {

// XOR of XXH3-128 over every entry's database name, key and value: copies of our own work are told apart, forgers are
// not kept out (docs/decisions/0010). A value. Invariant: replaying the same puts and removals in any order gives the
// same digest.
struct Digest {
  std::array<std::uint64_t, 2> words{};

  // Adds an entry; a second call with the same arguments takes it out again.
  void toggle(std::string_view database, std::string_view key, std::string_view value);
  std::string hex() const;  // 32 digits
  friend bool operator==(const Digest&, const Digest&) = default;
};

}  // namespace vigil::projections
