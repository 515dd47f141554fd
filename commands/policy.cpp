#include "commands/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "commands/policy_table.h"
#include "rules/features/entry_layout.h"

namespace vigil::commands {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
static_assert(kPolicyDurationMaxUs == rules::kKeepMaxUs / kDayUs * kDayUs);
static_assert(rules::kReachMaxUs <= rules::kKeepMaxUs, "a catalogue alone is never too long to keep");

constexpr std::array<std::string_view, 6> kKeys = {"base_currency", "amount_minor_min", "amount_minor_max",
                                                   "future_skew",   "horizon",          "clock"};

// The largest unit that writes the duration as a whole number.
std::string duration_text(std::int64_t duration_us) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 6> kUnits = {
      {{86'400'000'000, "d"}, {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}, {1'000, "ms"}, {1, "us"}}};
  for (const auto& [unit_us, name] : kUnits) {
    if (duration_us != 0 && duration_us % unit_us == 0) return std::to_string(duration_us / unit_us) + name;
  }
  return "0s";
}

std::string_view name(ReferenceClock clock) { return clock == ReferenceClock::wall ? "wall" : "stream"; }

void check_amounts(const TomlTable& table, const Policy& policy) {
  if (policy.amount_minor_min < 0) table.fail("amount_minor_min", "'amount_minor_min' must not be negative");
  if (policy.amount_minor_max < policy.amount_minor_min) {
    table.fail(table.has("amount_minor_max") ? "amount_minor_max" : "amount_minor_min",
               "'amount_minor_max' must not be below 'amount_minor_min'");
  }
  if (policy.amount_minor_max > eventlog::kAmountBaseMinorMax) {
    table.fail("amount_minor_max", "'amount_minor_max' must be at most " +
                                       std::to_string(eventlog::kAmountBaseMinorMax) +
                                       ", the largest amount a window can hold");
  }
}

std::int64_t read_duration(const TomlTable& table, std::string_view key, std::int64_t otherwise_us) {
  const std::int64_t duration_us = table.duration_us(key).value_or(otherwise_us);
  if (duration_us <= kPolicyDurationMaxUs) return duration_us;
  table.fail(key, "'" + std::string(key) + "' must be at most " + duration_text(kPolicyDurationMaxUs) +
                      ", the longest that window entries can be kept");
  return otherwise_us;
}

std::string days_text(std::int64_t duration_us) {
  return std::to_string(duration_us / kDayUs + (duration_us % kDayUs != 0 ? 1 : 0)) + " days";
}

}  // namespace

Policy read_policy(const TomlTable& table) {
  Policy policy;
  table.allow_only(kKeys);
  if (const auto text = table.text("base_currency")) {
    const auto code = eventlog::Code::parse(*text);
    if (code && eventlog::currency_exponent(*code)) {
      policy.base_currency = *code;
    } else {
      table.fail("base_currency", "'" + *text + "' is no ISO 4217 currency code like \"EUR\"");
    }
  }
  policy.amount_minor_min = table.integer("amount_minor_min").value_or(policy.amount_minor_min);
  policy.amount_minor_max = table.integer("amount_minor_max").value_or(policy.amount_minor_max);
  check_amounts(table, policy);
  policy.future_skew_us = read_duration(table, "future_skew", policy.future_skew_us);
  policy.horizon_us = read_duration(table, "horizon", policy.horizon_us);
  if (policy.horizon_us == 0) table.fail("horizon", "'horizon' must be longer than nothing");
  if (const auto text = table.text("clock")) {
    if (*text == "stream") {
      policy.clock = ReferenceClock::stream;
    } else if (*text != "wall") {
      table.fail("clock", "'" + *text + "' is no clock; known are \"wall\" and \"stream\"");
    }
  }
  return policy;
}

void Lateness::allow(const Policy& policy) {
  horizon_us = std::max(horizon_us, policy.horizon_us);
  future_skew_us = std::max(future_skew_us, policy.future_skew_us);
}

eventlog::Expected<void> check_kept(const rules::Catalogue& catalogue, const Lateness& lateness) {
  // Each of the three is bounded by its parser, so that the sum fits.
  if (catalogue.reach_us() + lateness.us() <= rules::kKeepMaxUs) return {};
  return eventlog::fail(eventlog::ErrorKind::invalid,
                        "windows of " + days_text(catalogue.reach_us()) + ", the longest horizon so far of " +
                            days_text(lateness.horizon_us) + " and the longest future_skew so far of " +
                            days_text(lateness.future_skew_us) + " are together more than the " +
                            days_text(kPolicyDurationMaxUs) + " that window entries can be kept; make one shorter");
}

eventlog::Expected<Policy> Policy::parse(std::string_view toml, const std::string& file) {
  auto text = TomlText::parse(toml, file);
  if (!text) return std::unexpected(std::move(text).error());
  const Policy policy = read_policy((*text)->root());
  if (const auto& mistake = (*text)->mistake()) return std::unexpected(*mistake);
  return policy;
}

std::string Policy::to_toml() const {
  std::string out;
  const auto line = [&out](std::string_view key, std::string_view value) {
    out.append(key).append(" = ").append(value).append("\n");
  };
  const auto in_quotes = [](std::string_view value) { return "\"" + std::string(value) + "\""; };
  line("base_currency", in_quotes(base_currency.text()));
  line("amount_minor_min", std::to_string(amount_minor_min));
  line("amount_minor_max", std::to_string(amount_minor_max));
  line("future_skew", in_quotes(duration_text(future_skew_us)));
  line("horizon", in_quotes(duration_text(horizon_us)));
  line("clock", in_quotes(name(clock)));
  return out;
}

}  // namespace vigil::commands
