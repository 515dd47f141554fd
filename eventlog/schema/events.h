// The vocabulary of events. Each struct is a view of one event: decoded in place from a record, or filled by
// the writer and encoded into a frame. Fields are documented here; the stored form is events.capnp.
//
// Thread-safety: values and pure functions. Texts of decoded events point into the record's payload.
// Folds are total: decode() of a recorded event succeeds for every version up to the current one (older
// versions are upcast inside decode, in one place).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "eventlog/schema/transaction.h"
#include "eventlog/schema/value.h"
#include "eventlog/storage/error.h"
#include "eventlog/storage/record.h"

namespace vigil::eventlog {

class FrameBuilder;
struct Placed;

// Stored: never change a number.
enum class EventType : std::uint16_t {
  transaction_decided = 1,
  transaction_quarantined = 2,
  label_reported = 3,
  alert_raised = 4,
  customer_updated = 5,
  merchant_updated = 6,
  list_updated = 7,
  rate_updated = 8,
  policy_updated = 9,
  features_activated = 10,
  rules_activated = 11,
};
std::string_view name(EventType type);  // "TransactionDecided" …

enum class Outcome : std::uint8_t { approve, review, decline };
std::string_view name(Outcome outcome);  // "approve" …

enum class Severity : std::uint8_t { p0, p1, p2, p3 };
std::string_view name(Severity severity);  // "P0" …

enum class LabelKind : std::uint8_t { genuine, fraud, chargeback };
std::string_view name(LabelKind kind);  // "genuine" …
std::optional<LabelKind> parse_label_kind(std::string_view text);
// Chargebacks and confirmed fraud both count as fraud.
constexpr bool is_fraud(LabelKind kind) { return kind != LabelKind::genuine; }

// The entity kinds, and the slot of each in a record's links.
enum class EntityKind : std::uint8_t { customer = 0, merchant = 1, device = 2 };
inline constexpr std::size_t kEntityKinds = 3;
std::string_view name(EntityKind kind);  // "customer" …

// Indexes of rules (in the order of the rule set in force) that matched: at most this many in a set.
inline constexpr std::size_t kRulesMax = 1024;

struct TransactionDecided {
  Transaction transaction;
  std::int64_t amount_base_minor = 0;  // in the policy's base currency
  Outcome outcome = Outcome::approve;
  std::int32_t score = 0;
  std::uint32_t features_version = 0;      // which FeaturesActivated was in force (its `version`)
  std::uint32_t rules_version = 0;         // which RulesActivated was in force (its `version`)
  std::span<const std::byte> features;     // encode_values() of the feature values, in catalogue order
  std::span<const std::uint16_t> matched;  // ascending indexes into the rule set
};

struct QuarantineReason {
  std::string_view code;   // "unknown_currency" …
  std::string_view field;  // which field, or ""
  std::string_view text;   // for people
};
struct TransactionQuarantined {
  std::span<const std::byte> raw;  // what came, whole (up to the payload limit)
  std::string_view source;         // "zmq", "FILE.csv:17" …
  std::vector<QuarantineReason> reasons;
};

struct LabelReported {
  std::string_view transaction_id;
  std::uint16_t transaction_version = 1;
  LabelKind kind = LabelKind::fraud;
  std::string_view customer_id;
  std::string_view merchant_id;
  std::string_view device_id;                     // optional
  EventTime transaction_time;                     // event time of the labelled transaction
  EventTime reported_at;                          // when the truth became known at its source
  std::int64_t amount_base_minor = 0;             // of the labelled transaction
  std::string_view source;                        // "chargeback", "analyst" …
  bool corrects = false;                          // replaces an earlier label of the same transaction …
  LabelKind corrected_kind = LabelKind::genuine;  // … which was this
};

struct AlertRaised {
  std::string_view rule_id;
  std::string_view transaction_id;
  Position decided_at;  // the TransactionDecided it belongs to
  EventTime event_time;
  std::string_view customer_id;
  std::string_view merchant_id;
  std::string_view device_id;
  std::int64_t amount_base_minor = 0;
  Severity severity = Severity::p2;
  Outcome outcome = Outcome::review;  // of the rule
  std::int32_t score = 0;             // of the rule
};

struct CustomerUpdated {
  std::string_view customer_id;
  std::optional<Place> home;
  Code country;              // home country (optional)
  std::string_view segment;  // free word (optional)
};

struct MerchantUpdated {
  std::string_view merchant_id;
  std::string_view display_name;
  std::string_view category;
  Code country;
  std::optional<Place> place;
};

struct ListUpdated {
  std::string_view list;
  std::vector<std::string_view> added;
  std::vector<std::string_view> removed;
};

struct RateUpdated {
  Code currency;
  Code base;
  // One major unit of `currency` in major units of `base`, times 10^9.
  std::int64_t rate_e9 = 0;
};

struct PolicyUpdated {
  std::string_view text;  // the whole policy as TOML
};

struct FeaturesActivated {
  std::uint32_t version = 0;  // 1, 2, 3 … over the log
  std::string_view text;      // the whole catalogue as TOML
  std::array<std::byte, 32> sha256{};
};

struct RulesActivated {
  std::uint32_t version = 0;
  std::string_view text;
  std::array<std::byte, 32> sha256{};
};

// Links of the entities an event concerns, one slot per EntityKind. Unused slots stay {0, 0}.
using EntityLinks = std::array<Link, kEntityKinds>;

// Encoders: build the record in `frame` (which must have begun and have bytes_max(event) free) and return
// where it will stand. Allocate nothing.
Placed append(FrameBuilder& frame, const TransactionDecided& event, const EntityLinks& links);
Placed append(FrameBuilder& frame, const TransactionQuarantined& event);
Placed append(FrameBuilder& frame, const LabelReported& event, const EntityLinks& links);
Placed append(FrameBuilder& frame, const AlertRaised& event, const EntityLinks& links);
Placed append(FrameBuilder& frame, const CustomerUpdated& event, const EntityLinks& links);
Placed append(FrameBuilder& frame, const MerchantUpdated& event, const EntityLinks& links);
Placed append(FrameBuilder& frame, const ListUpdated& event);
Placed append(FrameBuilder& frame, const RateUpdated& event);
Placed append(FrameBuilder& frame, const PolicyUpdated& event);
Placed append(FrameBuilder& frame, const FeaturesActivated& event);
Placed append(FrameBuilder& frame, const RulesActivated& event);

// What append() needs at most in the frame, record header and links included.
std::size_t bytes_max(const TransactionDecided& event);
std::size_t bytes_max(const TransactionQuarantined& event);
std::size_t bytes_max(const LabelReported& event);
std::size_t bytes_max(const AlertRaised& event);
std::size_t bytes_max(const CustomerUpdated& event);
std::size_t bytes_max(const MerchantUpdated& event);
std::size_t bytes_max(const ListUpdated& event);
std::size_t bytes_max(const RateUpdated& event);
std::size_t bytes_max(const PolicyUpdated& event);
std::size_t bytes_max(const FeaturesActivated& event);
std::size_t bytes_max(const RulesActivated& event);

// The type of a record; damaged when it is none we know, unsupported_version when it is newer than us.
Expected<EventType> type_of(const Record& record);

// Decoders: `record.type` must be the event's own type. Error: damaged, unsupported_version.
template <class Event>
Expected<Event> decode(const Record& record);

// The key under which the id index lists a transaction: XXH3-64 of its id. Stored: never change.
std::uint64_t transaction_key(std::string_view transaction_id);

}  // namespace vigil::eventlog
