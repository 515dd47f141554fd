// The deciding thread's loop: messages in, decisions, and replies out once they are durable.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/pending_replies.h"
#include "api/query_thread.h"
#include "api/service_status.h"
#include "api/socket.h"
#include "api/wakeup.h"
#include "commands/engine.h"
#include "commands/message_parser.h"

namespace vigil::api {

struct CommandLimits {
  // Replies waiting to become durable; more is answered `busy`.
  std::size_t pending_replies_max = 16'384;
  std::size_t pending_bytes_max = 64 << 20;
  std::chrono::milliseconds retry_after{50};
  // A commit that takes longer than this while its successor is full makes new messages be answered `busy`
  // instead of waiting in their queues.
  std::chrono::milliseconds stall{1000};
};

// What the log's commit thread tells the loop. Shared with the listener, because the log outlives the loop.
struct CommitNews {
  Wakeup wakeup;
  std::atomic<bool> failed = false;
  std::mutex mutex;  // guards error
  std::string error;
};

// One thread calls run(); stop() and status() are thread-safe.
//
// Invariants: 1. A reply to commands leaves only when the log's durable position has reached every event it
// speaks of. 2. Replies to commands leave in the order their messages came. 3. Every message the engine took is
// answered, also when stopping; if the log or the engine fails, with `outcome_unknown`.
class CommandLoop {
 public:
  CommandLoop(Socket router, commands::Engine& engine, std::shared_ptr<CommitNews> news, const CommandLimits& limits);

  // `queries` outlives run(). Returns when stop() was called and all is answered. Errors: poisoned,
  // or what the engine failed with.
  eventlog::Expected<void> run(QueryThread& queries);
  void stop();
  ServiceStatus status() const;

 private:
  struct Incoming {
    Frame address, body;
    bool request_framing = false;
    Peer peer() const { return {address.bytes(), request_framing}; }
  };
  enum class Received : std::uint8_t { nothing, malformed, message };

  bool take_messages();
  Received receive(Incoming& incoming);
  void open_message();
  bool submit_rest();
  void refuse_messages();
  void refuse(const Incoming& incoming, commands::MessageParser& parser);
  void ask(const Incoming& incoming, const commands::Message& message);
  void answer_busy(const Peer& peer, const commands::Message& message);
  void send_replies();
  void send_answers();
  void send(const Peer& peer, std::string_view body, std::string_view tail);
  void wait_for_more();
  bool stalled() const;
  bool drained() const;
  bool log_failed();
  eventlog::Expected<void> give_up();
  void publish_status();

  Socket router_;
  commands::Engine& engine_;
  std::shared_ptr<CommitNews> news_;
  const CommandLimits limits_;
  QueryThread* queries_ = nullptr;
  std::atomic<bool> stopping_ = false;

  PendingReplies pending_;
  commands::MessageParser parser_, refusing_parser_;  // the second while the first holds an open message
  Incoming incoming_, refused_;
  const commands::Message* open_ = nullptr;  // taken in part: the frame being built was full
  std::size_t open_taken_ = 0;
  std::size_t turn_commands_ = 0;
  std::chrono::steady_clock::time_point open_since_;
  std::vector<commands::Reply> replies_;
  std::optional<eventlog::Error> failure_;  // nothing more is decided
  std::string scratch_;

  ServiceStatus counted_;  // the loop's own
  mutable std::mutex status_mutex_;
  ServiceStatus published_;
};

}  // namespace vigil::api
