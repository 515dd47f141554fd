// Sockets of the test's own, JSON messages, and a server running on a thread.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "api/client.h"
#include "api/server.h"
#include "api/socket.h"

namespace vigil::api {

using Json = nlohmann::ordered_json;

// Long enough for a loaded machine; nothing waits for it unless a test fails.
inline constexpr std::chrono::milliseconds kPatience{20'000};

inline Json transaction(const std::string& id, const std::string& customer = "c1") {
  return {{"transaction_id", id},    {"event_time", "2026-03-01T12:00:00Z"},
          {"customer_id", customer}, {"merchant_id", "m1"},
          {"amount", "12.50"},       {"currency", "EUR"}};
}
inline std::string submit(int id, const std::string& transaction_id) {
  return Json{{"op", "submit"}, {"id", id}, {"transaction", transaction(transaction_id)}}.dump();
}
inline std::string submit_many(int id, int first, int count) {
  Json all = Json::array();
  for (int i = 0; i < count; ++i) all.push_back(transaction("t" + std::to_string(first + i)));
  return Json{{"op", "submit"}, {"id", id}, {"transactions", std::move(all)}}.dump();
}

// A connected client that speaks JSON.
class Wire {
 public:
  explicit Wire(const std::string& endpoint) : client_(std::move(*Client::connect(endpoint))) {}
  void send(const std::string& message) { ASSERT_TRUE(client_->send(message)); }
  // null when nothing came in time.
  Json receive(std::chrono::milliseconds timeout = kPatience) {
    const auto reply = client_->receive(timeout);
    return reply ? Json::parse(*reply) : Json();
  }
  Json ask(const std::string& message) {
    send(message);
    return receive();
  }
  Json ask(const char* message) { return ask(std::string(message)); }
  Json ask(const Json& message) { return ask(message.dump()); }
  // What a submit of one is answered.
  Json result(const std::string& message) { return ask(message).at("results").at(0); }

 private:
  std::unique_ptr<Client> client_;
};

// A server of `engine` and `models` on a port of its own, run by a thread until stop().
class Running {
 public:
  Running(commands::Engine& engine, const projections::ReadModels& models, ServerOptions options = {}) {
    options.commands_endpoint = "tcp://127.0.0.1:*";
    if (!options.events_endpoint.empty()) options.events_endpoint = "tcp://127.0.0.1:*";
    auto opened = Server::open(engine, models, options);
    if (!opened) throw std::runtime_error(opened.error().text);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { served_ = server_->run(); });
  }
  ~Running() { stop(); }

  Server& server() { return *server_; }
  std::string endpoint() const { return server_->commands_endpoint(); }
  void ask_to_stop() { server_->stop(); }
  // What run() returned.
  Expected<void> stop() {
    server_->stop();
    return join();
  }
  Expected<void> join() {
    if (thread_.joinable()) thread_.join();
    return served_;
  }

 private:
  std::unique_ptr<Server> server_;
  Expected<void> served_;
  std::thread thread_;
};

}  // namespace vigil::api
