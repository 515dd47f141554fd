// Counts allocations, which takes replacing the global operators for the whole test executable.
#include <gtest/gtest.h>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "commands/message_parser.h"
#include "tests/commands/message_text.h"

namespace {
std::atomic<std::size_t> allocations = 0;
}  // namespace

// Not inlined, so that the compiler sees operators that match and not malloc() with delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
// Sanitizers have a nothrow form of their own, which would not match the delete below.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace vigil::commands {
namespace {

TEST(MessageParserMemoryTest, AWarmParserAllocatesNothing) {
  testing::TransactionText text;
  text.with("customer_id", "\"\\u00e4\"").with("latitude", "1.5").with("longitude", "2").with("more", "[1]");
  std::string batch = "[";
  for (int i = 0; i < 64; ++i) batch += (i == 0 ? "" : ",") + text.json();
  batch += "]";
  MessageParser parser;
  ASSERT_EQ(parser.parse(batch, "test").commands.size(), 64u);
  const std::size_t before = allocations;
  ASSERT_GT(before, 0u) << "the count is at work";
  std::size_t parsed = 0;
  for (int i = 0; i < 10; ++i) parsed += parser.parse(batch, "test").commands.size();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(parsed, 640u);
}

}  // namespace
}  // namespace vigil::commands
