// A bell for threads that wait for a number to grow: whoever rings it never waits for those who listen.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vigil::eventlog {

// Thread-safe. A condition variable would make the ringing thread take a lock that a listener of low priority holds
// when it is put aside, just woken; here nothing is ever held (Linux futex(2)).
//
// A listener takes a ticket, looks whether what it wants is there, and waits with that ticket if not: a ring in
// between ends the wait at once.
class Signal {
 public:
  using Ticket = std::uint32_t;

  Ticket ticket() const { return rings_.load(); }
  void ring();
  // Returns after a ring since `ticket` was taken, after `timeout`, or for no reason.
  void wait(Ticket ticket, std::chrono::nanoseconds timeout) const;

 private:
  std::atomic<std::uint32_t> rings_{0};
  mutable std::atomic<std::uint32_t> listeners_{0};
};

}  // namespace vigil::eventlog
