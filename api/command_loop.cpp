#include "api/command_loop.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <utility>

#include "api/reply_json.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::api {
namespace {

using commands::Message;

// After this much was taken in one go, about a millisecond of deciding, the disk gets its turn, so that it never
// idles under load. One measure for messages and commands: a commit costs as much whoever sent what is in it, and
// so do the wake-ups of all that follow it.
constexpr std::size_t kMessagesPerTurn = 128;
constexpr std::size_t kCommandsPerTurn = 128;
// A batch with this many commands fills the cache's pipeline; more messages would only wait.
constexpr std::size_t kBatchCommands = 256;

// While the frame being built is full, how often the loop looks whether the commit before it stalls.
constexpr std::chrono::milliseconds kStallLook{100};

// The decision state is measured again when more commands came than one for so many of its entities: measuring
// may cost a step for each of them, and this is the thread that decides.
constexpr std::uint64_t kEntitiesPerUnmeasuredCommand = 64;

constexpr std::string_view kSource = "zmq";

// The main thread keeps the name of the process: it is what `pgrep vigil` looks for.
void name_thread() {
  if (::gettid() != ::getpid()) ::pthread_setname_np(::pthread_self(), "decide");
}

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
  name_thread();
  eventlog::take_role(eventlog::ThreadRole::prompt);
  queries_ = &queries;
  measure_state();
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
    const bool room_again = committing && batch_open();
    if (!took_some && !room_again) wait_for_more();
  }
}

// True when something was received, so that there may be more.
bool CommandLoop::take_messages() {
  if (batch_open() && !submit_batch()) {
    if (stalled()) refuse_messages();
    return false;
  }
  if (stopping_.load(std::memory_order_acquire)) return false;
  turn_commands_ = 0;
  std::size_t messages = 0;
  while (messages < kMessagesPerTurn && turn_commands_ < kCommandsPerTurn) {
    const std::size_t received = fill_batch();
    if (received == 0) break;
    messages += received;
    gather_commands();
    if (!submit_batch()) break;
    // What became durable meanwhile does not wait for the end of the turn, or its senders would have nothing under
    // way when it comes.
    send_replies();
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

// Returns how many messages were received, those included that are not for the engine.
std::size_t CommandLoop::fill_batch() {
  std::size_t messages = 0, commands = 0;
  batch_messages_ = writing_ = 0;
  while (batch_messages_ < kBatchMessages && commands < kBatchCommands && messages < kMessagesPerTurn) {
    Slot& slot = slots_[batch_messages_];
    const Received received = receive(slot.incoming);
    if (received == Received::nothing) break;
    ++messages;
    if (received == Received::malformed) continue;
    if (pending_.full(batch_messages_)) {
      refuse(slot.incoming);
      continue;
    }
    const Message& message = slot.parser.parse(slot.incoming.body.bytes(), kSource);
    if (message.operation == "query") {
      ask(slot.incoming, message);
      continue;
    }
    if (message.in_order &&
        !held_.release(slot.incoming.address.bytes(), message.request_id, std::chrono::steady_clock::now())) {
      answer_busy(slot.incoming.peer(), message);
      continue;
    }
    slot.message = &message;
    engine_.announce(message.commands);
    commands += message.commands.size();
    ++batch_messages_;
  }
  return messages;
}

void CommandLoop::gather_commands() {
  batch_taken_ = written_ = 0;
  reply_begun_ = false;
  batch_since_ = std::chrono::steady_clock::now();
  if (batch_messages_ == 1) {
    batch_ = slots_[0].message->commands;
    return;
  }
  gathered_.clear();
  for (const Slot& slot : std::span(slots_).first(batch_messages_)) {
    gathered_.insert(gathered_.end(), slot.message->commands.begin(), slot.message->commands.end());
  }
  batch_ = gathered_;
}

// False when the frame being built is full and a commit is under way, or when the engine failed: the batch stays
// open.
bool CommandLoop::submit_batch() {
  finish_replies_complete();
  while (batch_taken_ < batch_.size()) {
    const auto taken = engine_.submit(batch_.subspan(batch_taken_), replies_);
    if (!taken) {
      failure_ = taken.error();
      return false;
    }
    batch_taken_ += *taken;
    turn_commands_ += *taken;
    counted_.commands += *taken;
    write_replies();
    if (batch_taken_ < batch_.size() && !engine_.try_commit()) return false;
  }
  return true;
}

void CommandLoop::write_replies() {
  for (const commands::Reply& reply : replies_) {
    begin_reply();
    append_result(pending_.body(), reply, written_ == 0);
    pending_.needs(reply.position);
    ++written_;
    finish_replies_complete();
  }
}

void CommandLoop::begin_reply() {
  if (reply_begun_) return;
  const Slot& slot = slots_[writing_];
  std::string& out = pending_.begin(slot.incoming.peer());
  append_reply_head(out, slot.message->request_id, slot.message->operation);
  pending_.end_of_head();
  append_results_begin(out);
  reply_begun_ = true;
}

// Also those of messages without commands.
void CommandLoop::finish_replies_complete() {
  while (batch_open() && written_ == slots_[writing_].message->commands.size()) {
    begin_reply();
    append_results_end(pending_.body());
    pending_.finish();
    reply_begun_ = false;
    written_ = 0;
    ++writing_;
  }
}

bool CommandLoop::stalled() const { return std::chrono::steady_clock::now() - batch_since_ > limits_.stall; }

void CommandLoop::refuse_messages() {
  for (std::size_t messages = 0; messages < kMessagesPerTurn; ++messages) {
    const Received received = receive(refused_);
    if (received == Received::nothing) return;
    if (received == Received::message) refuse(refused_);
  }
}

// The engine is not touched; queries have a queue of their own and are still asked.
void CommandLoop::refuse(const Incoming& incoming) {
  const Message& message = refusing_parser_.parse(incoming.body.bytes(), kSource);
  if (message.operation == "query") return ask(incoming, message);
  if (message.in_order) {
    held_.hold(incoming.address.bytes(), message.request_id, std::chrono::steady_clock::now());
  }
  answer_busy(incoming.peer(), message);
}

void CommandLoop::ask(const Incoming& incoming, const Message& message) {
  // Whoever leaves its answers unread gets no more of them to keep.
  if (unread_.full(incoming.address.bytes())) return answer_busy(incoming.peer(), message);
  publish_status();
  QueryMessage query{std::string(incoming.address.bytes()), incoming.request_framing, std::string(message.request_id),
                     std::string(message.query), unread_.counter(incoming.address.bytes())};
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
  while (queries_->take(answer)) {
    const Peer peer{answer.address, answer.request_framing};
    if (answer.text.empty() || unread_.full(answer.address)) {
      ++counted_.busy;
      answer.text.clear();
      append_reply_head(answer.text, answer.request_id, "query");
      append_busy_tail(answer.text, limits_.retry_after);
    }
    send(peer, answer.text, {});
  }
}

// A peer that left, or that lets its replies pile up, is not waited for: it asks again and gets the recorded
// answer.
void CommandLoop::send(const Peer& peer, std::string_view body, std::string_view tail) {
  if (!tail.empty()) {
    scratch_.assign(body).append(tail);
    body = scratch_;
  }
  const bool counted = body.size() >= UnreadReplies::kCountedBytesMin;
  if (counted && unread_.full(peer.address)) {
    ++counted_.undelivered;
    return;
  }
  Sent sent = router_.send(peer.address, Follows::another_frame);
  if (sent == Sent::sent && peer.request_framing) sent = router_.send({}, Follows::another_frame);
  if (sent == Sent::sent) {
    sent = counted ? router_.send_counted(std::string(body), unread_.counter(peer.address))
                   : router_.send(body, Follows::nothing);
  }
  if (sent != Sent::sent) ++counted_.undelivered;
}

void CommandLoop::wait_for_more() {
  std::array<Waitable, 2> what{Waitable{nullptr, news_->wakeup.file_descriptor()}, Waitable{&router_}};
  const bool blocked = batch_open();
  const bool listening = !stopping_.load(std::memory_order_acquire) && (!blocked || stalled());
  wait(std::span(what).first(listening ? 2 : 1), blocked ? kStallLook : std::chrono::milliseconds(-1));
  // Cleared before the durable position is read, so that no commit can be missed.
  if (what[0].ready) news_->wakeup.clear();
}

bool CommandLoop::drained() const { return !batch_open() && pending_.empty() && queries_->idle(); }

eventlog::Expected<void> CommandLoop::give_up() {
  for (; batch_open(); ++writing_) {
    begin_reply();
    // Nobody knows what of it will be kept: it needs a position that never becomes durable.
    pending_.needs(eventlog::Position{~std::uint64_t{0}});
    pending_.finish();
    reply_begun_ = false;
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

void CommandLoop::measure_state() {
  counted_.memory = engine_.state().memory();
  commands_measured_ = counted_.commands;
}

// The counters are exact; the sizes lag behind by less than 2 % of the entities.
void CommandLoop::publish_status() {
  const auto& memory = counted_.memory;
  const std::uint64_t entities = memory.customers + memory.merchants + memory.devices;
  if (counted_.commands - commands_measured_ > entities / kEntitiesPerUnmeasuredCommand) measure_state();
  const std::lock_guard lock(status_mutex_);
  published_ = counted_;
}

}  // namespace vigil::api
