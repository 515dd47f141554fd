// The deciding thread's loop: messages in, decisions, and replies out once they are durable.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/held_peers.h"
#include "api/pending_replies.h"
#include "api/query_thread.h"
#include "api/service_status.h"
#include "api/socket.h"
#include "api/unread_replies.h"
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
  // A message of the batch at hand; its parser keeps it alive.
  struct Slot {
    Incoming incoming;
    commands::MessageParser parser;
    const commands::Message* message = nullptr;
  };
  // Messages parsed before they are decided together, so that the state of the later ones is on its way to the
  // cache while the first are decided.
  static constexpr std::size_t kBatchMessages = 32;

  bool take_messages();
  Received receive(Incoming& incoming);
  std::size_t fill_batch();
  void gather_commands();
  bool submit_batch();
  void write_replies();
  void begin_reply();
  void finish_replies_complete();
  bool batch_open() const { return writing_ < batch_messages_; }
  void refuse_messages();
  void refuse(const Incoming& incoming);
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
  void measure_state();

  Socket router_;
  commands::Engine& engine_;
  std::shared_ptr<CommitNews> news_;
  const CommandLimits limits_;
  QueryThread* queries_ = nullptr;
  std::atomic<bool> stopping_ = false;

  PendingReplies pending_;
  std::array<Slot, kBatchMessages> slots_;
  std::size_t batch_messages_ = 0;            // slots in use
  std::span<const commands::Command> batch_;  // their commands, in order
  std::vector<commands::Command> gathered_;   // holds them when they come from several messages
  std::size_t batch_taken_ = 0;               // commands of the batch the engine has taken
  std::size_t writing_ = 0;                   // the slot whose reply is being written
  std::size_t written_ = 0;                   // its results so far
  bool reply_begun_ = false;
  Incoming refused_;
  commands::MessageParser refusing_parser_;
  HeldPeers held_;
  UnreadReplies unread_;
  std::size_t turn_commands_ = 0;
  std::chrono::steady_clock::time_point batch_since_;
  std::vector<commands::Reply> replies_;
  std::optional<eventlog::Error> failure_;  // nothing more is decided
  std::string scratch_;

  ServiceStatus counted_;                // the loop's own
  std::uint64_t commands_measured_ = 0;  // counted_.commands when counted_.memory was taken
  mutable std::mutex status_mutex_;
  ServiceStatus published_;
};

}  // namespace vigil::api
