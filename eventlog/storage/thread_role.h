// How the system's scheduler should treat a thread of the service. Best effort: where the system refuses or does
// not know it, nothing is lost but time.
#pragma once

#include <cstdint>

namespace vigil::eventlog {

enum class ThreadRole : std::uint8_t {
  prompt,   // somebody waits for it: asks for the shortest time slice, so that it runs at once when it is woken
  usual,    // the system's defaults
  patient,  // follows: nice, so that prompt threads go first on a busy machine
};

// For the calling thread. Threads it starts afterwards inherit it.
void take_role(ThreadRole role);

}  // namespace vigil::eventlog
