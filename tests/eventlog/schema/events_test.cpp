// Every event survives its stored form, and the stored form of version 1 never changes.
#include "eventlog/schema/events.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/eventlog/schema/memory_frame.h"

namespace vigil::eventlog {
namespace {

const EntityLinks kLinks = {Link{Address{4096}, Address{4224}}, Link{}, Link{Address{5000}, Address{0}}};

Transaction full_transaction() {
  Transaction t;
  t.id = "tx-0001";
  t.version = 2;
  t.event_time = EventTime{1'767'225'600'000'001};
  t.customer_id = "customer-17";
  t.merchant_id = "merchant-9";
  t.device_id = "device-3";
  t.amount = {12'345, *Code::parse("USD")};
  t.country = *Code::parse("FR");
  t.card_country = *Code::parse("DE");
  t.category = "grocery";
  t.channel = "online";
  t.status = Status::pending;
  t.place = Place{488'566'000, 23'522'000};
  t.extra = R"({"terminal":"x"})";
  return t;
}

// The stored bytes of a record must be those of the golden file of its name.
void expect_golden(const MemoryFrame& frame, const std::string& file) {
  const std::filesystem::path path = std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/golden/events" / file;
  const auto payload = frame.record().payload;
  const std::string bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (std::getenv("VIGIL_WRITE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << bytes;
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in) << path << " is missing";
  const std::string golden((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(bytes, golden) << "the stored form of " << file << " changed; old logs would no longer be readable";
}

TEST(Events, TransactionDecidedKeepsEveryFact) {
  const std::array<Value, 3> values = {Value::of(std::int64_t{5}), Value::null(), Value::of(2.5)};
  std::array<std::byte, 64> bytes{};
  const std::size_t size = encode_values(values, bytes);
  const std::array<std::uint16_t, 2> matched = {3, 700};
  const TransactionDecided event{full_transaction(),           11'111, Outcome::decline, -7, 4, 5,
                                 std::span(bytes).first(size), matched};
  MemoryFrame frame;
  append(frame, event, kLinks);
  expect_golden(frame, "transaction_decided.v1.bin");
  EXPECT_LE(frame.record().payload.size() + kRecordOverheadMax, bytes_max(event));
  EXPECT_EQ(frame.record().key, transaction_key("tx-0001"));
  EXPECT_EQ(frame.record().links[2].previous, Address{5000});

  const auto back = decode<TransactionDecided>(frame.record());
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(back->transaction, event.transaction);
  EXPECT_EQ(back->amount_base_minor, 11'111);
  EXPECT_EQ(back->outcome, Outcome::decline);
  EXPECT_EQ(back->score, -7);
  EXPECT_EQ(back->features_version, 4u);
  EXPECT_EQ(back->rules_version, 5u);
  EXPECT_TRUE(std::ranges::equal(back->matched, matched));
  std::array<Value, 3> decoded;
  ASSERT_TRUE(decode_values(back->features, decoded));
  EXPECT_EQ(decoded, values);
}

TEST(Events, AbsentFactsStayAbsent) {
  Transaction t;
  t.id = "t";
  t.customer_id = "c";
  t.merchant_id = "m";
  t.amount = {1, *Code::parse("EUR")};
  MemoryFrame frame;
  append(frame, TransactionDecided{.transaction = t, .features = {}, .matched = {}}, {});
  const auto back = decode<TransactionDecided>(frame.record());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->transaction, t);
  EXPECT_FALSE(back->transaction.place);
  EXPECT_TRUE(back->matched.empty());
}

TEST(Events, QuarantinedKeepsRawBytesAndReasons) {
  const std::string raw("{\"broken\0\xff", 10);
  const TransactionQuarantined event{
      std::as_bytes(std::span(raw)), "zmq", {{"broken_json", "", "ends at byte 10"}, {"missing_field", "amount", "x"}}};
  MemoryFrame frame;
  append(frame, event);
  expect_golden(frame, "transaction_quarantined.v1.bin");
  const auto back = decode<TransactionQuarantined>(frame.record());
  ASSERT_TRUE(back);
  EXPECT_TRUE(std::ranges::equal(back->raw, event.raw));
  EXPECT_EQ(back->source, "zmq");
  ASSERT_EQ(back->reasons.size(), 2u);
  EXPECT_EQ(back->reasons[1].field, "amount");
  EXPECT_EQ(back->reasons[0].text, "ends at byte 10");
}

TEST(Events, LabelReportedRoundTrip) {
  LabelReported event;
  event.transaction_id = "tx-0001";
  event.transaction_version = 3;
  event.kind = LabelKind::chargeback;
  event.customer_id = "c";
  event.merchant_id = "m";
  event.device_id = "d";
  event.transaction_time = EventTime{-5};
  event.reported_at = EventTime{6};
  event.amount_base_minor = 700;
  event.source = "bank";
  event.corrects = true;
  event.corrected_kind = LabelKind::fraud;
  MemoryFrame frame;
  append(frame, event, kLinks);
  expect_golden(frame, "label_reported.v1.bin");
  const auto back = decode<LabelReported>(frame.record());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->transaction_id, "tx-0001");
  EXPECT_EQ(back->transaction_version, 3);
  EXPECT_EQ(back->kind, LabelKind::chargeback);
  EXPECT_EQ(back->transaction_time, EventTime{-5});
  EXPECT_EQ(back->reported_at, EventTime{6});
  EXPECT_EQ(back->amount_base_minor, 700);
  EXPECT_TRUE(back->corrects);
  EXPECT_EQ(back->corrected_kind, LabelKind::fraud);
  EXPECT_EQ(back->device_id, "d");
}

TEST(Events, AlertRaisedRoundTrip) {
  const AlertRaised event{"velocity", "tx", Position{9},  EventTime{10},    "c", "m",
                          "d",        11,   Severity::p0, Outcome::decline, 12};
  MemoryFrame frame;
  append(frame, event, kLinks);
  expect_golden(frame, "alert_raised.v1.bin");
  const auto back = decode<AlertRaised>(frame.record());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->rule_id, "velocity");
  EXPECT_EQ(back->decided_at, Position{9});
  EXPECT_EQ(back->severity, Severity::p0);
  EXPECT_EQ(back->outcome, Outcome::decline);
  EXPECT_EQ(back->score, 12);
  EXPECT_EQ(back->merchant_id, "m");
}

TEST(Events, ReferenceDataRoundTrip) {
  MemoryFrame frame;
  append(frame, CustomerUpdated{"c", Place{1, -2}, *Code::parse("FR"), "gold"}, kLinks);
  expect_golden(frame, "customer_updated.v1.bin");
  const auto customer = decode<CustomerUpdated>(frame.record());
  ASSERT_TRUE(customer);
  EXPECT_EQ(customer->home, (Place{1, -2}));
  EXPECT_EQ(customer->segment, "gold");

  append(frame, MerchantUpdated{"m", "Shop", "grocery", *Code::parse("DE"), Place{3, 4}}, kLinks);
  expect_golden(frame, "merchant_updated.v1.bin");
  const auto merchant = decode<MerchantUpdated>(frame.record());
  ASSERT_TRUE(merchant);
  EXPECT_EQ(merchant->display_name, "Shop");
  EXPECT_EQ(merchant->place, (Place{3, 4}));

  append(frame, ListUpdated{"blocked", {"a", "", "b"}, {"c"}});
  expect_golden(frame, "list_updated.v1.bin");
  const auto list = decode<ListUpdated>(frame.record());
  ASSERT_TRUE(list);
  EXPECT_EQ(list->added, (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(list->removed, (std::vector<std::string_view>{"c"}));

  append(frame, RateUpdated{*Code::parse("USD"), *Code::parse("EUR"), 923'400'000});
  expect_golden(frame, "rate_updated.v1.bin");
  const auto rate = decode<RateUpdated>(frame.record());
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->rate_e9, 923'400'000);
  EXPECT_EQ(rate->currency.text(), "USD");
}

TEST(Events, ActivationsRoundTrip) {
  MemoryFrame frame;
  append(frame, PolicyUpdated{"base_currency = \"EUR\"\n"});
  expect_golden(frame, "policy_updated.v1.bin");
  EXPECT_EQ(decode<PolicyUpdated>(frame.record())->text, "base_currency = \"EUR\"\n");

  std::array<std::byte, 32> sha{};
  sha[0] = std::byte{0xAB};
  append(frame, FeaturesActivated{7, "text", sha});
  expect_golden(frame, "features_activated.v1.bin");
  EXPECT_EQ(decode<FeaturesActivated>(frame.record())->sha256, sha);
  EXPECT_EQ(decode<FeaturesActivated>(frame.record())->version, 7u);

  append(frame, RulesActivated{8, "rules", sha});
  expect_golden(frame, "rules_activated.v1.bin");
  EXPECT_EQ(decode<RulesActivated>(frame.record())->text, "rules");
}

TEST(Events, NewerVersionsAndWrongTypesAreRefused) {
  MemoryFrame frame;
  append(frame, PolicyUpdated{"x"});
  Record newer = frame.record();
  newer.version = 2;
  EXPECT_EQ(decode<PolicyUpdated>(newer).error().kind, ErrorKind::unsupported_version);
  EXPECT_EQ(decode<RateUpdated>(frame.record()).error().kind, ErrorKind::damaged);
  newer.type = 99;
  EXPECT_EQ(type_of(newer).error().kind, ErrorKind::unsupported_version);
  newer.type = 0;
  EXPECT_EQ(type_of(newer).error().kind, ErrorKind::damaged);
}

// 48 bytes whose one list has 2^20 elements without content.
TEST(Events, AFewBytesNeverBecomeManyReasons) {
  const auto path = std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/fuzz/regressions/event/a_million_empty_reasons";
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(bytes.size(), 2u) << path;
  std::vector<std::uint64_t> words((bytes.size() - 2) / 8);
  std::memcpy(words.data(), bytes.data() + 2, words.size() * 8);
  Record record;
  record.type = static_cast<std::uint16_t>(EventType::transaction_quarantined);
  record.version = 1;
  record.payload = std::as_bytes(std::span(words));
  const auto event = decode<TransactionQuarantined>(record);
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, ErrorKind::damaged);
}

TEST(Events, FlippedBytesNeverCrashTheDecoder) {
  MemoryFrame frame;
  append(frame, TransactionDecided{.transaction = full_transaction(), .features = {}, .matched = {}}, kLinks);
  const auto payload = frame.record().payload;
  std::vector<std::uint64_t> copy(payload.size() / 8);
  std::size_t readable = 0;
  for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::memcpy(copy.data(), payload.data(), payload.size());
    copy[bit / 64] ^= std::uint64_t{1} << (bit % 64);
    Record record = frame.record();
    record.payload = std::as_bytes(std::span(copy));
    readable += decode<TransactionDecided>(record).has_value();
  }
  EXPECT_GT(readable, 0u);
  EXPECT_LT(readable, payload.size() * 8);
}

}  // namespace
}  // namespace vigil::eventlog
