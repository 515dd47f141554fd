// Live decisions, alerts and quarantines for whoever subscribes: read from the log, never from the decide path.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "api/activations.h"
#include "api/socket.h"
#include "api/wakeup.h"
#include "eventlog/storage/log.h"

namespace vigil::api {

// Its own thread. Messages are [topic][JSON of the event] with topics "decision.<outcome>",
// "alert.<severity>" and "quarantine". Only durable events are published, in log order, from the moment the
// first subscriber is there. A subscriber that does not keep up loses messages (its queue holds
// kPublishedPerSubscriberMax); `vigil tail --data` reads without loss. With no subscriber nothing is read.
inline constexpr int kPublishedPerSubscriberMax = 100'000;

class EventPublisher {
 public:
  EventPublisher(Socket xpub, const eventlog::LogSource& log);
  ~EventPublisher();  // stops

  // Thread-safe: something became durable. Costs an atomic read when nobody subscribes.
  void notify() {
    if (active_.load(std::memory_order_relaxed)) wakeup_.signal();
  }

 private:
  void run();
  void take_subscriptions();
  void choose_topics();
  void publish_durable();
  bool publish(const eventlog::Record& record);
  bool wanted(std::string_view topic) const;

  Socket socket_;
  const eventlog::LogSource& log_;
  Activations activations_;
  Wakeup wakeup_;
  std::atomic<bool> active_ = false;
  std::atomic<bool> stopping_ = false;
  std::set<std::string, std::less<>> prefixes_;                      // subscribed
  bool outcomes_[3] = {}, severities_[4] = {}, quarantine_ = false;  // topics somebody wants
  std::unique_ptr<eventlog::Cursor> cursor_;                         // while somebody wants something
  std::string text_;
  std::thread thread_;
};

}  // namespace vigil::api
