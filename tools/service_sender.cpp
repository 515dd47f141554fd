#include "tools/service_sender.h"

#include <simdjson.h>

#include <algorithm>
#include <thread>

namespace vigil::tools {

using commands::ReplyStatus;
using eventlog::ErrorKind;
using eventlog::Expected;
using eventlog::fail;
using std::chrono::milliseconds;

namespace {

// A message is sent before it grows beyond this, so that long texts never reach the door's limit.
constexpr std::size_t kMessageBytesAim = commands::kMessageBytesMax / 4;

std::optional<ReplyStatus> status_of(std::string_view text) {
  for (const ReplyStatus status : {ReplyStatus::decided, ReplyStatus::conflict, ReplyStatus::quarantined,
                                   ReplyStatus::applied, ReplyStatus::unchanged, ReplyStatus::refused}) {
    if (commands::name(status) == text) return status;
  }
  return std::nullopt;
}

std::string_view text_of(const simdjson::dom::element& element, const char* field) {
  std::string_view text;
  return element[field].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

std::optional<Answer> answer_of(const simdjson::dom::element& result) {
  Answer answer;
  const auto status = status_of(text_of(result, "status"));
  if (!status) return std::nullopt;
  answer.status = *status;
  bool repeat = false;
  if (result["repeat"].get(repeat) == simdjson::SUCCESS) answer.repeat = repeat;
  const std::string_view outcome = text_of(result, "outcome");
  for (const auto known : {eventlog::Outcome::approve, eventlog::Outcome::review, eventlog::Outcome::decline}) {
    if (eventlog::name(known) == outcome) answer.outcome = known;
  }
  simdjson::dom::element reason;
  if (result["reasons"].at(0).get(reason) == simdjson::SUCCESS) {
    answer.reason_code = text_of(reason, "code");
    answer.reason_text = text_of(reason, "text");
  }
  return answer;
}

}  // namespace

struct ServiceSender::ReplyReader {
  simdjson::dom::parser parser;
};

ServiceSender::ServiceSender(std::unique_ptr<api::Client> client, const Options& options, IngestSummary& summary,
                             std::string endpoint)
    : client_(std::move(client)),
      options_(options),
      summary_(summary),
      endpoint_(std::move(endpoint)),
      reader_(std::make_unique<ReplyReader>()) {
  if (!options_.pause) options_.pause = [](milliseconds pause) { std::this_thread::sleep_for(pause); };
}

ServiceSender::~ServiceSender() = default;

Expected<std::unique_ptr<ServiceSender>> ServiceSender::connect(const std::string& endpoint, const Options& options,
                                                                IngestSummary& summary) {
  auto client = api::Client::connect(endpoint);
  if (!client) return std::unexpected(client.error());
  return std::make_unique<ServiceSender>(std::move(*client), options, summary, endpoint);
}

Expected<void> ServiceSender::send(const commands::Command& command, RawForm raw_form) {
  const std::string_view wanted = operation(command);
  element_.clear();
  append_element(element_, command, raw_form);
  input_.clear();
  if (takes_inputs(wanted)) append_input(input_, command, raw_form);
  const std::size_t bytes = elements_.size() + inputs_.size() + element_.size() + input_.size();
  if (!asked_.empty() && (wanted != operation_ || !takes_many(wanted) || bytes > kMessageBytesAim)) {
    if (auto sent = send_collected(); !sent) return sent;
  }
  operation_ = wanted;
  if (!asked_.empty()) {
    elements_ += ',';
    inputs_ += ',';
  }
  elements_ += element_;
  inputs_ += input_;
  asked_.push_back(asked(command));
  return asked_.size() < options_.commands_per_message ? Expected<void>{} : send_collected();
}

Expected<void> ServiceSender::send_collected() {
  if (asked_.empty()) return {};
  Message message;
  message.id = next_id_++;
  message.asked.swap(asked_);
  const bool many = takes_many(operation_);
  message.text.append("{\"op\":\"").append(operation_).append("\",\"id\":").append(std::to_string(message.id));
  message.text.append(",\"in_order\":true,\"").append(element_field(operation_, many)).append(many ? "\":[" : "\":");
  message.text.append(elements_).append(many ? "]" : "");
  if (takes_inputs(operation_)) message.text.append(",\"inputs\":[").append(inputs_).append("]");
  message.text.append("}");
  elements_.clear();
  inputs_.clear();
  return transmit(std::move(message));
}

Expected<void> ServiceSender::transmit(Message message) {
  while (!refused_.empty() || in_flight_.size() >= options_.in_flight) {
    if (auto done = refused_.empty() ? receive_one() : send_refused_again(); !done) return done;
  }
  if (auto sent = client_->send(message.text); !sent) return sent;
  in_flight_.emplace(message.id, std::move(message));
  return {};
}

Expected<void> ServiceSender::settle() {
  if (auto sent = send_collected(); !sent) return sent;
  while (!refused_.empty() || !in_flight_.empty()) {
    if (auto done = refused_.empty() ? receive_one() : send_refused_again(); !done) return done;
  }
  return {};
}

void ServiceSender::take_refusal(Messages::iterator message, milliseconds retry_after) {
  retry_after_ = retry_after;
  refused_.insert(in_flight_.extract(message));
}

// Once nothing is under way any more; so the first message refused is also the first to arrive again.
Expected<void> ServiceSender::send_refused_again() {
  while (!in_flight_.empty()) {
    if (auto received = receive_one(); !received) return received;
  }
  pause_ = std::max(retry_after_, std::min(pause_ * 2, kPauseMax));
  options_.pause(pause_);
  in_flight_.swap(refused_);
  for (const auto& [id, message] : in_flight_) {
    if (auto sent = client_->send(message.text); !sent) return sent;
  }
  return {};
}

Expected<void> ServiceSender::receive_one() {
  const auto reply = client_->receive(options_.reply_timeout);
  if (reply) return take_reply(*reply);
  return fail(ErrorKind::io, endpoint_ + ": no answer within " + std::to_string(options_.reply_timeout.count() / 1000) +
                                 " s; is `vigil serve` running there? The same command again goes on where this "
                                 "one stopped");
}

Expected<void> ServiceSender::take_reply(std::string_view reply) {
  simdjson::dom::element root;
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::invalid, endpoint_ + ": " + std::string(why) + ": " + std::string(reply.substr(0, 300)));
  };
  if (reader_->parser.parse(reply.data(), reply.size()).get(root) != simdjson::SUCCESS) {
    return refuse("a reply that is no JSON");
  }
  std::uint64_t id = 0;
  auto found = in_flight_.end();
  if (root["id"].get(id) == simdjson::SUCCESS) found = in_flight_.find(id);
  if (found == in_flight_.end()) return refuse("a reply to nothing that was asked");

  const std::string_view status = text_of(root, "status");
  if (status == "busy") {
    std::int64_t retry_after_ms = 0;
    if (root["retry_after_ms"].get(retry_after_ms) != simdjson::SUCCESS || retry_after_ms < 0) {
      return refuse("a refusal without a retry hint");
    }
    take_refusal(found, milliseconds(retry_after_ms));
    return {};
  }
  if (status == "outcome_unknown")
    return fail(ErrorKind::poisoned, endpoint_ + ": " + std::string(text_of(root, "text")));
  simdjson::dom::array results;
  if (root["results"].get(results) != simdjson::SUCCESS) return refuse("refused");
  const Message& message = found->second;
  if (results.size() != message.asked.size()) return refuse("a reply of another length than its message");
  std::size_t n = 0;
  for (const simdjson::dom::element result : results) {
    const auto answer = answer_of(result);
    if (!answer) return refuse("a result without a status of the protocol");
    summary_.count(message.asked[n++], endpoint_, *answer);
  }
  in_flight_.erase(found);
  pause_ = milliseconds(0);
  return {};
}

}  // namespace vigil::tools
