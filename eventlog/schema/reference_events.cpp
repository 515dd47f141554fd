// The stored form of what is not a transaction: reference data, policy, features and rules.
#include <algorithm>

#include "eventlog/schema/events.h"
#include "eventlog/schema/wire_message.h"
#include "events.capnp.h"

namespace vigil::eventlog {
namespace {

constexpr std::size_t kReferenceBytes = 8 * 8;

std::size_t list_bytes(const std::vector<std::string_view>& texts) {
  std::size_t bytes = 8;
  for (std::string_view text : texts) bytes += field_bytes_max(text.size());
  return bytes;
}

void put_texts(capnp::List<capnp::Text>::Builder out, const std::vector<std::string_view>& texts) {
  for (unsigned i = 0; i < out.size(); ++i) {
    put_text(texts[i], [&](unsigned n) { return out.init(i, n); });
  }
}

std::vector<std::string_view> take_texts(capnp::List<capnp::Text>::Reader in) {
  std::vector<std::string_view> texts;
  texts.reserve(in.size());
  for (auto text : in) texts.push_back(view(text));
  return texts;
}

// FeaturesActivated and RulesActivated have the same fields.
template <class Wire, class Event>
Placed append_activation(FrameBuilder& frame, EventType type, const Event& event) {
  return build_record<Wire, Event>(frame, type, {}, std::nullopt, bytes_max(event), [&](typename Wire::Builder out) {
    out.setVersion(event.version);
    put_text(event.text, [&](unsigned n) { return out.initText(n); });
    out.setSha256(wire_data(event.sha256));
  });
}

template <class Wire, class Event>
Expected<Event> decode_activation(const Record& record, EventType type) {
  return read_record<Wire, Event>(record, type, [&](typename Wire::Reader in) -> Expected<Event> {
    Event out;
    out.version = in.getVersion();
    out.text = view(in.getText());
    const std::span<const std::byte> sha256 = view(in.getSha256());
    if (sha256.size() != out.sha256.size()) return std::unexpected(damaged_record(record, "no SHA-256"));
    std::ranges::copy(sha256, out.sha256.begin());
    return out;
  });
}

template <class Event>
std::size_t activation_bytes(const Event& event) {
  return kMessageOverhead + kReferenceBytes + field_bytes_max(event.text.size()) + field_bytes_max(event.sha256.size());
}

}  // namespace

std::size_t bytes_max(const CustomerUpdated& event) {
  return kMessageOverhead + kReferenceBytes + field_bytes_max(event.customer_id.size()) +
         field_bytes_max(event.segment.size());
}

Placed append(FrameBuilder& frame, const CustomerUpdated& event, const EntityLinks& links) {
  return build_record<wire::CustomerUpdated, CustomerUpdated>(
      frame, EventType::customer_updated, links, std::nullopt, bytes_max(event),
      [&](wire::CustomerUpdated::Builder out) {
        out.setHasHome(event.home.has_value());
        if (event.home) {
          out.setLatitudeE7(event.home->latitude_e7);
          out.setLongitudeE7(event.home->longitude_e7);
        }
        out.setCountry(event.country.packed());
        put_text(event.customer_id, [&](unsigned n) { return out.initCustomerId(n); });
        put_text(event.segment, [&](unsigned n) { return out.initSegment(n); });
      });
}

template <>
Expected<CustomerUpdated> decode<CustomerUpdated>(const Record& record) {
  return read_record<wire::CustomerUpdated, CustomerUpdated>(
      record, EventType::customer_updated, [](wire::CustomerUpdated::Reader in) -> Expected<CustomerUpdated> {
        CustomerUpdated out;
        out.customer_id = view(in.getCustomerId());
        if (in.getHasHome()) out.home = Place{in.getLatitudeE7(), in.getLongitudeE7()};
        out.country = Code{in.getCountry()};
        out.segment = view(in.getSegment());
        return out;
      });
}

std::size_t bytes_max(const MerchantUpdated& event) {
  return kMessageOverhead + kReferenceBytes + field_bytes_max(event.merchant_id.size()) +
         field_bytes_max(event.display_name.size()) + field_bytes_max(event.category.size());
}

Placed append(FrameBuilder& frame, const MerchantUpdated& event, const EntityLinks& links) {
  return build_record<wire::MerchantUpdated, MerchantUpdated>(
      frame, EventType::merchant_updated, links, std::nullopt, bytes_max(event),
      [&](wire::MerchantUpdated::Builder out) {
        out.setHasPlace(event.place.has_value());
        if (event.place) {
          out.setLatitudeE7(event.place->latitude_e7);
          out.setLongitudeE7(event.place->longitude_e7);
        }
        out.setCountry(event.country.packed());
        put_text(event.merchant_id, [&](unsigned n) { return out.initMerchantId(n); });
        put_text(event.display_name, [&](unsigned n) { return out.initDisplayName(n); });
        put_text(event.category, [&](unsigned n) { return out.initCategory(n); });
      });
}

template <>
Expected<MerchantUpdated> decode<MerchantUpdated>(const Record& record) {
  return read_record<wire::MerchantUpdated, MerchantUpdated>(
      record, EventType::merchant_updated, [](wire::MerchantUpdated::Reader in) -> Expected<MerchantUpdated> {
        MerchantUpdated out;
        out.merchant_id = view(in.getMerchantId());
        out.display_name = view(in.getDisplayName());
        out.category = view(in.getCategory());
        out.country = Code{in.getCountry()};
        if (in.getHasPlace()) out.place = Place{in.getLatitudeE7(), in.getLongitudeE7()};
        return out;
      });
}

std::size_t bytes_max(const ListUpdated& event) {
  return kMessageOverhead + kReferenceBytes + field_bytes_max(event.list.size()) + list_bytes(event.added) +
         list_bytes(event.removed);
}

Placed append(FrameBuilder& frame, const ListUpdated& event) {
  return build_record<wire::ListUpdated, ListUpdated>(
      frame, EventType::list_updated, {}, std::nullopt, bytes_max(event), [&](wire::ListUpdated::Builder out) {
        put_text(event.list, [&](unsigned n) { return out.initList(n); });
        put_texts(out.initAdded(static_cast<unsigned>(event.added.size())), event.added);
        put_texts(out.initRemoved(static_cast<unsigned>(event.removed.size())), event.removed);
      });
}

template <>
Expected<ListUpdated> decode<ListUpdated>(const Record& record) {
  return read_record<wire::ListUpdated, ListUpdated>(
      record, EventType::list_updated, [](wire::ListUpdated::Reader in) -> Expected<ListUpdated> {
        return ListUpdated{view(in.getList()), take_texts(in.getAdded()), take_texts(in.getRemoved())};
      });
}

std::size_t bytes_max(const RateUpdated&) { return kMessageOverhead + kReferenceBytes; }

Placed append(FrameBuilder& frame, const RateUpdated& event) {
  return build_record<wire::RateUpdated, RateUpdated>(frame, EventType::rate_updated, {}, std::nullopt,
                                                      bytes_max(event), [&](wire::RateUpdated::Builder out) {
                                                        out.setRateE9(event.rate_e9);
                                                        out.setCurrency(event.currency.packed());
                                                        out.setBase(event.base.packed());
                                                      });
}

template <>
Expected<RateUpdated> decode<RateUpdated>(const Record& record) {
  return read_record<wire::RateUpdated, RateUpdated>(
      record, EventType::rate_updated, [](wire::RateUpdated::Reader in) -> Expected<RateUpdated> {
        return RateUpdated{Code{in.getCurrency()}, Code{in.getBase()}, in.getRateE9()};
      });
}

std::size_t bytes_max(const PolicyUpdated& event) {
  return kMessageOverhead + kReferenceBytes + field_bytes_max(event.text.size());
}

Placed append(FrameBuilder& frame, const PolicyUpdated& event) {
  return build_record<wire::PolicyUpdated, PolicyUpdated>(
      frame, EventType::policy_updated, {}, std::nullopt, bytes_max(event),
      [&](wire::PolicyUpdated::Builder out) { put_text(event.text, [&](unsigned n) { return out.initText(n); }); });
}

template <>
Expected<PolicyUpdated> decode<PolicyUpdated>(const Record& record) {
  return read_record<wire::PolicyUpdated, PolicyUpdated>(
      record, EventType::policy_updated,
      [](wire::PolicyUpdated::Reader in) -> Expected<PolicyUpdated> { return PolicyUpdated{view(in.getText())}; });
}

std::size_t bytes_max(const FeaturesActivated& event) { return activation_bytes(event); }
std::size_t bytes_max(const RulesActivated& event) { return activation_bytes(event); }

Placed append(FrameBuilder& frame, const FeaturesActivated& event) {
  return append_activation<wire::FeaturesActivated>(frame, EventType::features_activated, event);
}
Placed append(FrameBuilder& frame, const RulesActivated& event) {
  return append_activation<wire::RulesActivated>(frame, EventType::rules_activated, event);
}

template <>
Expected<FeaturesActivated> decode<FeaturesActivated>(const Record& record) {
  return decode_activation<wire::FeaturesActivated, FeaturesActivated>(record, EventType::features_activated);
}
template <>
Expected<RulesActivated> decode<RulesActivated>(const Record& record) {
  return decode_activation<wire::RulesActivated, RulesActivated>(record, EventType::rules_activated);
}

}  // namespace vigil::eventlog
