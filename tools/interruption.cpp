#include "tools/interruption.h"

#include <csignal>

namespace vigil::tools {
namespace {

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t interrupted = 0;

void note(int) { interrupted = 1; }

void install(void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interruption::Interruption() {
  interrupted = 0;
  // RESETHAND: the second signal meets the default action.
  install(note, SA_RESTART | static_cast<int>(SA_RESETHAND));
}

Interruption::~Interruption() { install(SIG_DFL, 0); }

bool Interruption::requested() const { return interrupted != 0; }

}  // namespace vigil::tools
