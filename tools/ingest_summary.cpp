#include "tools/ingest_summary.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "tools/progress.h"

namespace vigil::tools {
namespace {

using commands::ReplyStatus;
using eventlog::Outcome;

using Counts = std::map<std::string, std::uint64_t, std::less<>>;

std::uint64_t total(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

void add_counts(std::string& text, const char* what, const Counts& counts) {
  if (counts.empty()) return;
  text += std::string(what) + grouped(total(counts)) + " (";
  bool first = true;
  for (const auto& [code, count] : counts) {
    text += (first ? "" : ", ") + code + " " + grouped(count);
    first = false;
  }
  text += ")\n";
}

std::uint64_t per_second(const IngestSummary& summary) {
  if (summary.seconds <= 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(summary.transactions()) / summary.seconds);
}

}  // namespace

Asked asked(const commands::Command& command) {
  if (std::holds_alternative<commands::SubmitTransaction>(command.body)) return Asked::transaction;
  if (std::holds_alternative<commands::ReportLabel>(command.body)) return Asked::label;
  if (std::holds_alternative<commands::Unacceptable>(command.body)) return Asked::unacceptable;
  return Asked::update;
}

void IngestSummary::count(Asked what, std::string_view source, const Answer& answer) {
  switch (answer.status) {
    case ReplyStatus::decided:
      ++(answer.repeat ? repeats : accepted);
      if (!answer.repeat) ++outcomes[static_cast<std::size_t>(answer.outcome)];
      return;
    case ReplyStatus::conflict: ++conflicts; return;
    case ReplyStatus::quarantined:
      ++quarantined[std::string(answer.reason_code)];
      if (answer.repeat) ++quarantine_repeats_;
      if (what == Asked::update) note_refusal(source, answer.reason_text);
      return;
    case ReplyStatus::applied: ++(what == Asked::label ? labels : updates); return;
    case ReplyStatus::unchanged: ++(what == Asked::label ? labels_repeated : updates_repeated); return;
    case ReplyStatus::refused:
      ++refused[std::string(answer.reason_code)];
      note_refusal(source, answer.reason_text);
      return;
  }
}

void IngestSummary::note_refusal(std::string_view source, std::string_view reason) {
  if (first_refusals.size() < kRefusalsShown)
    first_refusals.push_back(std::string(source) + ": " + std::string(reason));
}

eventlog::Expected<void> IngestSummary::all_in_force(std::size_t wanted) const {
  if (updates + updates_repeated == wanted) return {};
  return eventlog::fail(eventlog::ErrorKind::invalid,
                        first_refusals.empty() ? "what was to be put in force was answered with something else than "
                                                 "`applied` or `unchanged`"
                                               : first_refusals.front());
}

std::uint64_t IngestSummary::events() const {
  return accepted + labels + updates + total(quarantined) - quarantine_repeats_;
}

std::string IngestSummary::to_text() const {
  const auto outcome = [&](Outcome which) { return grouped(outcomes[static_cast<std::size_t>(which)]); };
  std::string text = interrupted ? "interrupted after " : "ingested ";
  text += grouped(transactions()) + " transactions in " + duration_text(seconds) + ", " + grouped(per_second(*this)) +
          "/s, all durable\n";
  text += "  accepted      " + grouped(accepted) + ": approve " + outcome(Outcome::approve) + ", review " +
          outcome(Outcome::review) + ", decline " + outcome(Outcome::decline) + "\n";
  if (repeats > 0) text += "  repeats       " + grouped(repeats) + " (decided earlier; nothing was appended)\n";
  if (conflicts > 0) text += "  conflicts     " + grouped(conflicts) + " (known ids with other content)\n";
  add_counts(text, "  quarantined   ", quarantined);
  add_counts(text, "  refused       ", refused);
  for (const std::string& refusal : first_refusals) text += "                " + refusal + "\n";
  if (alerts) text += "  alerts        " + grouped(*alerts) + "\n";
  text += "  labels        " + grouped(labels);
  if (labels_repeated > 0) text += ", " + grouped(labels_repeated) + " known before";
  if (labels_not_yet_known > 0) text += ", " + grouped(labels_not_yet_known) + " become known after the stream's end";
  text += "\n  updates       " + grouped(updates);
  if (updates_repeated > 0) text += ", " + grouped(updates_repeated) + " unchanged";
  text += "\n";
  if (durable_position) text += "  log           ends at position " + grouped(*durable_position) + "\n";
  return text;
}

std::string IngestSummary::to_json() const {
  nlohmann::ordered_json json = {
      {"transactions", transactions()},
      {"accepted", accepted},
      {"repeats", repeats},
      {"conflicts", conflicts},
      {"outcomes", {{"approve", outcomes[0]}, {"review", outcomes[1]}, {"decline", outcomes[2]}}},
      {"quarantined", total(quarantined)},
      {"quarantined_by_reason", Counts(quarantined)},
      {"refused", total(refused)},
      {"refusals", first_refusals},
      {"labels", labels},
      {"labels_repeated", labels_repeated},
      {"labels_not_yet_known", labels_not_yet_known},
      {"updates", updates},
      {"updates_repeated", updates_repeated},
      {"seconds", seconds},
      {"transactions_per_second", per_second(*this)},
      {"interrupted", interrupted},
  };
  if (alerts) json["alerts"] = *alerts;
  if (durable_position) json["durable_position"] = *durable_position;
  return json.dump() + "\n";
}

}  // namespace vigil::tools
