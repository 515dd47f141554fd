#include "api/event_publisher.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <array>
#include <optional>

#include "api/event_json.h"

namespace vigil::api {
namespace {

using namespace eventlog;

// Between looks at subscriptions and the stop flag while there is much to publish.
constexpr int kEventsPerTurn = 1000;

std::string decision_topic(Outcome outcome) { return "decision." + std::string(name(outcome)); }
std::string alert_topic(Severity severity) { return "alert." + std::string(name(severity)); }
constexpr std::string_view kQuarantineTopic = "quarantine";

}  // namespace

EventPublisher::EventPublisher(Socket xpub, const LogSource& log)
    : socket_(std::move(xpub)), log_(log), activations_(log), thread_([this] { run(); }) {}

EventPublisher::~EventPublisher() {
  stopping_ = true;
  wakeup_.signal();
  thread_.join();
}

void EventPublisher::run() {
  ::pthread_setname_np(::pthread_self(), "publish");
  std::array<Waitable, 2> what{Waitable{nullptr, wakeup_.file_descriptor()}, Waitable{&socket_}};
  while (!stopping_) {
    wait(what, std::chrono::milliseconds(-1));
    if (what[0].ready) wakeup_.clear();
    take_subscriptions();
    publish_durable();
  }
}

// An XPUB socket hands out [1 prefix] for the first subscriber of a prefix and [0 prefix] when the last is gone.
void EventPublisher::take_subscriptions() {
  Frame frame;
  bool changed = false;
  while (socket_.receive(frame)) {
    const std::string_view bytes = frame.bytes();
    if (bytes.empty()) continue;
    const std::string prefix(bytes.substr(1));
    if (bytes.front() == 1) changed = prefixes_.insert(prefix).second || changed;
    if (bytes.front() == 0) changed = prefixes_.erase(prefix) > 0 || changed;
  }
  if (changed) choose_topics();
}

bool EventPublisher::wanted(std::string_view topic) const {
  for (const std::string& prefix : prefixes_) {
    if (topic.starts_with(prefix)) return true;
  }
  return false;
}

void EventPublisher::choose_topics() {
  bool any = quarantine_ = wanted(kQuarantineTopic);
  for (std::size_t i = 0; i < std::size(outcomes_); ++i) {
    any = (outcomes_[i] = wanted(decision_topic(static_cast<Outcome>(i)))) || any;
  }
  for (std::size_t i = 0; i < std::size(severities_); ++i) {
    any = (severities_[i] = wanted(alert_topic(static_cast<Severity>(i)))) || any;
  }
  active_ = any;
  if (!any) cursor_.reset();
  if (!any || cursor_ != nullptr) return;
  auto cursor = log_.read_from(next(log_.durable()));
  if (cursor) {
    cursor_ = std::move(*cursor);
  } else {
    spdlog::error("publishing stops: {}", cursor.error().text);
    active_ = false;
  }
}

void EventPublisher::publish_durable() {
  for (int events = 0; cursor_ != nullptr && !stopping_; ++events) {
    const auto record = cursor_->next();
    if (record && !*record) return;
    if (!record || !publish(**record)) {
      if (!record) spdlog::error("publishing stops: {}", record.error().text);
      cursor_.reset();
      active_ = false;
      return;
    }
    if (events == kEventsPerTurn) {
      wakeup_.signal();
      return;
    }
  }
}

// False when the event cannot be read.
bool EventPublisher::publish(const Record& record) {
  std::string topic;
  if (record.type == static_cast<std::uint16_t>(EventType::transaction_decided)) {
    const auto event = decode<TransactionDecided>(record);
    if (event && outcomes_[static_cast<std::size_t>(event->outcome)]) topic = decision_topic(event->outcome);
  } else if (record.type == static_cast<std::uint16_t>(EventType::alert_raised)) {
    const auto event = decode<AlertRaised>(record);
    if (event && severities_[static_cast<std::size_t>(event->severity)]) topic = alert_topic(event->severity);
  } else if (record.type == static_cast<std::uint16_t>(EventType::transaction_quarantined)) {
    if (quarantine_) topic = kQuarantineTopic;
  }
  if (topic.empty()) return true;
  text_.clear();
  if (const auto written = append_event_json(text_, record, &activations_); !written) {
    spdlog::error("publishing stops: {}", written.error().text);
    return false;
  }
  // XPUB drops for subscribers whose queue is full and never waits.
  if (socket_.send(topic, Follows::another_frame) == Sent::sent) socket_.send(text_, Follows::nothing);
  return true;
}

}  // namespace vigil::api
