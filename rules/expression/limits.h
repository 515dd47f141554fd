// What an expression may be at most. Each limit has an error that names it.
#pragma once

#include <cstddef>

namespace vigil::rules {

inline constexpr std::size_t kExpressionBytesMax = 4096;  // a screen full; bounds the work of every later step
inline constexpr std::size_t kExpressionDepthMax = 64;    // of the tree and of parentheses: bounds the stack
inline constexpr std::size_t kArgumentsMax = 8;           // of min, max, coalesce
inline constexpr std::size_t kSetItemsMax = 256;          // of `in [ … ]`; more belong into a list
inline constexpr std::size_t kLowerCallsMax = 16;         // lower() in one expression: each has its own room …
inline constexpr std::size_t kLowerBytesMax = 128;        // … of this size; of a longer text it gives null

}  // namespace vigil::rules
