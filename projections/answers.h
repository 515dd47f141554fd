// What the read models answer: plain values, complete in themselves (they own their texts).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eventlog/schema/events.h"
#include "rules/features/lifetime.h"

namespace vigil::projections {

using eventlog::EntityKind;
using eventlog::Error;
using eventlog::EventTime;
using eventlog::Expected;
using eventlog::Position;

// What is kept about one entity, now or as of a position.
struct EntityState {
  rules::Lifetime lifetime;    // transactions, declined, frauds, amounts, first and last seen, last place
  std::uint64_t reviewed = 0;  // our outcome was review
  std::uint64_t genuine = 0;   // labelled genuine so far
  std::uint64_t alerts = 0;
  std::uint64_t events = 0;  // all events that concern the entity
  Position newest;           // the newest of them; its links lead through the whole history
  std::uint64_t approved() const { return lifetime.transactions - lifetime.declined - reviewed; }
};

struct CustomerProfile {
  std::string id;
  EntityState state;
  std::uint64_t devices = 0;  // distinct devices used
  std::string last_merchant;  // of the newest transaction by event time; likewise the next three
  std::string last_device;
  std::string last_country;
  std::string last_currency;
  std::optional<eventlog::Place> home;  // from CustomerUpdated
  std::string home_country;
  std::string segment;
};

struct MerchantRisk {
  std::string id;
  EntityState state;
  std::int64_t fraud_amount_minor = 0;  // base currency, of the transactions labelled fraud
  double fraud_rate = 0;                // frauds / transactions; 0 without transactions
  std::string display_name;             // from MerchantUpdated; likewise the next two
  std::string category;
  std::string country;
};

enum class Granularity : std::uint8_t { minute, hour, day };
std::string_view name(Granularity granularity);  // "minute" …
std::optional<Granularity> parse_granularity(std::string_view text);

// `all` is the roll-up over everything.
enum class Dimension : std::uint8_t { all, status, category, country, currency, outcome };
inline constexpr std::size_t kDimensions = 6;
std::string_view name(Dimension dimension);  // "all", "status" …
std::optional<Dimension> parse_dimension(std::string_view text);

struct AggregateRow {
  EventTime bucket;   // begin of the minute, hour or day, UTC, by the event time of the transactions
  std::string value;  // of the dimension: "COMPLETED", "grocery" …; "" for `all` and for an absent field
  std::uint64_t transactions = 0;
  std::int64_t amount_minor = 0;  // base currency
  std::int64_t frauds = 0;        // labelled fraud, booked on the transaction's own bucket
  std::uint64_t declined = 0;
  std::uint64_t reviewed = 0;
  // Set for granularity day and dimension all.
  std::uint64_t active_customers = 0, active_merchants = 0;
  std::uint64_t compromised_customers = 0;  // distinct customers with a transaction labelled fraud that day
};
struct AggregateQuery {
  Granularity granularity = Granularity::day;
  EventTime from, to;  // buckets that begin in [from, to)
  Dimension dimension = Dimension::all;
  std::optional<std::string> value;  // one value of the dimension; all values when absent
  std::size_t limit = 100'000;
};

enum class AlertTruth : std::uint8_t { unlabelled, fraud, genuine };
std::string_view name(AlertTruth truth);
struct Alert {
  Position position;
  Position decided_at;
  std::string rule_id, transaction_id, customer_id, merchant_id, device_id;
  EventTime event_time;
  std::int64_t amount_base_minor = 0;
  eventlog::Severity severity = eventlog::Severity::p2;
  eventlog::Outcome outcome = eventlog::Outcome::review;
  std::int32_t score = 0;
  AlertTruth truth = AlertTruth::unlabelled;
};
struct AlertQuery {
  std::optional<std::string> rule_id;
  std::optional<eventlog::Severity> severity;
  std::optional<std::string> customer_id;
  Position since;  // alerts at or after this position, ascending
  std::size_t limit = 100;
};
struct RuleStatistics {
  std::string rule_id;
  std::uint64_t raised = 0, fraud = 0, genuine = 0;  // alerts; the last two by the transaction's label so far
  std::uint64_t unlabelled() const { return raised - fraud - genuine; }
  // Share of labelled alerts that were fraud; 0 when none is labelled.
  double precision() const { return fraud + genuine == 0 ? 0 : double(fraud) / double(fraud + genuine); }
};

struct QuarantinedReason {
  std::string code, field, text;
};
struct Quarantined {
  Position position;  // the raw bytes are in the log: LogSource::at(position)
  std::string source;
  std::uint64_t raw_bytes = 0;
  std::vector<QuarantinedReason> reasons;
};
struct QuarantineQuery {
  Position since;
  std::optional<std::string> code;  // at least one reason has this code
  std::size_t limit = 100;
};

// One counter of data quality. Names: "transactions", "late:<bucket>", "missing:<field>",
// "quarantined:<code>", "labels:<kind>", "labels:unknown_transaction" … (docs/read-models.md has all).
struct QualityCount {
  EventTime day;  // UTC day of stream time (the newest event time) when the event was taken
  std::string name;
  std::uint64_t count = 0;
};

// An entity's state as it was known when `as_of` was the newest event.
struct StateAsOf {
  Position as_of;
  EntityState state;
  std::size_t events_folded = 0;  // behind the snapshot it started from
};

}  // namespace vigil::projections
