#include "api/client.h"

#include <array>
#include <utility>

#include "api/socket.h"

namespace vigil::api {
namespace {

using eventlog::Error;
using eventlog::ErrorKind;
using eventlog::fail;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSendLook{1};

// Waits until `socket` can be read or the deadline has passed.
bool readable_before(const Socket& socket, steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
  if (left.count() <= 0) return false;
  std::array<Waitable, 1> what{Waitable{&socket}};
  wait(what, left);
  return true;
}

class ZmqClient final : public Client {
 public:
  ZmqClient(std::string endpoint, const ClientOptions& options) : endpoint_(std::move(endpoint)), options_(options) {}

  Expected<void> open() {
    SocketLimits limits;
    limits.send_frames_max = limits.receive_frames_max = options_.in_flight_max;
    auto socket = Socket::open(context_, SocketKind::dealer, limits);
    if (!socket) return std::unexpected(socket.error());
    if (auto connected = socket->connect(endpoint_); !connected) return connected;
    socket_.emplace(std::move(*socket));
    return {};
  }

  Expected<void> send(std::string_view message) override {
    const auto deadline = steady_clock::now() + options_.send_timeout;
    while (socket_->send(message, Follows::nothing) != Sent::sent) {
      if (steady_clock::now() >= deadline) return fail(ErrorKind::io, unanswered(options_.send_timeout));
      wait({}, kSendLook);
    }
    return {};
  }

  std::optional<std::string_view> try_receive() override {
    if (!socket_->receive(frame_)) return std::nullopt;
    while (frame_.more() && socket_->receive(frame_)) {
    }
    return frame_.bytes();
  }

  std::optional<std::string_view> receive(milliseconds timeout) override {
    const auto deadline = steady_clock::now() + timeout;
    for (;;) {
      if (auto reply = try_receive()) return reply;
      if (!readable_before(*socket_, deadline)) return std::nullopt;
    }
  }

  Expected<std::string> ask(std::string_view message, milliseconds timeout) override {
    if (auto sent = send(message); !sent) return std::unexpected(sent.error());
    if (const auto reply = receive(timeout)) return std::string(*reply);
    socket_.reset();
    if (auto reopened = open(); !reopened) return std::unexpected(reopened.error());
    return fail(ErrorKind::io, unanswered(timeout));
  }

 private:
  std::string unanswered(milliseconds timeout) const {
    return "no answer from " + endpoint_ + " within " + std::to_string(timeout.count()) +
           " ms; is `vigil serve` running there?";
  }

  const std::string endpoint_;
  const ClientOptions options_;
  Context context_;
  std::optional<Socket> socket_;
  Frame frame_;
};

class ZmqSubscriber final : public Subscriber {
 public:
  Expected<void> open(const std::string& endpoint, const std::vector<std::string>& prefixes) {
    SocketLimits limits;
    limits.receive_frames_max = 100'000;
    auto socket = Socket::open(context_, SocketKind::sub, limits);
    if (!socket) return std::unexpected(socket.error());
    for (const std::string& prefix : prefixes) {
      if (auto subscribed = socket->subscribe(prefix); !subscribed) return subscribed;
    }
    if (auto connected = socket->connect(endpoint); !connected) return connected;
    socket_.emplace(std::move(*socket));
    return {};
  }

  std::optional<Event> receive(milliseconds timeout) override {
    const auto deadline = steady_clock::now() + timeout;
    for (;;) {
      if (socket_->receive(topic_)) {
        if (!topic_.more() || !socket_->receive(json_)) continue;
        return Event{topic_.bytes(), json_.bytes()};
      }
      if (!readable_before(*socket_, deadline)) return std::nullopt;
    }
  }

 private:
  Context context_;
  std::optional<Socket> socket_;
  Frame topic_, json_;
};

}  // namespace

Expected<std::unique_ptr<Client>> Client::connect(const std::string& endpoint, const ClientOptions& options) {
  auto client = std::make_unique<ZmqClient>(endpoint, options);
  if (auto opened = client->open(); !opened) return std::unexpected(opened.error());
  return client;
}

Expected<std::unique_ptr<Subscriber>> Subscriber::connect(const std::string& endpoint,
                                                          const std::vector<std::string>& prefixes) {
  auto subscriber = std::make_unique<ZmqSubscriber>();
  if (auto opened = subscriber->open(endpoint, prefixes); !opened) return std::unexpected(opened.error());
  return subscriber;
}

}  // namespace vigil::api
