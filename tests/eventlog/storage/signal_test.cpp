#include "eventlog/storage/signal.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace vigil::eventlog {
namespace {

using namespace std::chrono_literals;

TEST(Signal, ARingBetweenTicketAndWaitIsNotMissed) {
  Signal signal;
  const Signal::Ticket ticket = signal.ticket();
  signal.ring();
  const auto began = std::chrono::steady_clock::now();
  signal.wait(ticket, 60s);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

TEST(Signal, WithoutARingAWaitEndsByItsTimeout) {
  Signal signal;
  const auto began = std::chrono::steady_clock::now();
  for (const auto timeout : {1ms, 0ms, -1ms}) signal.wait(signal.ticket(), timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

// Each listener waits for every number in turn; a lost ring would leave it waiting for a minute.
TEST(Signal, EveryListenerSeesEveryChange) {
  Signal signal;
  std::atomic<int> number = 0;
  std::atomic<int> seen = 0;
  std::vector<std::thread> listeners;
  for (int i = 0; i < 3; ++i) {
    listeners.emplace_back([&] {
      for (int wanted = 1; wanted <= 2000; ++wanted) {
        while (true) {
          const Signal::Ticket ticket = signal.ticket();
          if (number >= wanted) break;
          signal.wait(ticket, 60s);
        }
        ++seen;
      }
    });
  }
  for (int value = 1; value <= 2000; ++value) {
    number = value;
    signal.ring();
    while (seen < 3 * value) std::this_thread::yield();
  }
  for (std::thread& listener : listeners) listener.join();
  EXPECT_EQ(seen, 6000);
}

}  // namespace
}  // namespace vigil::eventlog
