#include "api/reply_json.h"

#include "api/json_text.h"

namespace vigil::api {
namespace {

using commands::Reply;
using commands::ReplyStatus;

void append_decision(std::string& out, const Reply& reply) {
  out += ",\"outcome\":\"";
  out += eventlog::name(reply.outcome);
  out += "\",\"score\":";
  append_json_integer(out, std::int64_t{reply.score});
  out += ",\"rules\":[";
  const auto rules = reply.rule_set != nullptr ? reply.rule_set->rules() : std::span<const rules::Rule>{};
  bool first = true;
  for (const std::uint16_t index : reply.matched) {
    if (index >= rules.size()) continue;
    if (!first) out += ',';
    first = false;
    append_json_string(out, rules[index].id);
  }
  out += ']';
}

void append_reasons(std::string& out, std::span<const commands::Reason> reasons) {
  out += ",\"reasons\":[";
  bool first = true;
  for (const commands::Reason& reason : reasons) {
    out += first ? "{\"code\":" : ",{\"code\":";
    first = false;
    append_json_string(out, reason.code);
    out += ",\"field\":";
    append_json_string(out, reason.field);
    out += ",\"text\":";
    append_json_string(out, reason.text);
    out += '}';
  }
  out += ']';
}

}  // namespace

void append_reply_head(std::string& out, std::string_view request_id, std::string_view operation) {
  out += '{';
  if (!request_id.empty()) {
    out += "\"id\":";
    out += request_id;
    out += ',';
  }
  out += "\"op\":";
  append_json_string(out, operation);
}

void append_results_begin(std::string& out) { out += ",\"results\":["; }
void append_results_end(std::string& out) { out += "]}"; }

void append_result(std::string& out, const Reply& reply, bool first) {
  out += first ? "{" : ",{";
  if (!reply.transaction_id.empty()) {
    out += "\"transaction_id\":";
    append_json_string(out, reply.transaction_id);
    out += ',';
  }
  out += "\"status\":\"";
  out += commands::name(reply.status);
  out += '"';
  const bool judged = reply.status == ReplyStatus::decided || reply.status == ReplyStatus::conflict;
  if (judged) append_decision(out, reply);
  if (!reply.reasons.empty()) append_reasons(out, reply.reasons);
  if (reply.position.value() != 0) {
    out += ",\"position\":";
    append_json_integer(out, reply.position.value());
  }
  if (judged) out += reply.repeat ? ",\"repeat\":true" : ",\"repeat\":false";
  out += '}';
}

void append_busy_tail(std::string& out, std::chrono::milliseconds retry_after) {
  out += ",\"status\":\"busy\",\"retry_after_ms\":";
  append_json_integer(out, std::int64_t{retry_after.count()});
  out += '}';
}

void append_outcome_unknown_tail(std::string& out) {
  out +=
      ",\"status\":\"outcome_unknown\",\"text\":\"the log could not be written; the same message sent again "
      "after a restart tells what became of it\"}";
}

void append_error_tail(std::string& out, std::string_view code, std::string_view text) {
  out += ",\"status\":\"error\",\"code\":";
  append_json_string(out, code);
  out += ",\"text\":";
  append_json_string(out, text);
  out += '}';
}

}  // namespace vigil::api
