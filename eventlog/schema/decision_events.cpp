// The stored form of what happens to a transaction: decided, quarantined, labelled, alerted.
#include <xxhash.h>

#include "eventlog/schema/events.h"
#include "eventlog/schema/wire_message.h"
#include "events.capnp.h"

namespace vigil::eventlog {
namespace {

constexpr std::size_t kStructBytes = 8 * 16;  // data section and pointers of our largest struct, see asserts

std::size_t texts_bytes(std::initializer_list<std::string_view> texts) {
  std::size_t bytes = 0;
  for (std::string_view text : texts) bytes += field_bytes_max(text.size());
  return bytes;
}

void put_transaction(wire::TransactionDecided::Builder out, const Transaction& in) {
  out.setEventTimeUs(in.event_time.value());
  out.setAmountMinor(in.amount.minor);
  out.setVersion(in.version);
  out.setCurrency(in.amount.currency.packed());
  out.setCountry(in.country.packed());
  out.setCardCountry(in.card_country.packed());
  out.setStatus(static_cast<std::uint8_t>(in.status));
  out.setHasPlace(in.place.has_value());
  if (in.place) {
    out.setLatitudeE7(in.place->latitude_e7);
    out.setLongitudeE7(in.place->longitude_e7);
  }
  put_text(in.id, [&](unsigned n) { return out.initId(n); });
  put_text(in.customer_id, [&](unsigned n) { return out.initCustomerId(n); });
  put_text(in.merchant_id, [&](unsigned n) { return out.initMerchantId(n); });
  put_text(in.device_id, [&](unsigned n) { return out.initDeviceId(n); });
  put_text(in.category, [&](unsigned n) { return out.initCategory(n); });
  put_text(in.channel, [&](unsigned n) { return out.initChannel(n); });
  put_text(in.extra, [&](unsigned n) { return out.initExtra(n); });
}

Transaction take_transaction(wire::TransactionDecided::Reader in) {
  Transaction out;
  out.id = view(in.getId());
  out.version = in.getVersion();
  out.event_time = EventTime{in.getEventTimeUs()};
  out.customer_id = view(in.getCustomerId());
  out.merchant_id = view(in.getMerchantId());
  out.device_id = view(in.getDeviceId());
  out.amount = {in.getAmountMinor(), Code{in.getCurrency()}};
  out.country = Code{in.getCountry()};
  out.card_country = Code{in.getCardCountry()};
  out.category = view(in.getCategory());
  out.channel = view(in.getChannel());
  out.status = static_cast<Status>(in.getStatus());
  if (in.getHasPlace()) out.place = Place{in.getLatitudeE7(), in.getLongitudeE7()};
  out.extra = view(in.getExtra());
  return out;
}

}  // namespace

std::size_t bytes_max(const TransactionDecided& event) {
  const Transaction& t = event.transaction;
  return kMessageOverhead + kStructBytes +
         texts_bytes({t.id, t.customer_id, t.merchant_id, t.device_id, t.category, t.channel, t.extra}) +
         field_bytes_max(event.features.size()) + field_bytes_max(event.matched.size_bytes());
}

Placed append(FrameBuilder& frame, const TransactionDecided& event, const EntityLinks& links) {
  return build_record<wire::TransactionDecided, TransactionDecided>(
      frame, EventType::transaction_decided, links, transaction_key(event.transaction.id), bytes_max(event),
      [&](wire::TransactionDecided::Builder out) {
        put_transaction(out, event.transaction);
        out.setAmountBaseMinor(event.amount_base_minor);
        out.setOutcome(static_cast<std::uint8_t>(event.outcome));
        out.setScore(event.score);
        out.setFeaturesVersion(event.features_version);
        out.setRulesVersion(event.rules_version);
        out.setFeatures(wire_data(event.features));
        if (!event.matched.empty()) out.setMatched(wire_data(std::as_bytes(event.matched)));
      });
}

template <>
Expected<TransactionDecided> decode<TransactionDecided>(const Record& record) {
  return read_record<wire::TransactionDecided, TransactionDecided>(
      record, EventType::transaction_decided, [&](wire::TransactionDecided::Reader in) -> Expected<TransactionDecided> {
        if (in.getStatus() > static_cast<std::uint8_t>(Status::refunded) ||
            in.getOutcome() > static_cast<std::uint8_t>(Outcome::decline)) {
          return std::unexpected(damaged_record(record, "status or outcome out of range"));
        }
        const std::span<const std::byte> matched = view(in.getMatched());
        if (matched.size() % 2 != 0) return std::unexpected(damaged_record(record, "odd rule index list"));
        return TransactionDecided{take_transaction(in),
                                  in.getAmountBaseMinor(),
                                  static_cast<Outcome>(in.getOutcome()),
                                  in.getScore(),
                                  in.getFeaturesVersion(),
                                  in.getRulesVersion(),
                                  view(in.getFeatures()),
                                  {reinterpret_cast<const std::uint16_t*>(matched.data()), matched.size() / 2}};
      });
}

std::size_t bytes_max(const TransactionQuarantined& event) {
  std::size_t bytes =
      kMessageOverhead + kStructBytes + field_bytes_max(event.raw.size()) + field_bytes_max(event.source.size());
  for (const QuarantineReason& reason : event.reasons) {
    bytes += 8 + texts_bytes({reason.code, reason.field, reason.text});
  }
  return bytes;
}

Placed append(FrameBuilder& frame, const TransactionQuarantined& event) {
  return build_record<wire::TransactionQuarantined, TransactionQuarantined>(
      frame, EventType::transaction_quarantined, {}, std::nullopt, bytes_max(event),
      [&](wire::TransactionQuarantined::Builder out) {
        out.setRaw(wire_data(event.raw));
        put_text(event.source, [&](unsigned n) { return out.initSource(n); });
        auto reasons = out.initReasons(static_cast<unsigned>(event.reasons.size()));
        for (unsigned i = 0; i < reasons.size(); ++i) {
          const QuarantineReason& in = event.reasons[i];
          auto reason = reasons[i];
          put_text(in.code, [&](unsigned n) { return reason.initCode(n); });
          put_text(in.field, [&](unsigned n) { return reason.initField(n); });
          put_text(in.text, [&](unsigned n) { return reason.initText(n); });
        }
      });
}

template <>
Expected<TransactionQuarantined> decode<TransactionQuarantined>(const Record& record) {
  return read_record<wire::TransactionQuarantined, TransactionQuarantined>(
      record, EventType::transaction_quarantined,
      [](wire::TransactionQuarantined::Reader in) -> Expected<TransactionQuarantined> {
        TransactionQuarantined out{view(in.getRaw()), view(in.getSource()), {}};
        for (auto reason : in.getReasons()) {
          out.reasons.push_back({view(reason.getCode()), view(reason.getField()), view(reason.getText())});
        }
        return out;
      });
}

std::size_t bytes_max(const LabelReported& event) {
  return kMessageOverhead + kStructBytes +
         texts_bytes({event.transaction_id, event.customer_id, event.merchant_id, event.device_id, event.source});
}

Placed append(FrameBuilder& frame, const LabelReported& event, const EntityLinks& links) {
  return build_record<wire::LabelReported, LabelReported>(
      frame, EventType::label_reported, links, transaction_key(event.transaction_id), bytes_max(event),
      [&](wire::LabelReported::Builder out) {
        out.setTransactionTimeUs(event.transaction_time.value());
        out.setReportedAtUs(event.reported_at.value());
        out.setAmountBaseMinor(event.amount_base_minor);
        out.setTransactionVersion(event.transaction_version);
        out.setKind(static_cast<std::uint8_t>(event.kind));
        out.setCorrectedKind(static_cast<std::uint8_t>(event.corrected_kind));
        out.setCorrects(event.corrects);
        put_text(event.transaction_id, [&](unsigned n) { return out.initTransactionId(n); });
        put_text(event.customer_id, [&](unsigned n) { return out.initCustomerId(n); });
        put_text(event.merchant_id, [&](unsigned n) { return out.initMerchantId(n); });
        put_text(event.device_id, [&](unsigned n) { return out.initDeviceId(n); });
        put_text(event.source, [&](unsigned n) { return out.initSource(n); });
      });
}

template <>
Expected<LabelReported> decode<LabelReported>(const Record& record) {
  return read_record<wire::LabelReported, LabelReported>(
      record, EventType::label_reported, [&](wire::LabelReported::Reader in) -> Expected<LabelReported> {
        constexpr auto kLast = static_cast<std::uint8_t>(LabelKind::chargeback);
        if (in.getKind() > kLast || in.getCorrectedKind() > kLast) {
          return std::unexpected(damaged_record(record, "label kind out of range"));
        }
        LabelReported out;
        out.transaction_id = view(in.getTransactionId());
        out.transaction_version = in.getTransactionVersion();
        out.kind = static_cast<LabelKind>(in.getKind());
        out.customer_id = view(in.getCustomerId());
        out.merchant_id = view(in.getMerchantId());
        out.device_id = view(in.getDeviceId());
        out.transaction_time = EventTime{in.getTransactionTimeUs()};
        out.reported_at = EventTime{in.getReportedAtUs()};
        out.amount_base_minor = in.getAmountBaseMinor();
        out.source = view(in.getSource());
        out.corrects = in.getCorrects();
        out.corrected_kind = static_cast<LabelKind>(in.getCorrectedKind());
        return out;
      });
}

std::size_t bytes_max(const AlertRaised& event) {
  return kMessageOverhead + kStructBytes +
         texts_bytes({event.rule_id, event.transaction_id, event.customer_id, event.merchant_id, event.device_id});
}

Placed append(FrameBuilder& frame, const AlertRaised& event, const EntityLinks& links) {
  return build_record<wire::AlertRaised, AlertRaised>(
      frame, EventType::alert_raised, links, std::nullopt, bytes_max(event), [&](wire::AlertRaised::Builder out) {
        out.setDecidedAt(event.decided_at.value());
        out.setEventTimeUs(event.event_time.value());
        out.setAmountBaseMinor(event.amount_base_minor);
        out.setScore(event.score);
        out.setSeverity(static_cast<std::uint8_t>(event.severity));
        out.setOutcome(static_cast<std::uint8_t>(event.outcome));
        put_text(event.rule_id, [&](unsigned n) { return out.initRuleId(n); });
        put_text(event.transaction_id, [&](unsigned n) { return out.initTransactionId(n); });
        put_text(event.customer_id, [&](unsigned n) { return out.initCustomerId(n); });
        put_text(event.merchant_id, [&](unsigned n) { return out.initMerchantId(n); });
        put_text(event.device_id, [&](unsigned n) { return out.initDeviceId(n); });
      });
}

template <>
Expected<AlertRaised> decode<AlertRaised>(const Record& record) {
  return read_record<wire::AlertRaised, AlertRaised>(
      record, EventType::alert_raised, [&](wire::AlertRaised::Reader in) -> Expected<AlertRaised> {
        if (in.getSeverity() > static_cast<std::uint8_t>(Severity::p3) ||
            in.getOutcome() > static_cast<std::uint8_t>(Outcome::decline)) {
          return std::unexpected(damaged_record(record, "severity or outcome out of range"));
        }
        return AlertRaised{view(in.getRuleId()),
                           view(in.getTransactionId()),
                           Position{in.getDecidedAt()},
                           EventTime{in.getEventTimeUs()},
                           view(in.getCustomerId()),
                           view(in.getMerchantId()),
                           view(in.getDeviceId()),
                           in.getAmountBaseMinor(),
                           static_cast<Severity>(in.getSeverity()),
                           static_cast<Outcome>(in.getOutcome()),
                           in.getScore()};
      });
}

Expected<EventType> type_of(const Record& record) {
  if (record.type == 0) return std::unexpected(damaged_record(record, "event type 0"));
  if (record.type > static_cast<std::uint16_t>(EventType::rules_activated)) {
    Error error = damaged_record(record, "event type " + std::to_string(record.type) +
                                             " was written by a newer Vigil; upgrade this one to read it");
    error.kind = ErrorKind::unsupported_version;
    return std::unexpected(std::move(error));
  }
  return static_cast<EventType>(record.type);
}

std::uint64_t transaction_key(std::string_view transaction_id) {
  return XXH3_64bits(transaction_id.data(), transaction_id.size());
}

}  // namespace vigil::eventlog
