// A fuzz target is one function of untrusted bytes. Built by clang with libFuzzer each one is a program of its
// own; in every other build all of them are linked into fuzz_test, which replays the inputs of the repository.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace vigil::fuzz {

using Bytes = std::span<const std::byte>;

// A property that does not hold ends the process: to a fuzzer that is a finding, to fuzz_test a failure.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", what);
  std::abort();
}

inline std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Bytes on the heap that end where their allocation does, so that the address sanitizer sees any look behind them,
// aligned as a mapped segment is.
class Exact {
 public:
  Exact(Bytes bytes, std::size_t size) : size_(size), data_(new std::byte[size == 0 ? 1 : size]{}) {
    if (!bytes.empty()) std::memcpy(data_.get(), bytes.data(), bytes.size() < size ? bytes.size() : size);
  }
  explicit Exact(Bytes bytes) : Exact(bytes, bytes.size()) {}
  std::span<std::byte> bytes() { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> data_;
};

// Takes bytes from the front of an input; zeros when there are none left.
class Taker {
 public:
  explicit Taker(Bytes bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value{};
    const std::size_t size = bytes_.size() < sizeof value ? bytes_.size() : sizeof value;
    if (size > 0) std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }
  bool empty() const { return bytes_.empty(); }
  Bytes rest() const { return bytes_; }

 private:
  Bytes bytes_;
};

struct Target {
  const char* name;
  void (*run)(Bytes);
};
// Returns whatever, so that it can stand in the definition of a constant.
int register_target(Target target);

}  // namespace vigil::fuzz

#ifdef VIGIL_FUZZ_ALONE
#define VIGIL_FUZZ_TARGET(target)                                                     \
  static void target(::vigil::fuzz::Bytes bytes);                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    target(std::as_bytes(std::span(data, size)));                                     \
    return 0;                                                                         \
  }                                                                                   \
  static void target(::vigil::fuzz::Bytes bytes)
#else
#define VIGIL_FUZZ_TARGET(target)                                                                            \
  static void target(::vigil::fuzz::Bytes bytes);                                                            \
  [[maybe_unused]] static const int target##_registered = ::vigil::fuzz::register_target({#target, target}); \
  static void target(::vigil::fuzz::Bytes bytes)
#endif
