// ZeroMQ in one place: contexts, sockets, frames and polling, with errors as values.
//
// Thread-safety: a Context may be shared; a Socket belongs to one thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "eventlog/storage/error.h"

namespace vigil::api {

using eventlog::Expected;

// Longer frames end the connection they came from, before they are held in memory (ZMQ_MAXMSGSIZE). Only where others
// connect to: answers may be as long as the service makes them.
inline constexpr std::int64_t kFrameBytesMax = 16 << 20;

// Closes when destroyed; sockets of it must be gone by then (destroying blocks until their linger is over).
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* handle() const { return handle_; }

 private:
  void* handle_;
};

// One received frame; its bytes live until the next receive into it.
class Frame {
 public:
  Frame();
  ~Frame();
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  std::string_view bytes() const;
  bool more() const;  // another frame of the same message follows

 private:
  friend class Socket;
  // A zmq_msg_t (64 bytes); its size and alignment are checked in socket.cpp.
  alignas(8) unsigned char message_[64];
};

enum class SocketKind : std::uint8_t { router, dealer, xpub, sub };

// Frames queued per peer before the next one is refused, and how long unsent frames outlive the socket.
struct SocketLimits {
  int send_frames_max = 1000;
  int receive_frames_max = 1000;
  std::chrono::milliseconds linger{2000};
};

enum class Sent : std::uint8_t {
  sent,
  full,  // the peer's queue is full; nothing was queued
  gone,  // no such peer, or the socket cannot send now
};
enum class Follows : std::uint8_t { nothing, another_frame };

// Bytes that ZeroMQ still holds in memory.
using UnsentBytes = std::atomic<std::size_t>;

class Socket {
 public:
  // A router reports unroutable and full peers instead of dropping silently. Error: io.
  static Expected<Socket> open(const Context& context, SocketKind kind, const SocketLimits& limits = {});
  Socket(Socket&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  // Returns the endpoint actually bound ("tcp://127.0.0.1:*" chooses a port). Errors: invalid (no endpoint
  // at all), io (in use, no such address).
  Expected<std::string> bind(const std::string& endpoint);
  // Connecting goes on in the background and is repeated after a loss. Error: invalid.
  Expected<void> connect(const std::string& endpoint);
  // A sub socket's topics begin with `prefix`.
  Expected<void> subscribe(const std::string& prefix);

  // None of them ever waits. Once the first frame of a message was sent, the others are never refused.
  Sent send(std::string_view bytes, Follows follows);
  // Sends the last frame of a message, and counts its bytes in `unsent` until they have been handed to the system or
  // thrown away with the connection. Any thread may do that, also after this socket is gone.
  Sent send_counted(std::string bytes, std::shared_ptr<UnsentBytes> unsent);
  bool receive(Frame& frame);
  void* handle() const { return handle_; }

 private:
  explicit Socket(void* handle) : handle_(handle) {}
  void* handle_;
};

// What to wait for: a socket, or a file descriptor when `socket` is null.
struct Waitable {
  const Socket* socket = nullptr;
  int file_descriptor = -1;
  bool ready = false;  // set by wait()
};

// Waits until one of at most 8 can be read; a negative timeout waits for ever. May return early (a signal).
void wait(std::span<Waitable> what, std::chrono::milliseconds timeout);

}  // namespace vigil::api
