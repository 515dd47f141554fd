#include "commands/reference_json.h"

#include <array>

#include "commands/decimal.h"

namespace vigil::commands {
namespace {

// Required fields come first in each list of names.
constexpr std::array<std::string_view, 5> kLabel = {"transaction_id", "kind", "reported_at", "version", "source"};
constexpr std::array<std::string_view, 4> kCustomerFields = {"customer_id", "home", "country", "segment"};
constexpr std::array<std::string_view, 5> kMerchantFields = {"merchant_id", "display_name", "category", "country",
                                                             "place"};
constexpr std::array<std::string_view, 3> kList = {"list", "add", "remove"};
constexpr std::array<std::string_view, 3> kRate = {"currency", "base", "rate"};
constexpr std::array<std::string_view, 2> kText = {"text", "file"};
constexpr std::array<std::string_view, 2> kPlace = {"latitude", "longitude"};
constexpr int kRateScale = 9;

}  // namespace

ReferenceJson::ReferenceJson()
    : label_(kLabel),
      customer_(kCustomerFields),
      merchant_(kMerchantFields),
      list_(kList),
      rate_(kRate),
      text_(kText),
      place_(kPlace) {}

// Objects to those of the first `count` names that the object does not have.
void ReferenceJson::require(const JsonFields& fields, std::size_t count) {
  if (!fields.opened()) return;
  for (std::size_t field = 0; field < count; ++field) {
    if (!fields.given(field)) objections_.add(reason::kMissingField, fields.name(field), "is required");
  }
}

template <class Body>
void ReferenceJson::conclude(const JsonFields& fields, Body&& body, CommandBody& out) {
  if (fields.opened() && objections_.none()) {
    out = std::forward<Body>(body);
  } else {
    out.emplace<Unacceptable>(transaction_id_, objections_.take());
  }
  objections_.clear();
  transaction_id_ = {};
}

void ReferenceJson::read_label(JsonCursor& cursor, CommandBody& out) {
  ReportLabel label;
  JsonFields fields(cursor, label_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (*field == 2) {
      if (const auto time = fields.time()) label.reported_at = *time;
    } else if (*field == 3) {
      const auto number = fields.number();
      const auto version = number ? check_version(*number, objections_) : std::nullopt;
      if (version) label.transaction_version = *version;
    } else if (const auto value = fields.text()) {
      if (*field == 0 && check_text(*value, eventlog::kIdBytesMax, kLabel[0], objections_)) {
        label.transaction_id = transaction_id_ = *value;
      } else if (*field == 1) {
        const auto kind = eventlog::parse_label_kind(*value);
        if (kind) label.kind = *kind;
        else
          objections_.add(reason::kUnknownLabel, kLabel[1], in_quotes(*value) + " is not fraud, genuine or chargeback");
      } else if (*field == 4 && !value->empty() &&
                 check_text(*value, eventlog::kWordBytesMax, kLabel[4], objections_)) {
        label.source = *value;
      }
    }
  }
  require(fields, 3);
  conclude(fields, label, out);
}

std::optional<eventlog::Place> ReferenceJson::read_place(JsonCursor& cursor) {
  std::string_view degrees[2];
  bool spoiled = false;
  JsonFields fields(cursor, place_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (const auto value = fields.number_or_text()) {
      degrees[*field] = *value;
    } else {
      spoiled = true;
    }
  }
  if (spoiled || !fields.opened() || cursor.failed()) return std::nullopt;
  if (degrees[0].empty() && degrees[1].empty()) {
    objections_.add(reason::kBadPlace, "latitude", "a place needs both latitude and longitude");
  }
  return check_place(degrees[0], degrees[1], objections_);
}

void ReferenceJson::read_customer(JsonCursor& cursor, CommandBody& out) {
  eventlog::CustomerUpdated update;
  JsonFields fields(cursor, customer_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (*field == 1) {
      update.home = read_place(cursor);
    } else if (const auto value = fields.text()) {
      if (*field == 0) {
        if (check_text(*value, eventlog::kIdBytesMax, kCustomerFields[0], objections_)) update.customer_id = *value;
      } else if (value->empty()) {
        continue;
      } else if (*field == 2) {
        if (const auto code = check_country(*value, kCustomerFields[2], objections_)) update.country = *code;
      } else if (check_text(*value, eventlog::kWordBytesMax, kCustomerFields[3], objections_)) {
        update.segment = *value;
      }
    }
  }
  require(fields, 1);
  conclude(fields, UpdateCustomer{update}, out);
}

void ReferenceJson::read_merchant(JsonCursor& cursor, CommandBody& out) {
  eventlog::MerchantUpdated update;
  JsonFields fields(cursor, merchant_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (*field == 4) {
      update.place = read_place(cursor);
    } else if (const auto value = fields.text()) {
      if (*field == 0) {
        if (check_text(*value, eventlog::kIdBytesMax, kMerchantFields[0], objections_)) update.merchant_id = *value;
      } else if (value->empty()) {
        continue;
      } else if (*field == 1) {
        if (check_text(*value, eventlog::kNameBytesMax, kMerchantFields[1], objections_)) update.display_name = *value;
      } else if (*field == 2) {
        if (check_text(*value, eventlog::kWordBytesMax, kMerchantFields[2], objections_)) update.category = *value;
      } else if (const auto code = check_country(*value, kMerchantFields[3], objections_)) {
        update.country = *code;
      }
    }
  }
  require(fields, 1);
  conclude(fields, UpdateMerchant{update}, out);
}

void ReferenceJson::read_strings(JsonCursor& cursor, std::string_view field, std::vector<std::string_view>& out) {
  if (cursor.peek() != '[') {
    cursor.skip_value();
    objections_.add(reason::kWrongType, field, "must be an array of texts");
    return;
  }
  cursor.open();
  while (cursor.next_element()) {
    std::string_view value;
    if (cursor.peek() != '"') {
      cursor.skip_value();
      objections_.add(reason::kWrongType, field, "must hold texts only");
    } else if (cursor.read_string(value) && check_text(value, eventlog::kNameBytesMax, field, objections_)) {
      out.push_back(value);
    }
  }
}

void ReferenceJson::read_list(JsonCursor& cursor, CommandBody& out) {
  eventlog::ListUpdated update;
  JsonFields fields(cursor, list_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (*field != 0) {
      read_strings(cursor, kList[*field], *field == 1 ? update.added : update.removed);
    } else if (const auto value = fields.text()) {
      if (check_text(*value, eventlog::kNameBytesMax, kList[0], objections_)) update.list = *value;
    }
  }
  require(fields, 1);
  if (fields.opened() && !fields.given(1) && !fields.given(2)) {
    objections_.add(reason::kMissingField, kList[1], "add or remove is required");
  }
  conclude(fields, UpdateList{std::move(update)}, out);
}

void ReferenceJson::read_rate(JsonCursor& cursor, CommandBody& out) {
  eventlog::RateUpdated update;
  JsonFields fields(cursor, rate_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (*field == 2) {
      const auto value = fields.number_or_text();
      if (!value) continue;
      const Decimal rate = parse_decimal_exact(*value, kRateScale);
      update.rate_e9 = rate.value;
      if (rate.fault != DecimalFault::none) {
        objections_.add(reason::kBadRate, kRate[2], in_quotes(*value) + " " + std::string(commands::text(rate.fault)));
      } else if (rate.value <= 0) {
        objections_.add(reason::kBadRate, kRate[2], in_quotes(*value) + " is not above zero");
      }
    } else if (const auto value = fields.text()) {
      if (const auto code = check_currency(*value, kRate[*field], objections_)) {
        (*field == 0 ? update.currency : update.base) = *code;
      }
    }
  }
  require(fields, 3);
  conclude(fields, UpdateRate{update}, out);
}

// The texts are TOML and judged by whoever applies them; `file` only names them in errors.
template <class Activation>
void ReferenceJson::read_text(JsonCursor& cursor, CommandBody& out) {
  Activation activation{{}, "message"};
  JsonFields fields(cursor, text_, objections_);
  while (const auto field = fields.next()) {
    if (*field == FieldNames::kUnknown) {
      fields.refuse_unknown();
    } else if (const auto value = fields.text()) {
      if (*field == 0) {
        activation.text = *value;
      } else if (check_text(*value, eventlog::kNameBytesMax, kText[1], objections_)) {
        activation.file = *value;
      }
    }
  }
  require(fields, 1);
  conclude(fields, activation, out);
}

void ReferenceJson::read_policy(JsonCursor& cursor, CommandBody& out) { read_text<UpdatePolicy>(cursor, out); }
void ReferenceJson::read_features(JsonCursor& cursor, CommandBody& out) { read_text<ActivateFeatures>(cursor, out); }
void ReferenceJson::read_rules(JsonCursor& cursor, CommandBody& out) { read_text<ActivateRules>(cursor, out); }

}  // namespace vigil::commands
