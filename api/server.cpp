#include "api/server.h"

#include <utility>

#include "api/event_publisher.h"
#include "api/query_thread.h"
#include "eventlog/storage/thread_role.h"

namespace vigil::api {
namespace {

// Messages one peer may have waiting in front of the loop; behind them its connection is held back.
constexpr int kReceivedPerPeerMax = 1000;
// Replies a peer may leave unread before further ones are given up.
constexpr int kRepliesPerPeerMax = 100'000;

Expected<Socket> listen(const Context& context, SocketKind kind, const SocketLimits& limits, std::string& endpoint) {
  auto socket = Socket::open(context, kind, limits);
  if (!socket) return socket;
  auto bound = socket->bind(endpoint);
  if (!bound) return std::unexpected(bound.error());
  endpoint = std::move(*bound);
  return socket;
}

class ZmqServer final : public Server {
 public:
  ZmqServer(commands::Engine& engine, const projections::ReadModels& models, const ServerOptions& options)
      : engine_(engine),
        models_(models),
        options_(options),
        commands_endpoint_(options.commands_endpoint),
        events_endpoint_(options.events_endpoint) {}

  // The log outlives this object: from here on its listener speaks to nobody.
  ~ZmqServer() override {
    const std::lock_guard lock(link_->mutex);
    link_->publisher = nullptr;
  }

  Expected<void> listen_on_all() {
    SocketLimits limits;
    limits.receive_frames_max = kReceivedPerPeerMax;
    limits.send_frames_max = kRepliesPerPeerMax;
    auto router = listen(context_, SocketKind::router, limits, commands_endpoint_);
    if (!router) return std::unexpected(router.error());
    if (!events_endpoint_.empty()) {
      limits.send_frames_max = kPublishedPerSubscriberMax;
      auto xpub = listen(context_, SocketKind::xpub, limits, events_endpoint_);
      if (!xpub) return std::unexpected(xpub.error());
      publisher_ = std::make_unique<EventPublisher>(std::move(*xpub), engine_.log());
      link_->publisher = publisher_.get();
    }
    loop_ = std::make_unique<CommandLoop>(std::move(*router), engine_, news_, options_.limits);
    listen_to_commits();
    return {};
  }

  const std::string& commands_endpoint() const override { return commands_endpoint_; }
  const std::string& events_endpoint() const override { return events_endpoint_; }

  Expected<void> run() override {
    QueryThread queries({engine_.log(), models_, [this] { return status(); }}, options_.queries_max, news_->wakeup);
    return loop_->run(queries);
  }
  void stop() override { loop_->stop(); }

 private:
  ServiceStatus status() const {
    ServiceStatus status = loop_->status();
    if (options_.scrub) status.scrub = options_.scrub();
    return status;
  }

  struct PublisherLink {
    std::mutex mutex;
    EventPublisher* publisher = nullptr;
  };

  void listen_to_commits() {
    engine_.log().on_commit([news = news_, link = link_](const Expected<eventlog::Position>& durable) {
      if (!durable) {
        const std::lock_guard lock(news->mutex);
        news->error = durable.error().text;
        news->failed.store(true, std::memory_order_release);
      }
      news->wakeup.signal();
      const std::lock_guard lock(link->mutex);
      if (link->publisher != nullptr) link->publisher->notify();
    });
  }

  commands::Engine& engine_;
  const projections::ReadModels& models_;
  const ServerOptions options_;
  std::string commands_endpoint_, events_endpoint_;
  std::shared_ptr<CommitNews> news_ = std::make_shared<CommitNews>();
  std::shared_ptr<PublisherLink> link_ = std::make_shared<PublisherLink>();
  Context context_;  // before all sockets, so that it ends after them
  std::unique_ptr<EventPublisher> publisher_;
  std::unique_ptr<CommandLoop> loop_;
};

}  // namespace

Expected<std::unique_ptr<Server>> Server::open(commands::Engine& engine, const projections::ReadModels& models,
                                               const ServerOptions& options) {
  // ZeroMQ starts its own threads from this one, and they inherit its role.
  eventlog::take_role(eventlog::ThreadRole::prompt);
  auto server = std::make_unique<ZmqServer>(engine, models, options);
  if (auto listening = server->listen_on_all(); !listening) return std::unexpected(listening.error());
  return server;
}

}  // namespace vigil::api
