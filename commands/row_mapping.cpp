#include "commands/row_mapping.h"

#include <algorithm>

#include "commands/decimal.h"
#include "commands/timestamp.h"
#include "rules/expression/suggestion.h"

namespace vigil::commands {
namespace {

eventlog::Expected<std::size_t> find_column(std::span<const std::string> columns, const std::string& name,
                                            const std::string& file) {
  const auto found = std::ranges::find(columns, name);
  if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  std::string why = file + ": no column '" + name + "'; it has";
  for (const std::string& column : columns) why.append(&column == columns.data() ? " " : ", ").append(column);
  const std::vector<std::string_view> views(columns.begin(), columns.end());
  return eventlog::fail(eventlog::ErrorKind::invalid, why + rules::did_you_mean(name, views));
}

std::size_t transaction_field(const FieldSource& source) {
  if (source.field == "amount" && source.minor_units) return static_cast<std::size_t>(TransactionField::amount_minor);
  return static_cast<std::size_t>(std::ranges::find(kTransactionFields, source.field) - kTransactionFields.begin());
}

bool has(const std::vector<std::string>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

eventlog::Expected<RowMapping> RowMapping::bind(const InputMap& map, std::span<const std::string> columns,
                                                const std::string& file) {
  RowMapping mapping(map);
  for (const FieldSource& source : map.fields) {
    Bound bound{&source, kConstant, transaction_field(source)};
    if (source.column) {
      const auto column = find_column(columns, *source.column, file);
      if (!column) return std::unexpected(column.error());
      bound.column = *column;
    }
    mapping.bound_.push_back(bound);
  }
  if (map.label) {
    const auto column = find_column(columns, map.label->column, file);
    if (!column) return std::unexpected(column.error());
    mapping.label_column_ = *column;
  }
  return mapping;
}

std::string_view RowMapping::value(const Bound& bound, std::span<const std::string_view> cells,
                                   ByteArena& arena) const {
  if (bound.column == kConstant) return bound.source->constant;
  const std::string_view cell = cells[bound.column];
  // An absent value stays absent, whatever would be put before it.
  return bound.source->prefix.empty() || cell.empty() ? cell : arena.join(bound.source->prefix, cell);
}

std::string_view RowMapping::named(std::string_view field, std::span<const std::string_view> cells,
                                   ByteArena& arena) const {
  for (const Bound& bound : bound_) {
    if (bound.source->field == field) return value(bound, cells, arena);
  }
  return {};
}

void RowMapping::read(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out) {
  switch (map_->kind) {
    case InputKind::transaction: return read_transaction(cells, arena, out);
    case InputKind::customer: return read_customer(cells, arena, out);
    case InputKind::merchant: return read_merchant(cells, arena, out);
  }
}

void RowMapping::set_time(const FieldSource& source, std::string_view value) {
  constexpr auto kField = TransactionField::event_time;
  if (value.empty()) {
    form_.spoil(kField);
    form_.objections().add(reason::kEmptyField, name(kField), "must not be empty");
    return;
  }
  const Decimal since_epoch = parse_decimal_exact(value, source.time_scale);
  std::int64_t time_us = 0;
  if (since_epoch.fault == DecimalFault::none &&
      !__builtin_add_overflow(since_epoch.value, source.epoch_us, &time_us) && is_event_time(time_us)) {
    form_.set_time(eventlog::EventTime{time_us});
    return;
  }
  form_.spoil(kField);
  form_.objections().add(reason::kBadTime, name(kField), in_quotes(value) + " is no time in the unit the map gives");
}

void RowMapping::read_transaction(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out) {
  form_.clear();
  for (const Bound& bound : bound_) {
    const auto field = static_cast<TransactionField>(bound.field);
    const std::string_view text = value(bound, cells, arena);
    if (field == TransactionField::event_time && bound.source->time_scale >= 0) {
      set_time(*bound.source, text);
    } else {
      form_.set(field, text);
    }
  }
  if (const eventlog::Transaction* transaction = form_.finish()) {
    out.emplace<SubmitTransaction>(*transaction);
  } else {
    out.emplace<Unacceptable>(form_.transaction_id(), form_.objections().take());
  }
}

void RowMapping::read_customer(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out) {
  eventlog::CustomerUpdated update;
  const std::string_view country = named("country", cells, arena), segment = named("segment", cells, arena);
  update.customer_id = named("customer_id", cells, arena);
  check_text(update.customer_id, eventlog::kIdBytesMax, "customer_id", objections_);
  update.home = check_place(named("latitude", cells, arena), named("longitude", cells, arena), objections_);
  if (!country.empty()) {
    update.country = check_country(country, "country", objections_).value_or(eventlog::Code{});
  }
  if (!segment.empty() && check_text(segment, eventlog::kWordBytesMax, "segment", objections_)) {
    update.segment = segment;
  }
  if (objections_.none()) {
    out = UpdateCustomer{update};
  } else {
    out.emplace<Unacceptable>(std::string_view{}, objections_.take());
  }
}

void RowMapping::read_merchant(std::span<const std::string_view> cells, ByteArena& arena, CommandBody& out) {
  eventlog::MerchantUpdated update;
  const std::string_view country = named("country", cells, arena), category = named("category", cells, arena);
  update.merchant_id = named("merchant_id", cells, arena);
  update.display_name = named("display_name", cells, arena);
  check_text(update.merchant_id, eventlog::kIdBytesMax, "merchant_id", objections_);
  if (!update.display_name.empty()) {
    check_text(update.display_name, eventlog::kNameBytesMax, "display_name", objections_);
  }
  if (!category.empty() && check_text(category, eventlog::kWordBytesMax, "category", objections_)) {
    update.category = category;
  }
  if (!country.empty()) {
    update.country = check_country(country, "country", objections_).value_or(eventlog::Code{});
  }
  update.place = check_place(named("latitude", cells, arena), named("longitude", cells, arena), objections_);
  if (objections_.none()) {
    out = UpdateMerchant{update};
  } else {
    out.emplace<Unacceptable>(std::string_view{}, objections_.take());
  }
}

std::optional<eventlog::LabelKind> RowMapping::label(std::span<const std::string_view> cells) const {
  if (!map_->label) return std::nullopt;
  const std::string_view cell = cells[label_column_];
  if (has(map_->label->fraud, cell)) return eventlog::LabelKind::fraud;
  if (has(map_->label->chargeback, cell)) return eventlog::LabelKind::chargeback;
  if (has(map_->label->genuine, cell)) return eventlog::LabelKind::genuine;
  return std::nullopt;
}

}  // namespace vigil::commands
