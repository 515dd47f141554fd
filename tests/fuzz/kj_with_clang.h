// Cap'n Proto 0.9 leaves these two to the reversed candidates of C++20, which clang from 16 on no longer considers
// (P2468). Put in front of every source of the event log in the fuzz build; nothing else needs it.
#pragma once

#include <kj/string.h>

namespace kj {
inline bool operator==(const char* a, const StringPtr& b) { return b == a; }
inline bool operator!=(const char* a, const StringPtr& b) { return b != a; }
}  // namespace kj
