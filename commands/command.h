// What a caller asks for, after parsing and the checks that need no state.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "eventlog/schema/events.h"

namespace vigil::commands {

// Limits at the door, each with a reason code of its own.
inline constexpr std::size_t kMessageBytesMax = 1 << 20;          // one message or one input line
inline constexpr std::size_t kCommandsPerMessageMax = 4096;       // a larger batch is split by the sender
inline constexpr std::size_t kQuarantineRawBytesMax = 256 << 10;  // what is kept of an oversized input
inline constexpr std::size_t kSourceBytesMax = 512;               // a file name with its row, a topic with its offset

// Why something was not accepted. `code` is stable (docs/protocol.md lists all); it and `field` are static
// or belong to the parsed input, `text` is for people.
struct Reason {
  std::string_view code;
  std::string_view field;
  std::string text;
};

struct SubmitTransaction {
  eventlog::Transaction transaction;
};
// The labelled transaction is found by its id; what the label event says of it comes from the log.
struct ReportLabel {
  std::string_view transaction_id;
  std::uint16_t transaction_version = 1;
  eventlog::LabelKind kind = eventlog::LabelKind::fraud;
  eventlog::EventTime reported_at;
  std::string_view source;
};
struct UpdateCustomer {
  eventlog::CustomerUpdated update;
};
struct UpdateMerchant {
  eventlog::MerchantUpdated update;
};
struct UpdateList {
  eventlog::ListUpdated update;
};
struct UpdateRate {
  eventlog::RateUpdated update;
};
// TOML texts; `file` names them in errors.
struct UpdatePolicy {
  std::string_view text, file;
};
struct ActivateFeatures {
  std::string_view text, file;
};
struct ActivateRules {
  std::string_view text, file;
};
// Input that failed the stateless checks: becomes TransactionQuarantined.
struct Unacceptable {
  std::string_view transaction_id;  // when it could be read, else ""
  std::vector<Reason> reasons;      // at least one
};

using CommandBody = std::variant<SubmitTransaction, ReportLabel, UpdateCustomer, UpdateMerchant, UpdateList, UpdateRate,
                                 UpdatePolicy, ActivateFeatures, ActivateRules, Unacceptable>;

// Views live as long as the parser or reader that made the command keeps its batch.
struct Command {
  CommandBody body;
  std::string_view raw;     // the input as it came, for the quarantine
  std::string_view source;  // "zmq", "FILE.csv:17" …; at most kSourceBytesMax
};

}  // namespace vigil::commands
