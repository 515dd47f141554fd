#include "tools/stop_signal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "eventlog/storage/invariant.h"
#include "tools/subcommand.h"

namespace vigil::tools {
namespace {

int take_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC);
}

}  // namespace

StopSignal::StopSignal() : signals_(take_signals()) {
  eventlog::invariant(signals_ >= 0, "a signalfd can be made");
  thread_ = std::thread([this] { run(); });
}

StopSignal::~StopSignal() {
  closing_.signal();
  thread_.join();
  ::close(signals_);
}

void StopSignal::on_stop(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
}

void StopSignal::run() {
  std::array<pollfd, 2> what{{{signals_, POLLIN, 0}, {closing_.file_descriptor(), POLLIN, 0}}};
  for (bool asked = false;;) {
    if (::poll(what.data(), what.size(), -1) < 0) continue;
    if (what[1].revents != 0) return;
    signalfd_siginfo signal;
    if (::read(signals_, &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal)) continue;
    const std::lock_guard lock(mutex_);
    if (asked || !stop_) ::_exit(kFailed);
    asked = true;
    stop_();
  }
}

}  // namespace vigil::tools
