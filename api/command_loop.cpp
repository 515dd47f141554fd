#include "api/command_loop.h"

#include <spdlog/spdlog.h>

#include <array>
#include <bit>
#include <utility>

#include "api/reply_json.h"

namespace vigil::api {
namespace {

using commands::Message;
using commands::MessageParser;

// After this much was taken in one go the disk gets its turn, so that it never idles under load.
constexpr std::size_t kMessagesPerTurn = 256;
constexpr std::size_t kCommandsPerTurn = 1024;

// While the frame being built is full, how often the loop looks whether the commit before it stalls.
constexpr std::chrono::milliseconds kStallLook{100};

constexpr std::string_view kSource = "zmq";

}  // namespace

CommandLoop::CommandLoop(Socket router, commands::Engine& engine, std::shared_ptr<CommitNews> news,
                         const CommandLimits& limits)
    : router_(std::move(router)),
      engine_(engine),
      news_(std::move(news)),
      limits_(limits),
      pending_(limits.pending_replies_max, limits.pending_bytes_max) {}

void CommandLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  news_->wakeup.signal();
}

ServiceStatus CommandLoop::status() const {
  const std::lock_guard lock(status_mutex_);
  return published_;
}

eventlog::Expected<void> CommandLoop::run(QueryThread& queries) {
  queries_ = &queries;
  publish_status();
  bool hurried = false;
  for (;;) {
    const bool took_some = take_messages();
    const bool committing = engine_.try_commit();
    send_replies();
    send_answers();
    if (failure_ || log_failed()) return give_up();
    if (stopping_.load(std::memory_order_acquire)) {
      if (!std::exchange(hurried, true)) queries.hurry();
      if (drained()) return {};
    }
    const bool room_again = committing && open_ != nullptr;
    if (!took_some && !room_again) wait_for_more();
  }
}

// True when something was received, so that there may be more.
bool CommandLoop::take_messages() {
  if (open_ != nullptr && !submit_rest()) {
    if (stalled()) refuse_messages();
    return false;
  }
  if (stopping_.load(std::memory_order_acquire)) return false;
  turn_commands_ = 0;
  std::size_t messages = 0;
  while (open_ == nullptr && messages < kMessagesPerTurn && turn_commands_ < kCommandsPerTurn) {
    const Received received = receive(incoming_);
    if (received == Received::nothing) break;
    ++messages;
    if (received == Received::malformed) continue;
    if (pending_.full()) {
      refuse(incoming_, parser_);
    } else {
      open_message();
    }
  }
  return messages > 0;
}

// [address][body] from a DEALER, [address][][body] from a REQ. Whatever else arrives is read to its end.
CommandLoop::Received CommandLoop::receive(Incoming& incoming) {
  if (!router_.receive(incoming.address)) return Received::nothing;
  bool whole = incoming.address.more() && router_.receive(incoming.body);
  incoming.request_framing = whole && incoming.body.more() && incoming.body.bytes().empty();
  if (incoming.request_framing) whole = router_.receive(incoming.body);
  if (whole && !incoming.body.more() && (incoming.request_framing || !incoming.body.bytes().empty())) {
    ++counted_.messages;
    return Received::message;
  }
  if (std::has_single_bit(++counted_.malformed)) {
    spdlog::warn("ignored {} messages without address or body, or with too many frames", counted_.malformed);
  }
  while (whole && incoming.body.more() && router_.receive(incoming.body)) {
  }
  return Received::malformed;
}

void CommandLoop::open_message() {
  const Message& message = parser_.parse(incoming_.body.bytes(), kSource);
  if (message.operation == "query") return ask(incoming_, message);
  std::string& out = pending_.begin(incoming_.peer());
  append_reply_head(out, message.request_id, message.operation);
  pending_.end_of_head();
  append_results_begin(out);
  open_ = &message;
  open_taken_ = 0;
  open_since_ = std::chrono::steady_clock::now();
  submit_rest();
}

// False when the frame being built is full and a commit is under way, or when the engine failed: the message
// stays open.
bool CommandLoop::submit_rest() {
  std::string& out = pending_.body();
  while (open_taken_ < open_->commands.size()) {
    const auto taken = engine_.submit(open_->commands.subspan(open_taken_), replies_);
    if (!taken) {
      failure_ = taken.error();
      return false;
    }
    for (std::size_t i = 0; i < *taken; ++i) {
      append_result(out, replies_[i], open_taken_ + i == 0);
      pending_.needs(replies_[i].position);
    }
    open_taken_ += *taken;
    turn_commands_ += *taken;
    counted_.commands += *taken;
    if (open_taken_ < open_->commands.size() && !engine_.try_commit()) return false;
  }
  append_results_end(out);
  pending_.finish();
  open_ = nullptr;
  return true;
}

bool CommandLoop::stalled() const { return std::chrono::steady_clock::now() - open_since_ > limits_.stall; }

void CommandLoop::refuse_messages() {
  for (std::size_t messages = 0; messages < kMessagesPerTurn; ++messages) {
    const Received received = receive(refused_);
    if (received == Received::nothing) return;
    if (received == Received::message) refuse(refused_, refusing_parser_);
  }
}

// The engine is not touched; queries have a queue of their own and are still asked.
void CommandLoop::refuse(const Incoming& incoming, MessageParser& parser) {
  const Message& message = parser.parse(incoming.body.bytes(), kSource);
  if (message.operation == "query") return ask(incoming, message);
  answer_busy(incoming.peer(), message);
}

void CommandLoop::ask(const Incoming& incoming, const Message& message) {
  publish_status();
  QueryMessage query{std::string(incoming.address.bytes()), incoming.request_framing,
                     std::string(message.request_id), std::string(message.query)};
  if (!queries_->ask(std::move(query))) answer_busy(incoming.peer(), message);
}

void CommandLoop::answer_busy(const Peer& peer, const Message& message) {
  ++counted_.busy;
  scratch_.clear();
  append_reply_head(scratch_, message.request_id, message.operation);
  append_busy_tail(scratch_, limits_.retry_after);
  send(peer, scratch_, {});
}

void CommandLoop::send_replies() {
  const eventlog::Position durable = engine_.log().durable();
  while (!pending_.empty()) {
    const PendingReplies::Front front = pending_.front();
    if (front.position > durable) return;
    send(front.peer, front.body, {});
    pending_.pop();
  }
}

void CommandLoop::send_answers() {
  QueryMessage answer;
  while (queries_->take(answer)) send({answer.address, answer.request_framing}, answer.text, {});
}

// A peer that left, or that lets its replies pile up, is not waited for: it asks again and gets the recorded
// answer.
void CommandLoop::send(const Peer& peer, std::string_view body, std::string_view tail) {
  if (!tail.empty()) {
    scratch_.assign(body).append(tail);
    body = scratch_;
  }
  Sent sent = router_.send(peer.address, Follows::another_frame);
  if (sent == Sent::sent && peer.request_framing) sent = router_.send({}, Follows::another_frame);
  if (sent == Sent::sent) sent = router_.send(body, Follows::nothing);
  if (sent != Sent::sent) ++counted_.undelivered;
}

void CommandLoop::wait_for_more() {
  std::array<Waitable, 2> what{Waitable{nullptr, news_->wakeup.file_descriptor()}, Waitable{&router_}};
  const bool blocked = open_ != nullptr;
  const bool listening = !stopping_.load(std::memory_order_acquire) && (!blocked || stalled());
  wait(std::span(what).first(listening ? 2 : 1), blocked ? kStallLook : std::chrono::milliseconds(-1));
  // Cleared before the durable position is read, so that no commit can be missed.
  if (what[0].ready) news_->wakeup.clear();
}

bool CommandLoop::drained() const { return open_ == nullptr && pending_.empty() && queries_->idle(); }

eventlog::Expected<void> CommandLoop::give_up() {
  if (open_ != nullptr) {
    // Nobody knows what of it will be kept: it needs a position that never becomes durable.
    pending_.needs(eventlog::Position{~std::uint64_t{0}});
    pending_.finish();
    open_ = nullptr;
  }
  std::string unknown;
  append_outcome_unknown_tail(unknown);
  const eventlog::Position durable = engine_.log().durable();
  for (; !pending_.empty(); pending_.pop()) {
    const PendingReplies::Front front = pending_.front();
    if (front.position <= durable) {
      send(front.peer, front.body, {});
    } else {
      send(front.peer, front.head, unknown);
    }
  }
  return std::unexpected(*failure_);
}

bool CommandLoop::log_failed() {
  if (!news_->failed.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(news_->mutex);
  failure_ = eventlog::Error{eventlog::ErrorKind::poisoned, news_->error};
  return true;
}

void CommandLoop::publish_status() {
  counted_.memory = engine_.state().memory();
  const std::lock_guard lock(status_mutex_);
  published_ = counted_;
}

}  // namespace vigil::api
