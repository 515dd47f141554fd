// Hints that memory is read soon.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vigil::eventlog {

inline constexpr std::size_t kCacheLineBytes = 64;

// `bytes` at `begin` are on their way to the cache; memory that is not there does no harm. The empty asm is for g++ 12,
// which takes a function that only prefetches for one without effect and drops its calls.
[[gnu::always_inline]] inline void bring(const void* begin, std::size_t bytes = 1) {
  const auto from = reinterpret_cast<std::uintptr_t>(begin) & ~std::uintptr_t{kCacheLineBytes - 1};
  const auto to = reinterpret_cast<std::uintptr_t>(begin) + bytes;
  for (std::uintptr_t line = from; line < to; line += kCacheLineBytes) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
  asm volatile("" ::"r"(begin));
}

}  // namespace vigil::eventlog
