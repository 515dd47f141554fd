// A record's payload as it may stand in a log. Input: event type and version (a byte each), then the payload.
#include <array>
#include <cmath>
#include <string>

#include "eventlog/schema/events.h"
#include "tests/eventlog/schema/memory_frame.h"
#include "tests/fuzz/target.h"

namespace vigil::eventlog {
namespace {

using fuzz::require;

template <class Event>
void write(MemoryFrame& frame, const Event& event) {
  if constexpr (requires { append(frame, event, EntityLinks{}); }) {
    append(frame, event, EntityLinks{});
  } else {
    append(frame, event);
  }
}

void check_values(std::span<const std::byte> features) {
  for (const std::size_t count : {0, 1, 3, 17}) {
    std::array<Value, 17> values;
    const auto out = std::span(values).first(count);
    if (!decode_values(features, out)) continue;
    std::vector<std::byte> again(values_bytes_max(out));
    again.resize(encode_values(out, again));
    std::array<Value, 17> twice;
    require(decode_values(again, std::span(twice).first(count)), "values that were read can be written and read");
    for (std::size_t i = 0; i < count; ++i) require(values[i] == twice[i], "a value is read as it was written");
    require(again.size() <= features.size(), "no value has a shorter form than the one written");
  }
}

// What can be read can be written, and then no longer changes.
template <class Event>
void check(const Record& record) {
  const auto event = decode<Event>(record);
  if (!event) {
    require(event.error().kind == ErrorKind::damaged || event.error().kind == ErrorKind::unsupported_version,
            "an event that cannot be read is damaged or too new");
    require(event.error().text.find("position 7") != std::string::npos, "a refusal names the position");
    return;
  }
  if constexpr (std::is_same_v<Event, TransactionDecided>) check_values(event->features);
  MemoryFrame once, twice;
  write(once, *event);
  require(once.record().payload.size() + kRecordOverheadMax <= bytes_max(*event),
          "an event takes what it said at most");
  const auto again = decode<Event>(once.record());
  require(again.has_value(), "an event that was written can be read");
  write(twice, *again);
  const auto a = once.record().payload, b = twice.record().payload;
  require(fuzz::text(a) == fuzz::text(b), "an event is written the same way every time");
}

using Check = void (*)(const Record&);
constexpr std::array<Check, 11> kChecks = {
    check<TransactionDecided>, check<TransactionQuarantined>, check<LabelReported>, check<AlertRaised>,
    check<CustomerUpdated>,    check<MerchantUpdated>,        check<ListUpdated>,   check<RateUpdated>,
    check<PolicyUpdated>,      check<FeaturesActivated>,      check<RulesActivated>};

}  // namespace

VIGIL_FUZZ_TARGET(event) {
  fuzz::Taker in(bytes);
  Record record;
  record.position = Position{7};
  record.address = Address{8192};
  record.type = in.take<std::uint8_t>();
  record.version = in.take<std::uint8_t>();
  fuzz::Exact payload(in.rest(), in.rest().size() / 8 * 8);
  record.payload = payload.bytes();
  const auto type = type_of(record);
  if (!type) {
    require(record.type == 0 || record.type > kChecks.size(), "every type up to the newest is known");
    return;
  }
  kChecks.at(record.type - 1u)(record);
}

}  // namespace vigil::eventlog
