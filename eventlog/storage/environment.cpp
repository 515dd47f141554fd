#include "eventlog/storage/environment.h"

#include <algorithm>
#include <array>

namespace vigil::eventlog {

Expected<void> File::read_from_disk(std::uint64_t offset, std::span<std::byte> bytes) { return read_at(offset, bytes); }

Expected<void> File::write_back(std::uint64_t, std::uint64_t) { return sync(); }

Expected<void> File::write_zeros(std::uint64_t offset, std::uint64_t bytes) {
  static constexpr std::array<std::byte, 64 << 10> kZeros{};
  while (bytes > 0) {
    const std::uint64_t portion = std::min<std::uint64_t>(kZeros.size(), bytes);
    if (auto done = write_at(offset, std::span(kZeros).first(portion)); !done) return done;
    offset += portion;
    bytes -= portion;
  }
  return {};
}

}  // namespace vigil::eventlog
