// Records of older vocabularies become today's events: added fields by Cap'n Proto, changed meanings by upcast steps.
#include "eventlog/schema/upcast.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "eventlog/schema/wire_message.h"
#include "events.capnp.h"
#include "tests/eventlog/schema/memory_frame.h"

namespace vigil::eventlog {
namespace {

// A record whose payload is a file of tests/golden/events/older.
class OldRecord {
 public:
  OldRecord(EventType type, std::uint16_t version, const std::string& file) {
    const auto path = std::filesystem::path(VIGIL_SOURCE_DIR) / "tests/golden/events/older" / file;
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_FALSE(bytes.empty()) << path << " is missing";
    words_.resize(bytes.size() / 8);
    std::memcpy(words_.data(), bytes.data(), words_.size() * 8);
    record_.position = Position{7};
    record_.address = Address{8192};
    record_.type = static_cast<std::uint16_t>(type);
    record_.version = version;
    record_.payload = std::as_bytes(std::span(words_));
  }
  const Record& record() const { return record_; }

 private:
  std::vector<std::uint64_t> words_;
  Record record_;
};

TEST(Upcast, AnAddedFieldIsReadFromOlderRecordsAsItsDefault) {
  const OldRecord old(EventType::customer_updated, 1, "customer_updated.without_segment.v1.bin");
  const auto event = decode<CustomerUpdated>(old.record());
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->segment, "");
  EXPECT_EQ(event->customer_id, "c-17");
  EXPECT_EQ(event->country.text(), "FR");
  EXPECT_EQ(event->home, (Place{488'566'000, 23'522'000}));
}

// What the vocabulary would say if, after version 1, rates had become billionths, and after version 2 currency and
// base had changed their places.
constexpr std::array<Upcast<wire::RateUpdated, RateUpdated>, 2> kRateSteps = {
    [](wire::RateUpdated::Reader, RateUpdated& event) { event.rate_e9 *= 1000; },
    [](wire::RateUpdated::Reader in, RateUpdated& event) {
      event.currency = Code{in.getBase()};
      event.base = Code{in.getCurrency()};
    }};

Expected<RateUpdated> decode_rate(const Record& record, std::size_t steps) {
  return read_record<wire::RateUpdated, RateUpdated>(
      record, EventType::rate_updated,
      [](wire::RateUpdated::Reader in) -> Expected<RateUpdated> {
        return RateUpdated{Code{in.getCurrency()}, Code{in.getBase()}, in.getRateE9()};
      },
      std::span(kRateSteps).first(steps));
}

TEST(Upcast, AChangedUnitIsSetRightByItsStep) {
  const OldRecord old(EventType::rate_updated, 1, "rate_updated.in_millionths.test.bin");
  const auto event = decode_rate(old.record(), 1);
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->rate_e9, 923'400'000);
  EXPECT_EQ(event->currency.text(), "USD");
}

TEST(Upcast, StepsFollowEachOtherAndBeginAtTheRecordsVersion) {
  const std::string file = "rate_updated.in_millionths.test.bin";
  const auto through_both = decode_rate(OldRecord(EventType::rate_updated, 1, file).record(), 2);
  const auto the_second = decode_rate(OldRecord(EventType::rate_updated, 2, file).record(), 2);
  const auto neither = decode_rate(OldRecord(EventType::rate_updated, 3, file).record(), 2);
  ASSERT_TRUE(through_both && the_second && neither);
  EXPECT_EQ(through_both->rate_e9, 923'400'000);
  EXPECT_EQ(through_both->currency.text(), "EUR");
  EXPECT_EQ(the_second->rate_e9, 923'400);
  EXPECT_EQ(the_second->currency.text(), "EUR");
  EXPECT_EQ(neither->rate_e9, 923'400);
  EXPECT_EQ(neither->currency.text(), "USD");
}

TEST(Upcast, OneFieldBecomesTwo) {
  const OldRecord old(EventType::customer_updated, 1, "customer_updated.segment_in_id.test.bin");
  constexpr std::array<Upcast<wire::CustomerUpdated, CustomerUpdated>, 1> kSplit = {
      [](wire::CustomerUpdated::Reader in, CustomerUpdated& event) {
        const std::string_view both = view(in.getCustomerId());
        const std::size_t slash = std::min(both.find('/'), both.size());
        event.segment = both.substr(0, slash);
        event.customer_id = both.substr(std::min(slash + 1, both.size()));
      }};
  const auto event = read_record<wire::CustomerUpdated, CustomerUpdated>(
      old.record(), EventType::customer_updated,
      [](wire::CustomerUpdated::Reader in) -> Expected<CustomerUpdated> {
        CustomerUpdated out;
        out.customer_id = view(in.getCustomerId());
        out.segment = view(in.getSegment());
        return out;
      },
      kSplit);
  ASSERT_TRUE(event) << event.error().text;
  EXPECT_EQ(event->customer_id, "c-17");
  EXPECT_EQ(event->segment, "gold");
}

TEST(Upcast, ANewerVersionIsRefusedWithEventVersionPlaceAndWhatToDo) {
  const OldRecord newer(EventType::customer_updated, 2, "customer_updated.without_segment.v1.bin");
  const auto event = decode<CustomerUpdated>(newer.record());
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, ErrorKind::unsupported_version);
  EXPECT_EQ(event.error().text,
            "event at position 7, log offset 8192: CustomerUpdated version 2 was written by a newer Vigil; "
            "upgrade this one to read it");
  EXPECT_EQ(decode_rate(OldRecord(EventType::rate_updated, 4, "rate_updated.in_millionths.test.bin").record(), 2)
                .error()
                .kind,
            ErrorKind::unsupported_version);
}

TEST(Upcast, AnEventOfANewerKindIsRefusedLikewise) {
  OldRecord newer(EventType::customer_updated, 1, "customer_updated.without_segment.v1.bin");
  Record record = newer.record();
  record.type = static_cast<std::uint16_t>(EventType::rules_activated) + 1;
  const auto type = type_of(record);
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().kind, ErrorKind::unsupported_version);
  EXPECT_EQ(type.error().text,
            "event at position 7, log offset 8192: event type 12 was written by a newer Vigil; upgrade this one to "
            "read it");
}

TEST(Upcast, VersionZeroIsDamage) {
  const OldRecord zero(EventType::customer_updated, 0, "customer_updated.without_segment.v1.bin");
  const auto event = decode<CustomerUpdated>(zero.record());
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, ErrorKind::damaged);
}

TEST(Upcast, EveryEventIsWrittenInItsNewestVersion) {
  MemoryFrame frame;
  append(frame, RateUpdated{*Code::parse("USD"), *Code::parse("EUR"), 1});
  EXPECT_EQ(frame.record().version, newest_version(kUpcasts<wire::RateUpdated, RateUpdated>));
  append(frame, PolicyUpdated{"x"});
  EXPECT_EQ(frame.record().version, newest_version(kUpcasts<wire::PolicyUpdated, PolicyUpdated>));
}

}  // namespace
}  // namespace vigil::eventlog
