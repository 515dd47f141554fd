// The words of the read models, as queries and answers spell them.
#include <array>

#include "eventlog/schema/enum_names.h"
#include "projections/answers.h"
#include "projections/read_models.h"

namespace vigil::projections {
namespace {

constexpr std::array<std::string_view, 3> kGranularities = {"minute", "hour", "day"};
constexpr std::array<std::string_view, kDimensions> kDimensionNames = {"all",     "status",   "category",
                                                                       "country", "currency", "outcome"};
constexpr std::array<std::string_view, 3> kTruths = {"unlabelled", "fraud", "genuine"};
constexpr std::array<std::string_view, 3> kStates = {"following", "rebuilding", "parked"};

}  // namespace

std::string_view name(Granularity granularity) { return kGranularities[static_cast<std::size_t>(granularity)]; }
std::optional<Granularity> parse_granularity(std::string_view text) {
  return eventlog::find_enumerator<Granularity>(kGranularities, text);
}
std::string_view name(Dimension dimension) { return kDimensionNames[static_cast<std::size_t>(dimension)]; }
std::optional<Dimension> parse_dimension(std::string_view text) {
  return eventlog::find_enumerator<Dimension>(kDimensionNames, text);
}
std::string_view name(AlertTruth truth) { return kTruths[static_cast<std::size_t>(truth)]; }
std::string_view name(ModelState state) { return kStates[static_cast<std::size_t>(state)]; }

}  // namespace vigil::projections
