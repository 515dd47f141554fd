#include "tests/simulation/workload.h"

namespace vigil::simulation {

using eventlog::Code;
using eventlog::EventTime;

namespace {

constexpr std::string_view kFeatures = R"(
[[feature]]
name = "customer_count_1h"
entity = "customer"
aggregate = "count"
window = "1h"

[[feature]]
name = "customer_sum_10m"
entity = "customer"
aggregate = "sum"
window = "10m"

[[feature]]
name = "merchant_frauds_7d"
entity = "merchant"
aggregate = "fraud_count"
window = "7d"
)";

constexpr std::string_view kRules = R"(
[thresholds]
review_score = 50
decline_score = 100

[[rule]]
id = "velocity"
description = "three or more in an hour"
when = "customer_count_1h >= 3"
outcome = "review"
score = 20
severity = "P2"
cooldown = "1m"

[[rule]]
id = "bad-merchant"
description = "frauds at the merchant"
when = "merchant_frauds_7d >= 1"
outcome = "approve"
score = 60
severity = "P1"

[[rule]]
id = "blocked"
description = "on the list"
when = 'customer_id in list "blocked"'
outcome = "decline"
score = 100
severity = "P0"
)";

constexpr std::uint64_t kRepeatPerMille = 120;
constexpr std::int64_t kLatenessMaxUs = 1'000'000'000;
constexpr std::uint64_t kLargeRawBytesMax = 240 << 10;  // a few dozen fill a segment
constexpr std::uint64_t kHeavyRunsPerMille = 150, kLargeInHeavyRuns = 350, kLargeInOthers = 15;
const Code kEuro = *Code::parse("EUR");

}  // namespace

Workload::Workload(Random& random)
    : random_(random), large_per_mille_(random.per_mille(kHeavyRunsPerMille) ? kLargeInHeavyRuns : kLargeInOthers) {}

Request& Workload::next(std::int64_t now_us) {
  if (!requests_.empty() && random_.per_mille(kRepeatPerMille)) return requests_[random_.below(requests_.size())];
  const std::uint64_t number = requests_.size();
  Request request;
  const std::uint64_t kind = random_.below(100);
  request.customer = "c" + std::to_string(random_.below(6));
  request.merchant = "m" + std::to_string(random_.below(4));
  request.amount_minor = static_cast<std::int64_t>(random_.between(1, 90'000));
  request.event_time_us = now_us - static_cast<std::int64_t>(random_.below(kLatenessMaxUs));
  request.id = "t" + std::to_string(number);
  request.raw = "{}";
  if (random_.per_mille(large_per_mille_)) {
    request.kind = Request::Kind::unacceptable;
    request.raw.assign(random_.below(kLargeRawBytesMax), 'x');
  } else if (kind >= 96) {
    request.kind = Request::Kind::unacceptable;
    request.raw.assign(random_.below(2000), 'x');
  } else if (kind >= 91) {
    request.kind = Request::Kind::update_list;
  } else if (kind >= 88) {
    request.kind = Request::Kind::update_customer;
  } else if (kind >= 80 && number > 0) {
    request.kind = Request::Kind::label;
    request.id = "t" + std::to_string(random_.below(number));
  }
  return requests_.emplace_back(std::move(request));
}

commands::Command Workload::command(const Request& request) {
  commands::CommandBody body;
  switch (request.kind) {
    case Request::Kind::submit: {
      eventlog::Transaction t;
      t.id = request.id;
      t.event_time = EventTime{request.event_time_us};
      t.customer_id = request.customer;
      t.merchant_id = request.merchant;
      t.device_id = request.customer;
      t.amount = {request.amount_minor, kEuro};
      body = commands::SubmitTransaction{t};
      break;
    }
    case Request::Kind::label:
      body = commands::ReportLabel{request.id, 1, eventlog::LabelKind::fraud, EventTime{request.event_time_us},
                                   "simulated"};
      break;
    case Request::Kind::update_customer: {
      eventlog::CustomerUpdated update;
      update.customer_id = request.customer;
      update.segment = request.merchant;
      body = commands::UpdateCustomer{update};
      break;
    }
    case Request::Kind::update_list: {
      eventlog::ListUpdated update;
      update.list = "blocked";
      (request.amount_minor % 2 == 0 ? update.added : update.removed).push_back(request.customer);
      body = commands::UpdateList{update};
      break;
    }
    case Request::Kind::unacceptable:
      body = commands::Unacceptable{request.id, {{"broken_json", "", "made up"}}};
      break;
  }
  return {std::move(body), request.raw, "simulated"};
}

commands::EngineOptions Workload::options() {
  commands::EngineOptions options;
  options.log.segment_bytes = 4 << 20;
  options.features_toml = kFeatures;
  options.rules_toml = kRules;
  options.policy.clock = commands::ReferenceClock::stream;
  options.image_interval_bytes = 16 << 10;  // a few frames
  return options;
}

}  // namespace vigil::simulation
