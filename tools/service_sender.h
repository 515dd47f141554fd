// Sends commands to a running service in order, many per message, with a window of messages in flight.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/client.h"
#include "tools/ingest_summary.h"

namespace vigil::tools {

// Not thread-safe. Commands of one operation that follow each other share a message. Messages arrive in the
// order they were sent; when the service answers `busy`, the sender lets the window run empty, waits as
// asked, and sends what was refused again, in order. (Messages behind a refused one may then have been decided
// before it; a window of 1 rules that out.)
class ServiceSender {
 public:
  struct Options {
    std::size_t commands_per_message = 64;
    std::size_t in_flight = 16;
    std::chrono::milliseconds reply_timeout{60'000};  // of silence; activating features may take a while
  };
  static eventlog::Expected<std::unique_ptr<ServiceSender>> connect(const std::string& endpoint,
                                                                    const Options& options, IngestSummary& summary);
  ~ServiceSender();

  // Copies what it needs; may wait for replies. Counts every answer in the summary. Errors: io (nobody answers),
  // poisoned (the service could not record), invalid (a reply that is none of the protocol's).
  eventlog::Expected<void> send(const commands::Command& command);
  // Sends what is collected and waits for all answers.
  eventlog::Expected<void> settle();

 private:
  struct Message {
    std::uint64_t id = 0;
    std::string text;
    std::vector<Asked> asked;
    bool anonymous = false;  // raw input: its reply carries no id of ours
  };
  struct ReplyReader;

  ServiceSender(std::unique_ptr<api::Client> client, const Options& options, IngestSummary& summary,
                std::string endpoint);
  eventlog::Expected<void> send_collected();
  eventlog::Expected<void> send_raw(const commands::Command& command);
  eventlog::Expected<void> transmit(Message message);
  eventlog::Expected<void> receive_one();
  eventlog::Expected<void> take_reply(std::string_view reply);
  eventlog::Expected<void> send_refused_again();

  std::unique_ptr<api::Client> client_;
  Options options_;
  IngestSummary& summary_;
  std::string endpoint_;
  std::unique_ptr<ReplyReader> reader_;
  std::uint64_t next_id_ = 1;
  std::string_view operation_;  // of the message being collected
  std::string elements_;
  std::vector<Asked> asked_;
  std::map<std::uint64_t, Message> in_flight_;   // by id, so in the order sent
  std::map<std::uint64_t, Message> refused_;     // answered busy
  std::chrono::milliseconds retry_after_{0};
};

}  // namespace vigil::tools
