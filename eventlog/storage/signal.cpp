#include "eventlog/storage/signal.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace vigil::eventlog {

namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "the kernel looks at the number itself");

void futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* timeout) {
  ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr, 0);
}

}  // namespace

// Sequentially consistent on both sides: either the ring sees the listener, or the listener sees the ring.
void Signal::ring() {
  rings_.fetch_add(1);
  if (listeners_.load() != 0) futex(rings_, FUTEX_WAKE, INT_MAX, nullptr);
}

void Signal::wait(Ticket ticket, std::chrono::nanoseconds timeout) const {
  if (timeout.count() <= 0) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const timespec relative{timeout.count() / kSecond, timeout.count() % kSecond};
  listeners_.fetch_add(1);
  futex(rings_, FUTEX_WAIT, ticket, &relative);
  listeners_.fetch_sub(1);
}

}  // namespace vigil::eventlog
