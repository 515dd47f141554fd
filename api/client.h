// A client of the command endpoint: messages out, replies in as they come.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventlog/storage/error.h"

namespace vigil::api {

struct ClientOptions {
  std::chrono::milliseconds send_timeout{10'000};  // how long send() waits for room before it is an error
  int in_flight_max = 100'000;                     // frames queued in this process
};

// Not thread-safe: one thread sends and receives. Replies come in any order; each carries the "id" of its
// message. A lost connection is made anew in the background; messages that were under way may be lost or
// answered twice, so a sender that hears nothing for its time-out sends again (repeats are harmless).
class Client {
 public:
  // Returns at once; whether somebody listens there shows with the first reply. Error: invalid.
  static eventlog::Expected<std::unique_ptr<Client>> connect(const std::string& endpoint,
                                                             const ClientOptions& options = {});
  virtual ~Client() = default;

  // Queues one message (docs/protocol.md). Error io: nobody took anything for send_timeout.
  virtual eventlog::Expected<void> send(std::string_view message) = 0;
  // The next reply if one is here. The view lives until the next call of any receive.
  virtual std::optional<std::string_view> try_receive() = 0;
  // Waits for it. Nothing when `timeout` passed.
  virtual std::optional<std::string_view> receive(std::chrono::milliseconds timeout) = 0;
  // One message, one reply: for callers with nothing else in flight. Error io: no reply within `timeout`;
  // the connection is then made anew, so that a late reply is never taken for the answer to the next message.
  virtual eventlog::Expected<std::string> ask(std::string_view message, std::chrono::milliseconds timeout) = 0;
};

// Live events of a service (XPUB endpoint).
class Subscriber {
 public:
  struct Event {
    std::string_view topic, json;  // until the next receive
  };
  // `prefixes`: of topics; "" subscribes to all. Error: invalid.
  static eventlog::Expected<std::unique_ptr<Subscriber>> connect(const std::string& endpoint,
                                                                 const std::vector<std::string>& prefixes);
  virtual ~Subscriber() = default;
  virtual std::optional<Event> receive(std::chrono::milliseconds timeout) = 0;
};

}  // namespace vigil::api
