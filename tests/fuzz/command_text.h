// A command with everything it says, as a text that can be compared.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "commands/command.h"

namespace vigil::fuzz {

class CommandText {
 public:
  static std::string of(const commands::Command& command) {
    CommandText text;
    text.add(static_cast<std::int64_t>(command.body.index()));
    std::visit(text, command.body);
    return text.out_ + text.quoted(command.raw);
  }

  void operator()(const commands::SubmitTransaction& body) { add(body.transaction); }
  void operator()(const commands::ReportLabel& body) {
    add(body.transaction_id).add(body.transaction_version).add(static_cast<std::int64_t>(body.kind));
    add(body.reported_at.value()).add(body.source);
  }
  void operator()(const commands::UpdateCustomer& body) {
    add(body.update.customer_id).add(body.update.home).add(body.update.country.packed()).add(body.update.segment);
  }
  void operator()(const commands::UpdateMerchant& body) {
    add(body.update.merchant_id).add(body.update.display_name).add(body.update.category);
    add(body.update.country.packed()).add(body.update.place);
  }
  void operator()(const commands::UpdateList& body) {
    add(body.update.list);
    for (std::string_view text : body.update.added) add("+").add(text);
    for (std::string_view text : body.update.removed) add("-").add(text);
  }
  void operator()(const commands::UpdateRate& body) {
    add(body.update.currency.packed()).add(body.update.base.packed()).add(body.update.rate_e9);
  }
  void operator()(const commands::UpdatePolicy& body) { add(body.text); }
  void operator()(const commands::ActivateFeatures& body) { add(body.text); }
  void operator()(const commands::ActivateRules& body) { add(body.text); }
  void operator()(const commands::Unacceptable& body) {
    add(body.transaction_id);
    for (const commands::Reason& reason : body.reasons) add(reason.code).add(reason.field).add(reason.text);
  }

 private:
  CommandText& add(std::int64_t number) {
    out_ += std::to_string(number) + ' ';
    return *this;
  }
  CommandText& add(std::string_view text) {
    out_ += quoted(text);
    return *this;
  }
  CommandText& add(const char* text) { return add(std::string_view(text)); }
  CommandText& add(const std::optional<eventlog::Place>& place) {
    return place ? add(place->latitude_e7).add(place->longitude_e7) : add("nowhere");
  }
  CommandText& add(const eventlog::Transaction& t) {
    add(t.id).add(t.version).add(t.event_time.value()).add(t.customer_id).add(t.merchant_id).add(t.device_id);
    add(t.amount.minor).add(t.amount.currency.packed()).add(t.country.packed()).add(t.card_country.packed());
    return add(t.category).add(t.channel).add(static_cast<std::int64_t>(t.status)).add(t.place).add(t.extra);
  }
  // With its length in front, so that no two different lists of texts look the same.
  static std::string quoted(std::string_view text) {
    return std::to_string(text.size()) + ':' + std::string(text) + ' ';
  }

  std::string out_;
};

}  // namespace vigil::fuzz
