#include "eventlog/storage/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace vigil::eventlog {

void broken_invariant(const char* what, const char* file, int line) {
  std::fprintf(stderr, "vigil: broken invariant at %s:%d: %s\n", file, line, what);
  std::abort();
}

}  // namespace vigil::eventlog
