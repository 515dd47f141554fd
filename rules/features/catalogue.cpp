#include "rules/features/catalogue.h"

#include <openssl/sha.h>
#include <toml++/toml.h>
#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>

#include "rules/expression/duration.h"
#include "rules/expression/suggestion.h"
#include "rules/expression/transaction_fields.h"
#include "rules/features/aggregates.h"
#include "rules/features/entry_layout.h"
#include "rules/features/window_plan.h"

namespace vigil::rules {
namespace {

using eventlog::EntityKind;
using eventlog::ErrorKind;
using Names = std::vector<std::string_view>;

constexpr std::array<std::string_view, 11> kKeys{"name",      "entity",     "aggregate",  "window",
                                                 "delay",     "field",      "filter",     "exclude_current",
                                                 "divide_by", "expression", "description"};
constexpr std::array<std::string_view, kColumns> kNumberFields{"merchant_id",  "device_id", "customer_id", "country",
                                                               "card_country", "category",  "channel",     "currency"};
// Words of the expression language, which a feature could not be told apart from.
constexpr std::array<std::string_view, 8> kReservedWords{"and", "or", "not", "in", "list", "true", "false", "null"};

std::string all_of(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// One [[feature]] table turned into a Feature. The first thing wrong ends it with error_.
class FeatureParser {
 public:
  FeatureParser(const toml::table& table, std::string_view text, const std::string& file)
      : table_(table), text_(text), file_(file) {}

  Expected<Feature> parse() {
    feature_.place = place_of(table_);
    const bool ok = check_keys() && parse_name() && parse_aggregate() && parse_description() &&
                    (feature_.aggregate == Aggregate::expression
                         ? parse_expression()
                         : parse_entity() && parse_field() && parse_window() && parse_filter() && parse_current());
    if (!ok) return std::unexpected(error_);
    return std::move(feature_);
  }

 private:
  TextPlace place_of(const toml::node& node) const {
    return {file_, node.source().begin.line, node.source().begin.column};
  }

  // Where the content of a string value begins: behind its quotes.
  TextPlace content_place(const toml::node& node) const {
    TextPlace place = place_of(node);
    std::size_t at = 0;
    for (std::uint32_t line = 1; line < place.line && at != std::string_view::npos; ++line) {
      at = text_.find('\n', at);
      if (at != std::string_view::npos) ++at;
    }
    if (at == std::string_view::npos) return place;
    // Columns count characters; continuation bytes do not begin one.
    for (std::uint32_t column = 1; column < place.column && at < text_.size(); ++at) {
      if (at + 1 >= text_.size() || (static_cast<unsigned char>(text_[at + 1]) & 0xC0) != 0x80) ++column;
    }
    const std::string_view rest = text_.substr(std::min(at, text_.size()));
    const bool multi_line = rest.starts_with("\"\"\"") || rest.starts_with("'''");
    place.column += multi_line ? 3 : 1;
    if (multi_line && (rest.substr(3).starts_with("\n") || rest.substr(3).starts_with("\r\n"))) {
      ++place.line;
      place.column = 1;
    }
    return place;
  }

  bool fail_at(const TextPlace& place, const std::string& reason) {
    error_ = {ErrorKind::invalid,
              place.file + ':' + std::to_string(place.line) + ':' + std::to_string(place.column) + ": " + reason};
    return false;
  }
  bool fail(const std::string& reason) { return fail_at(feature_.place, reason); }
  bool fail(const toml::node& node, const std::string& reason) { return fail_at(place_of(node), reason); }

  bool check_keys() {
    for (const auto& [key, value] : table_) {
      if (std::find(kKeys.begin(), kKeys.end(), key.str()) != kKeys.end()) continue;
      TextPlace place{file_, key.source().begin.line, key.source().begin.column};
      return fail_at(place, "unknown key " + in_quotes(key.str()) + did_you_mean(key.str(), kKeys));
    }
    return true;
  }

  // The text under `key`; nothing when it is absent or (error set) no text.
  bool text_of(std::string_view key, std::optional<std::string>& text) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return true;
    text = node->value_exact<std::string>();
    return text ? true : fail(*node, in_quotes(key) + " must be a text in quotes");
  }

  bool belongs(std::string_view key, bool allowed) {
    const toml::node* node = table_.get(key);
    if (node == nullptr || allowed) return true;
    return fail(*node,
                in_quotes(key) + " does not belong to the aggregate " + in_quotes(traits_of(feature_.aggregate).name));
  }

  bool parse_name() {
    std::optional<std::string> name;
    if (!text_of("name", name)) return false;
    if (!name) return fail("a feature needs a 'name'");
    const toml::node& node = *table_.get("name");
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
    if (name->empty() || name->size() > kFeatureNameBytesMax || !letter(name->front()) ||
        !std::all_of(name->begin(), name->end(), inner)) {
      return fail(node, "the name " + in_quotes(*name) +
                            " must be letters, digits and '_', not begin with a digit and have at most " +
                            std::to_string(kFeatureNameBytesMax) + " characters");
    }
    if (std::find(kReservedWords.begin(), kReservedWords.end(), *name) != kReservedWords.end()) {
      return fail(node, in_quotes(*name) + " is a word of the expression language; choose another name");
    }
    for (const Symbol& symbol : transaction_symbols()) {
      if (symbol.name == *name) return fail(node, in_quotes(*name) + " is a transaction field; choose another name");
    }
    feature_.name = std::move(*name);
    return true;
  }

  bool parse_aggregate() {
    std::optional<std::string> name;
    if (!text_of("aggregate", name)) return false;
    if (!name) return fail("feature " + in_quotes(feature_.name) + " needs an 'aggregate'");
    const AggregateTraits* traits = find_aggregate(*name);
    if (traits == nullptr) {
      Names names;
      for (const AggregateTraits& known : all_aggregates()) names.push_back(known.name);
      return fail(*table_.get("aggregate"), "unknown aggregate " + in_quotes(*name) + did_you_mean(*name, names));
    }
    feature_.aggregate = traits->aggregate;
    feature_.type = traits->type;
    const bool expression = traits->aggregate == Aggregate::expression;
    return belongs("entity", !expression) && belongs("field", traits->field != FieldUse::none) &&
           belongs("filter", traits->filter != FilterUse::none) && belongs("window", traits->windowed) &&
           belongs("delay", traits->windowed) && belongs("exclude_current", traits->may_exclude_current) &&
           belongs("divide_by", traits->may_divide) && belongs("expression", expression);
  }

  bool parse_description() {
    std::optional<std::string> text;
    if (!text_of("description", text)) return false;
    if (text && text->size() > kFeatureDescriptionBytesMax) {
      return fail(*table_.get("description"),
                  "a description has at most " + std::to_string(kFeatureDescriptionBytesMax) + " bytes");
    }
    feature_.description = text.value_or("");
    return true;
  }

  bool parse_entity() {
    static constexpr std::array<std::string_view, eventlog::kEntityKinds> kEntities{"customer", "merchant", "device"};
    std::optional<std::string> name;
    if (!text_of("entity", name)) return false;
    if (!name) return fail("feature " + in_quotes(feature_.name) + " needs an 'entity': " + all_of(kEntities));
    const auto at = std::find(kEntities.begin(), kEntities.end(), *name);
    if (at == kEntities.end()) {
      return fail(*table_.get("entity"), "unknown entity " + in_quotes(*name) + did_you_mean(*name, kEntities));
    }
    feature_.entity = static_cast<EntityKind>(at - kEntities.begin());
    if (feature_.aggregate == Aggregate::distance_km_from_home && feature_.entity != EntityKind::customer) {
      return fail(*table_.get("entity"), "only a customer has a home");
    }
    return true;
  }

  bool parse_field() {
    const FieldUse use = traits_of(feature_.aggregate).field;
    std::optional<std::string> field;
    if (!text_of("field", field)) return false;
    if (use == FieldUse::none) return true;
    if (use == FieldUse::number && !field) {
      return fail("feature " + in_quotes(feature_.name) + " needs a 'field': " + all_of(kNumberFields));
    }
    static constexpr std::array<std::string_view, 1> kAmount{"amount_base"};
    const std::span<const std::string_view> known =
        use == FieldUse::amount ? std::span<const std::string_view>(kAmount) : kNumberFields;
    feature_.field = field.value_or("amount_base");
    if (std::find(known.begin(), known.end(), feature_.field) == known.end()) {
      const std::string hint = did_you_mean(feature_.field, known);
      return fail(*table_.get("field"), "the aggregate " + in_quotes(traits_of(feature_.aggregate).name) +
                                            " has no field " + in_quotes(feature_.field) +
                                            (hint.empty() ? "; it takes " + all_of(known) : hint));
    }
    const toml::node* divisor = table_.get("divide_by");
    if (divisor == nullptr) return true;
    feature_.divide_by = divisor->value_exact<std::int64_t>().value_or(0);
    if (feature_.divide_by < 1 || feature_.divide_by > kDivideByMax) {
      return fail(*divisor, "'divide_by' must be a whole number from 1 to " + std::to_string(kDivideByMax));
    }
    feature_.type = ValueType::floating;
    return true;
  }

  bool parse_duration(std::string_view key, std::int64_t& us) {
    std::optional<std::string> text;
    if (!text_of(key, text)) return false;
    if (!text) return true;
    const auto duration = parse_duration_us(*text);
    if (!duration || *duration <= 0) {
      return fail(*table_.get(key),
                  in_quotes(*text) + " is no length of time; write a number and s, m, h or d, such as \"10m\"");
    }
    us = *duration;
    return us <= kReachMaxUs ? true : fail(*table_.get(key), "window and delay together may reach back 730d at most");
  }

  bool parse_window() {
    if (!parse_duration("window", feature_.window_us) || !parse_duration("delay", feature_.delay_us)) return false;
    if (traits_of(feature_.aggregate).windowed && feature_.window_us == 0) {
      return fail("feature " + in_quotes(feature_.name) + " needs a 'window', such as \"10m\" or \"30d\"");
    }
    if (feature_.window_us + feature_.delay_us > kReachMaxUs) {
      return fail(*table_.get("window"), "window and delay together may reach back 730d at most");
    }
    return true;
  }

  bool parse_filter() {
    std::optional<std::string> filter;
    if (!text_of("filter", filter)) return false;
    if (!filter) {
      if (traits_of(feature_.aggregate).filter != FilterUse::required) return true;
      return fail("feature " + in_quotes(feature_.name) + " needs a 'filter': a ratio is the share that passes it");
    }
    feature_.filter = std::move(*filter);
    const auto compiled = Expression::compile(feature_.filter, transaction_symbols(), ValueType::boolean,
                                              content_place(*table_.get("filter")));
    if (compiled) return true;
    error_ = compiled.error();
    return false;
  }

  bool parse_current() {
    const toml::node* node = table_.get("exclude_current");
    if (node == nullptr) return true;
    const auto exclude = node->value_exact<bool>();
    if (!exclude) return fail(*node, "'exclude_current' must be true or false");
    feature_.exclude_current = *exclude;
    return true;
  }

  bool parse_expression() {
    std::optional<std::string> text;
    if (!text_of("expression", text)) return false;
    if (!text) return fail("feature " + in_quotes(feature_.name) + " needs an 'expression'");
    feature_.expression = std::move(*text);
    const TextPlace place = content_place(*table_.get("expression"));
    const auto compiled = Expression::compile_any(feature_.expression, transaction_symbols(), place);
    if (!compiled) {
      error_ = compiled.error();
      return false;
    }
    feature_.type = compiled->type();
    return feature_.type == ValueType::null ? fail_at(place, "the expression is always null") : true;
  }

  const toml::table& table_;
  std::string_view text_;
  const std::string& file_;
  Feature feature_;
  eventlog::Error error_{ErrorKind::invalid, ""};
};

std::unexpected<eventlog::Error> invalid_at(const TextPlace& place, const std::string& reason) {
  return eventlog::fail(ErrorKind::invalid, place.file + ':' + std::to_string(place.line) + ':' +
                                                std::to_string(place.column) + ": " + reason);
}

// What only the features together can be wrong about.
std::optional<std::string> clash(const Feature& feature, std::map<std::string, TextPlace, std::less<>>& names,
                                 std::array<std::set<std::string>, eventlog::kEntityKinds>& filters) {
  const auto [known, added] = names.emplace(feature.name, feature.place);
  if (!added) {
    return "a feature " + in_quotes(feature.name) + " was already declared in line " +
           std::to_string(known->second.line);
  }
  if (feature.filter.empty()) return std::nullopt;
  auto& of_kind = filters[static_cast<std::size_t>(*feature.entity)];
  of_kind.insert(feature.filter);
  if (of_kind.size() <= kFiltersMax) return std::nullopt;
  return "the features of one entity may use at most " + std::to_string(kFiltersMax) + " different filters";
}

Expected<std::vector<Feature>> parse_features(const toml::table& document, std::string_view text,
                                              const std::string& file) {
  for (const auto& [key, value] : document) {
    static constexpr std::array<std::string_view, 1> kTables{"feature"};
    const TextPlace place{file, key.source().begin.line, key.source().begin.column};
    if (key.str() != "feature") {
      return invalid_at(place, "unknown key " + in_quotes(key.str()) + did_you_mean(key.str(), kTables));
    }
    if (!value.is_array_of_tables()) return invalid_at(place, "features are declared as [[feature]]");
  }
  std::vector<Feature> features;
  const toml::array* tables = document["feature"].as_array();
  if (tables == nullptr) return features;
  std::map<std::string, TextPlace, std::less<>> names;
  std::array<std::set<std::string>, eventlog::kEntityKinds> filters;
  for (const toml::node& node : *tables) {
    auto feature = FeatureParser(*node.as_table(), text, file).parse();
    if (!feature) return std::unexpected(feature.error());
    if (const auto reason = clash(*feature, names, filters)) return invalid_at(feature->place, *reason);
    if (features.size() == kFeaturesMax) {
      return invalid_at(feature->place, "a catalogue has at most " + std::to_string(kFeaturesMax) + " features");
    }
    features.push_back(std::move(*feature));
  }
  return features;
}

Expected<std::vector<Feature>> parse_text(std::string_view text, const std::string& file) {
  if (text.size() > kCatalogueBytesMax) {
    return invalid_at({file}, "the catalogue has more than " + std::to_string(kCatalogueBytesMax) + " bytes");
  }
  try {
    const toml::table document = toml::parse(text, file);
    return parse_features(document, text, file);
  } catch (const toml::parse_error& error) {
    const TextPlace place{file, error.source().begin.line, error.source().begin.column};
    return invalid_at(place, std::string(error.description()));
  }
}

}  // namespace

Expected<Catalogue> Catalogue::parse(std::string_view toml, const std::string& file) {
  auto features = parse_text(toml, file);
  if (!features) return std::unexpected(features.error());
  Catalogue catalogue;
  catalogue.text_ = toml;
  SHA256(reinterpret_cast<const unsigned char*>(toml.data()), toml.size(),
         reinterpret_cast<unsigned char*>(catalogue.sha256_.data()));
  catalogue.features_ = std::move(*features);
  catalogue.symbols_ = transaction_symbols();
  for (std::size_t i = 0; i < catalogue.features_.size(); ++i) {
    const Feature& feature = catalogue.features_[i];
    catalogue.symbols_.push_back({feature.name, feature.type, kTransactionFields + i});
  }
  return catalogue;
}

std::optional<std::size_t> Catalogue::index_of(std::string_view name) const {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    if (features_[i].name == name) return i;
  }
  return std::nullopt;
}

std::int64_t Catalogue::reach_us() const {
  std::int64_t reach_us = 0;
  for (const Feature& feature : features_) reach_us = std::max(reach_us, feature.window_us + feature.delay_us);
  return reach_us;
}

}  // namespace vigil::rules
