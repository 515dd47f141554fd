// The words events use for themselves and their enumerations.
#include <array>

#include "eventlog/schema/enum_names.h"
#include "eventlog/schema/events.h"

namespace vigil::eventlog {
namespace {

constexpr std::array<std::string_view, 12> kEventNames = {
    "",
    "TransactionDecided",
    "TransactionQuarantined",
    "LabelReported",
    "AlertRaised",
    "CustomerUpdated",
    "MerchantUpdated",
    "ListUpdated",
    "RateUpdated",
    "PolicyUpdated",
    "FeaturesActivated",
    "RulesActivated",
};
constexpr std::array<std::string_view, 4> kStatusNames = {"PENDING", "COMPLETED", "FAILED", "REFUNDED"};
constexpr std::array<std::string_view, 3> kOutcomeNames = {"approve", "review", "decline"};
constexpr std::array<std::string_view, 4> kSeverityNames = {"P0", "P1", "P2", "P3"};
constexpr std::array<std::string_view, 3> kLabelNames = {"genuine", "fraud", "chargeback"};
constexpr std::array<std::string_view, 3> kEntityNames = {"customer", "merchant", "device"};

}  // namespace

std::string_view name(EventType type) { return kEventNames.at(static_cast<std::size_t>(type)); }
std::string_view name(Status status) { return kStatusNames.at(static_cast<std::size_t>(status)); }
std::string_view name(Outcome outcome) { return kOutcomeNames.at(static_cast<std::size_t>(outcome)); }
std::string_view name(Severity severity) { return kSeverityNames.at(static_cast<std::size_t>(severity)); }
std::string_view name(LabelKind kind) { return kLabelNames.at(static_cast<std::size_t>(kind)); }
std::string_view name(EntityKind kind) { return kEntityNames.at(static_cast<std::size_t>(kind)); }

std::optional<Status> parse_status(std::string_view text) { return find_enumerator<Status>(kStatusNames, text); }
std::optional<LabelKind> parse_label_kind(std::string_view text) {
  return find_enumerator<LabelKind>(kLabelNames, text);
}

}  // namespace vigil::eventlog
