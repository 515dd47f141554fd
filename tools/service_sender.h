// Sends commands to a running service in order, many per message, with a window of messages in flight.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/client.h"
#include "tools/command_json.h"
#include "tools/ingest_summary.h"

namespace vigil::tools {

// Not thread-safe. Commands of one operation that follow each other share a message. The service takes them in the
// order they were given here, also under load: when it answers `busy` it refuses what comes behind (every message
// asks for that, "in_order"), and the sender sends nothing new, waits for all answers, waits as long as it was
// asked to, twice as long each time nothing was taken, and sends what was refused again, in order.
class ServiceSender {
 public:
  struct Options {
    std::size_t commands_per_message = 64;
    std::size_t in_flight = 16;
    std::chrono::milliseconds reply_timeout{60'000};       // of silence; activating features may take a while
    std::function<void(std::chrono::milliseconds)> pause;  // for tests; sleeps when there is none
  };
  // The longest pause before what was refused is sent again, unless the service asks for a longer one.
  static constexpr std::chrono::milliseconds kPauseMax{1'000};

  static eventlog::Expected<std::unique_ptr<ServiceSender>> connect(const std::string& endpoint, const Options& options,
                                                                    IngestSummary& summary);
  // Over a connection that is there already; `endpoint` names it in errors.
  ServiceSender(std::unique_ptr<api::Client> client, const Options& options, IngestSummary& summary,
                std::string endpoint);
  ~ServiceSender();

  // Copies what it needs; may wait for replies. Counts every answer in the summary. Errors: io (nobody answers),
  // poisoned (the service could not record), invalid (a reply that is none of the protocol's).
  eventlog::Expected<void> send(const commands::Command& command, RawForm raw_form = RawForm::other);
  // Sends what is collected and waits for all answers.
  eventlog::Expected<void> settle();

 private:
  struct Message {
    std::uint64_t id = 0;
    std::string text;
    std::vector<Asked> asked;
  };
  using Messages = std::map<std::uint64_t, Message>;  // by id, so in the order sent
  struct ReplyReader;

  eventlog::Expected<void> send_collected();
  eventlog::Expected<void> transmit(Message message);
  eventlog::Expected<void> receive_one();
  eventlog::Expected<void> take_reply(std::string_view reply);
  void take_refusal(Messages::iterator message, std::chrono::milliseconds retry_after);
  eventlog::Expected<void> send_refused_again();

  std::unique_ptr<api::Client> client_;
  Options options_;
  IngestSummary& summary_;
  std::string endpoint_;
  std::unique_ptr<ReplyReader> reader_;
  std::uint64_t next_id_ = 1;
  std::string_view operation_;  // of the message being collected
  std::string elements_, inputs_;
  std::string element_, input_;  // of the command at hand
  std::vector<Asked> asked_;
  Messages in_flight_;
  Messages refused_;                          // answered busy
  std::chrono::milliseconds retry_after_{0};  // what the service asked for
  std::chrono::milliseconds pause_{0};        // what it has grown to since something was taken last
};

}  // namespace vigil::tools
