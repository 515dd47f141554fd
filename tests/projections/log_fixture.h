// A real log in a temporary directory, spoken to in the words of the domain.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "eventlog/schema/events.h"
#include "eventlog/storage/history_chain.h"
#include "eventlog/storage/log.h"
#include "eventlog/storage/posix_environment.h"

namespace vigil::projections {

using namespace eventlog;  // NOLINT: tests only

inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr std::int64_t kDay = 86'400 * kSecond;
inline constexpr std::int64_t kNoon = 17'700 * kDay + kDay / 2;  // 2018-06-18 12:00:00

// A directory that is removed with its contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vigil-projections-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What a test says of a payment; the rest has defaults.
struct Payment {
  std::string id = "";
  std::string customer = "alice", merchant = "bakery", device = "";
  std::int64_t amount = 1000;
  std::int64_t time = kNoon;
  Outcome outcome = Outcome::approve;
  std::string category = "", country = "", currency = "EUR";
  Status status = Status::completed;
  std::optional<Place> place = std::nullopt;
};

// Writes events with their links, as the write side does.
class LogWriter {
 public:
  explicit LogWriter(const std::filesystem::path& directory) : environment_(std::make_unique<PosixEnvironment>()) {
    LogOptions options;
    options.segment_bytes = 4 << 20;
    auto log = Log::open(*environment_, directory, options);
    EXPECT_TRUE(log) << log.error().text;
    log_ = std::move(*log);
  }
  Log& log() { return *log_; }
  Position durable() const { return log_->durable(); }
  // Makes all that was written durable.
  Position settle() {
    auto settled = log_->settle();
    EXPECT_TRUE(settled) << settled.error().text;
    return *settled;
  }

  Position decided(const Payment& payment) {
    TransactionDecided event;
    Transaction& t = event.transaction;
    t.id = payment.id;
    t.event_time = EventTime{payment.time};
    t.customer_id = payment.customer;
    t.merchant_id = payment.merchant;
    t.device_id = payment.device;
    t.amount = {payment.amount, *Code::parse(payment.currency)};
    if (!payment.country.empty()) t.country = *Code::parse(payment.country);
    t.category = payment.category;
    t.status = payment.status;
    t.place = payment.place;
    event.amount_base_minor = payment.amount;
    event.outcome = payment.outcome;
    payments_[payment.id] = payment;
    return concerning(payment, [&](const EntityLinks& links) { return append(begin(), event, links); });
  }
  Position labelled(const std::string& transaction_id, LabelKind kind,
                    std::optional<LabelKind> corrects = std::nullopt) {
    const Payment payment = payments_.contains(transaction_id) ? payments_[transaction_id] : Payment{transaction_id};
    LabelReported event;
    event.transaction_id = transaction_id;
    event.kind = kind;
    event.customer_id = payment.customer;
    event.merchant_id = payment.merchant;
    event.device_id = payment.device;
    event.transaction_time = EventTime{payment.time};
    event.amount_base_minor = payment.amount;
    event.corrects = corrects.has_value();
    event.corrected_kind = corrects.value_or(LabelKind::genuine);
    return concerning(payment, [&](const EntityLinks& links) { return append(begin(), event, links); });
  }
  Position alerted(const std::string& transaction_id, const std::string& rule, Severity severity = Severity::p2) {
    const Payment payment = payments_.at(transaction_id);
    AlertRaised event;
    event.rule_id = rule;
    event.transaction_id = transaction_id;
    event.event_time = EventTime{payment.time};
    event.customer_id = payment.customer;
    event.merchant_id = payment.merchant;
    event.device_id = payment.device;
    event.amount_base_minor = payment.amount;
    event.severity = severity;
    return concerning(payment, [&](const EntityLinks& links) { return append(begin(), event, links); });
  }
  Position quarantined(const std::string& raw, const std::string& code) {
    TransactionQuarantined event;
    event.raw = std::as_bytes(std::span(raw));
    event.source = "test";
    event.reasons = {{code, "amount", "because"}};
    return append(begin(), event).position;
  }
  Position customer_updated(const std::string& id, const std::string& country) {
    CustomerUpdated event;
    event.customer_id = id;
    event.home = Place{1, 2};
    event.country = *Code::parse(country);
    event.segment = "gold";
    return concerning({"", id, "", ""}, [&](const EntityLinks& links) { return append(begin(), event, links); });
  }
  Position merchant_updated(const std::string& id, const std::string& display_name) {
    MerchantUpdated event;
    event.merchant_id = id;
    event.display_name = display_name;
    event.category = "food";
    event.country = *Code::parse("DE");
    return concerning({"", "", id, ""}, [&](const EntityLinks& links) { return append(begin(), event, links); });
  }
  // An event whose customer id is longer than any model accepts.
  Position unappliable() { return decided({"too-long", std::string(kIdBytesMax + 1, 'x'), "bakery"}); }
  // An event of a type this Vigil does not know.
  Position newer_than_us() {
    FrameBuilder& builder = begin();
    (void)builder.begin_record(static_cast<std::uint16_t>(EventType::rules_activated) + 1, 1, {}, std::nullopt, 8);
    return builder.end_record(8).position;
  }

 private:
  FrameBuilder& begin() {
    FrameBuilder& builder = log_->builder();
    if (builder.bytes_free() < 64 << 10) settle();
    builder.begin(IngestTime{++clock_});
    return builder;
  }
  template <class Append>
  Position concerning(const Payment& about, Append append_event) {
    const std::string* ids[kEntityKinds] = {&about.customer, &about.merchant, &about.device};
    EntityLinks links{};
    for (std::size_t i = 0; i < kEntityKinds; ++i) {
      if (!ids[i]->empty()) links[i] = chains_[i][*ids[i]].next_link();
    }
    const Placed placed = append_event(links);
    for (std::size_t i = 0; i < kEntityKinds; ++i) {
      if (!ids[i]->empty()) chains_[i][*ids[i]].push(placed.address);
    }
    return placed.position;
  }

  std::unique_ptr<Environment> environment_;
  std::unique_ptr<Log> log_;
  std::map<std::string, HistoryChain> chains_[kEntityKinds];
  std::map<std::string, Payment> payments_;
  std::int64_t clock_ = 0;
};

// Payments, labels, alerts and the rest, from a seed: `count` events or a few more.
inline void write_stream(LogWriter& writer, std::uint32_t seed, std::size_t count, std::size_t customers = 40) {
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string id_prefix = "s" + std::to_string(seed) + "-";
  const char* categories[] = {"", "food", "travel", "fuel"};
  const char* countries[] = {"", "DE", "FR", "US"};
  std::vector<std::string> unlabelled;
  std::int64_t time = kNoon + seed * kDay;
  for (std::size_t i = 0; i < count; ++i) {
    time += static_cast<std::int64_t>(pick(120)) * kSecond;
    const std::size_t what = pick(20);
    if (what == 0 && !unlabelled.empty()) {
      const std::string id = unlabelled[pick(unlabelled.size())];
      writer.labelled(id, pick(2) == 0 ? LabelKind::fraud : LabelKind::genuine);
      std::erase(unlabelled, id);
    } else if (what == 1) {
      writer.quarantined("{bad", pick(2) == 0 ? "bad_json" : "unknown_currency");
    } else if (what == 2) {
      writer.customer_updated("c" + std::to_string(pick(customers)), "DE");
    } else {
      Payment payment{id_prefix + std::to_string(i), "c" + std::to_string(pick(customers)),
                      "m" + std::to_string(pick(10))};
      payment.device = pick(3) == 0 ? "" : "d" + std::to_string(pick(customers));
      payment.amount = static_cast<std::int64_t>(pick(100'000));
      payment.time = pick(30) == 0 ? time - static_cast<std::int64_t>(pick(200'000)) * kSecond : time;
      payment.outcome = static_cast<Outcome>(pick(3));
      payment.category = categories[pick(4)];
      payment.country = countries[pick(4)];
      writer.decided(payment);
      unlabelled.push_back(payment.id);
      if (what < 6) writer.alerted(payment.id, "rule-" + std::to_string(what));
    }
  }
  writer.settle();
}

}  // namespace vigil::projections
