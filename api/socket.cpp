#include "api/socket.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "eventlog/storage/invariant.h"

namespace vigil::api {
namespace {

using eventlog::ErrorKind;
using eventlog::fail;
using eventlog::invariant;

static_assert(sizeof(zmq_msg_t) == 64 && alignof(zmq_msg_t) <= 8, "Frame keeps a zmq_msg_t in place");

zmq_msg_t* raw(unsigned char* bytes) { return reinterpret_cast<zmq_msg_t*>(bytes); }
zmq_msg_t* raw(const unsigned char* bytes) { return reinterpret_cast<zmq_msg_t*>(const_cast<unsigned char*>(bytes)); }

int type_of(SocketKind kind) {
  switch (kind) {
    case SocketKind::router: return ZMQ_ROUTER;
    case SocketKind::dealer: return ZMQ_DEALER;
    case SocketKind::xpub: return ZMQ_XPUB;
    case SocketKind::sub: return ZMQ_SUB;
  }
  std::unreachable();
}

std::string hint(int error) {
  switch (error) {
    case EADDRINUSE: return "; another process listens there: stop it, or choose another port";
    case EADDRNOTAVAIL:
    case ENODEV: return "; this machine has no such address";
    case EINVAL:
    case EPROTONOSUPPORT: return "; an endpoint looks like tcp://127.0.0.1:7701";
    case EACCES: return "; ports below 1024 need privileges";
    default: return "";
  }
}

std::unexpected<eventlog::Error> refused(std::string_view what, const std::string& endpoint) {
  const int error = zmq_errno();
  const bool text_is_wrong = error == EINVAL || error == EPROTONOSUPPORT;
  return fail(text_is_wrong ? ErrorKind::invalid : ErrorKind::io,
              std::string(what) + " '" + endpoint + "': " + zmq_strerror(error) + hint(error));
}

// ZeroMQ takes a larger port for its remainder by 65,536.
Expected<void> check_port(std::string_view what, const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with("tcp://") || colon < 6 || colon == std::string::npos) return {};
  const std::string_view port = std::string_view(endpoint).substr(colon + 1);
  std::uint32_t number = 0;
  const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool too_large = read.ec == std::errc::result_out_of_range || (read.ec == std::errc() && number > 65'535);
  if (!too_large) return {};
  return fail(ErrorKind::invalid, std::string(what) + " '" + endpoint + "': ports end at 65535");
}

bool set(void* socket, int option, int value) { return zmq_setsockopt(socket, option, &value, sizeof value) == 0; }

bool configure(void* socket, SocketKind kind, const SocketLimits& limits) {
  bool ok = set(socket, ZMQ_SNDHWM, limits.send_frames_max) && set(socket, ZMQ_RCVHWM, limits.receive_frames_max) &&
            set(socket, ZMQ_LINGER, static_cast<int>(limits.linger.count()));
  const bool serves = kind == SocketKind::router || kind == SocketKind::xpub;
  if (serves) {
    const std::int64_t frame_bytes_max = kFrameBytesMax;
    ok = ok && zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max) == 0;
  }
  if (kind == SocketKind::router) ok = ok && set(socket, ZMQ_ROUTER_MANDATORY, 1);
  return ok;
}

}  // namespace

Context::Context() : handle_(zmq_ctx_new()) { invariant(handle_ != nullptr, "a ZeroMQ context can be made"); }
Context::~Context() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

Frame::Frame() { zmq_msg_init(raw(message_)); }
Frame::~Frame() { zmq_msg_close(raw(message_)); }
std::string_view Frame::bytes() const {
  return {static_cast<const char*>(zmq_msg_data(raw(message_))), zmq_msg_size(raw(message_))};
}
bool Frame::more() const { return zmq_msg_more(raw(message_)) != 0; }

Expected<Socket> Socket::open(const Context& context, SocketKind kind, const SocketLimits& limits) {
  Socket socket(zmq_socket(context.handle(), type_of(kind)));
  if (socket.handle_ == nullptr || !configure(socket.handle_, kind, limits)) {
    return fail(ErrorKind::io, std::string("cannot open a socket: ") + zmq_strerror(zmq_errno()));
  }
  return socket;
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
Socket::~Socket() {
  if (handle_ != nullptr) zmq_close(handle_);
}

Expected<std::string> Socket::bind(const std::string& endpoint) {
  if (auto fits = check_port("cannot listen on", endpoint); !fits) return std::unexpected(fits.error());
  if (zmq_bind(handle_, endpoint.c_str()) != 0) return refused("cannot listen on", endpoint);
  std::array<char, 512> bound{};
  std::size_t size = bound.size();
  if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) return endpoint;
  return std::string(bound.data());
}

Expected<void> Socket::connect(const std::string& endpoint) {
  if (auto fits = check_port("cannot connect to", endpoint); !fits) return fits;
  if (zmq_connect(handle_, endpoint.c_str()) != 0) return refused("cannot connect to", endpoint);
  return {};
}

Expected<void> Socket::subscribe(const std::string& prefix) {
  if (zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) != 0) {
    return refused("cannot subscribe to", prefix);
  }
  return {};
}

Sent Socket::send(std::string_view bytes, Follows follows) {
  const int flags = ZMQ_DONTWAIT | (follows == Follows::another_frame ? ZMQ_SNDMORE : 0);
  int sent;
  do {
    sent = zmq_send(handle_, bytes.data(), bytes.size(), flags);
  } while (sent < 0 && zmq_errno() == EINTR);
  if (sent >= 0) return Sent::sent;
  return zmq_errno() == EAGAIN ? Sent::full : Sent::gone;
}

Sent Socket::send_counted(std::string bytes, std::shared_ptr<UnsentBytes> unsent) {
  struct Counted {
    std::string bytes;
    std::shared_ptr<UnsentBytes> unsent;
  };
  auto counted = std::make_unique<Counted>(std::move(bytes), std::move(unsent));
  const auto release = [](void*, void* hint) {
    const std::unique_ptr<Counted> done(static_cast<Counted*>(hint));
    done->unsent->fetch_sub(done->bytes.size(), std::memory_order_relaxed);
  };
  zmq_msg_t message;
  const int made = zmq_msg_init_data(&message, counted->bytes.data(), counted->bytes.size(), release, counted.get());
  invariant(made == 0, "there is memory for a message");
  counted->unsent->fetch_add(counted->bytes.size(), std::memory_order_relaxed);
  static_cast<void>(counted.release());
  int sent;
  do {
    sent = zmq_msg_send(&message, handle_, ZMQ_DONTWAIT);
  } while (sent < 0 && zmq_errno() == EINTR);
  if (sent >= 0) return Sent::sent;
  const Sent why = zmq_errno() == EAGAIN ? Sent::full : Sent::gone;
  zmq_msg_close(&message);
  return why;
}

bool Socket::receive(Frame& frame) {
  int received;
  do {
    received = zmq_msg_recv(raw(frame.message_), handle_, ZMQ_DONTWAIT);
  } while (received < 0 && zmq_errno() == EINTR);
  return received >= 0;
}

void wait(std::span<Waitable> what, std::chrono::milliseconds timeout) {
  std::array<zmq_pollitem_t, 8> items{};
  invariant(what.size() <= items.size(), "at most 8 things are waited for at once");
  for (std::size_t i = 0; i < what.size(); ++i) {
    void* socket = what[i].socket != nullptr ? what[i].socket->handle() : nullptr;
    items[i] = {socket, what[i].file_descriptor, ZMQ_POLLIN, 0};
    what[i].ready = false;
  }
  const auto timeout_ms = timeout.count() < 0 ? -1 : static_cast<long>(timeout.count());
  if (zmq_poll(items.data(), static_cast<int>(what.size()), timeout_ms) <= 0) return;
  for (std::size_t i = 0; i < what.size(); ++i) what[i].ready = items[i].revents != 0;
}

}  // namespace vigil::api
