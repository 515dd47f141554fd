// The service's ZeroMQ doors around one engine and its read models. docs/protocol.md is the reference.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/command_loop.h"
#include "commands/engine.h"
#include "projections/read_models.h"

namespace vigil::api {

struct ServerOptions {
  std::string commands_endpoint = "tcp://127.0.0.1:7701";  // ROUTER: commands and queries
  std::string events_endpoint;                             // XPUB: live events; "" for none
  std::size_t queries_max = 256;                           // unanswered; more is answered `busy`
  CommandLimits limits;
  std::function<eventlog::ScrubStatus()> scrub = {};  // asked for each status; empty when there is none
};

// Threads: run() belongs to one thread, which owns `engine` while it runs; stop() and the endpoints are
// thread-safe. Queries and published events have a thread each. The threads that open and run it ask the system for
// short time slices (eventlog/storage/thread_role.h).
class Server {
 public:
  // Listens (messages queue up until run()). Takes the log's on_commit listener. `engine` and `models` outlive
  // the server. Errors: invalid (an endpoint that is none), io (in use).
  static Expected<std::unique_ptr<Server>> open(commands::Engine& engine, const projections::ReadModels& models,
                                                const ServerOptions& options);
  virtual ~Server() = default;  // replies already sent get up to two seconds to leave

  // The endpoints bound, with the ports that were chosen. The second is "" when nothing is published.
  virtual const std::string& commands_endpoint() const = 0;
  virtual const std::string& events_endpoint() const = 0;

  // Serves until stop(): then nothing more is received, and all that was accepted is made durable and
  // answered. Error: poisoned (or what the engine failed with); what was not durable was answered
  // `outcome_unknown`.
  virtual Expected<void> run() = 0;
  virtual void stop() = 0;
};

}  // namespace vigil::api
