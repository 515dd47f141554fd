// Replies to commands as JSON; docs/protocol.md "Replies" has the grammar. Appends, never allocates by itself.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "commands/engine.h"

namespace vigil::api {

// {"id":…,"op":"submit" — what every reply to a message begins with. `request_id` is the JSON token as sent,
// or "" (then there is no "id").
void append_reply_head(std::string& out, std::string_view request_id, std::string_view operation);

// ,"results":[ … one element per append_result, … ]}
void append_results_begin(std::string& out);
void append_result(std::string& out, const commands::Reply& reply, bool first);
void append_results_end(std::string& out);

// Whole-message answers, after the head.
void append_busy_tail(std::string& out, std::chrono::milliseconds retry_after);
void append_outcome_unknown_tail(std::string& out);
void append_error_tail(std::string& out, std::string_view code, std::string_view text);

}  // namespace vigil::api
