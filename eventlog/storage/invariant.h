// Broken invariants end the process, in release builds too.
#pragma once

namespace vigil::eventlog {

[[noreturn]] void broken_invariant(const char* what, const char* file, int line);

// `what` states the fact that must hold.
inline void invariant(bool holds, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!holds) [[unlikely]]
    broken_invariant(what, file, line);
}

}  // namespace vigil::eventlog
