// What became of an ingested stream: the counts behind the closing summary. One file, both ways in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/engine.h"

namespace vigil::tools {

// What kind of command a reply answers.
enum class Asked : std::uint8_t { transaction, label, update, unacceptable };
Asked asked(const commands::Command& command);

// One answer, whichever way it came.
struct Answer {
  commands::ReplyStatus status = commands::ReplyStatus::decided;
  bool repeat = false;
  eventlog::Outcome outcome = eventlog::Outcome::approve;
  std::string_view reason_code, reason_text;  // the first reason, if any
};

struct IngestSummary {
  std::uint64_t accepted = 0;               // transactions decided in this run
  std::uint64_t repeats = 0;                // transactions decided before
  std::uint64_t conflicts = 0;              // another content under a known id
  std::array<std::uint64_t, 3> outcomes{};  // of the accepted ones, by Outcome
  std::uint64_t labels = 0, labels_repeated = 0;
  std::uint64_t updates = 0, updates_repeated = 0;
  std::map<std::string, std::uint64_t, std::less<>> quarantined;  // by the first reason's code
  std::map<std::string, std::uint64_t, std::less<>> refused;
  std::vector<std::string> first_refusals;  // for people, at most kRefusalsShown; also updates that were quarantined
  std::uint64_t labels_not_yet_known = 0;
  std::optional<std::uint64_t> alerts;            // known when embedded
  std::optional<std::uint64_t> durable_position;  // likewise
  double seconds = 0;
  bool interrupted = false;

  void count(Asked asked, std::string_view source, const Answer& answer);
  // Whether all of `wanted` policies, catalogues and rule sets are in force, when nothing else was counted yet. Error:
  // invalid, as the first other answer says.
  eventlog::Expected<void> all_in_force(std::size_t wanted) const;
  std::uint64_t transactions() const { return accepted + repeats + conflicts; }
  // Events this run must have appended besides alerts.
  std::uint64_t events() const;

  std::string to_text() const;
  std::string to_json() const;

 private:
  void note_refusal(std::string_view source, std::string_view reason);

  std::uint64_t quarantine_repeats_ = 0;
};
inline constexpr std::size_t kRefusalsShown = 5;

}  // namespace vigil::tools
