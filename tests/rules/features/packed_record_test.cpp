#include "rules/features/packed_record.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace vigil::rules::packed_record_test {
namespace {

using eventlog::Address;
using eventlog::EventTime;
using eventlog::Place;

std::string written(const std::vector<std::uint64_t>& numbers) {
  std::string bytes(numbers.size() * kNumberBytesMax, '?');
  NumberWriter out(bytes.data());
  for (const std::uint64_t number : numbers) out.put(number);
  bytes.resize(out.bytes());
  return bytes;
}

TEST(NumberBytes, TakeSevenBitsAByte) {
  using namespace std::string_literals;
  EXPECT_EQ(written({0}), "\0"s);
  EXPECT_EQ(written({127}), "\x7f");
  EXPECT_EQ(written({128}), "\x80\x01");
  EXPECT_EQ(written({624485}), "\xe5\x8e\x26");  // the example of the DWARF standard
  EXPECT_EQ(written({UINT64_MAX}), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(NumberBytes, ZigzagKeepsNearZeroSmall) {
  EXPECT_EQ(zigzag(0), 0u);
  EXPECT_EQ(zigzag(-1), 1u);
  EXPECT_EQ(zigzag(1), 2u);
  EXPECT_EQ(zigzag(std::numeric_limits<std::int64_t>::min()), UINT64_MAX);
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-7}, std::int64_t{1} << 40, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(from_zigzag(zigzag(value)), value);
  }
}

// Numbers of all lengths, taken after any count of them was passed over.
TEST(NumberBytes, PassingOverIsTakingWithoutLooking) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::uint64_t> numbers(random() % 40);
    for (std::uint64_t& number : numbers) number = random() >> (random() % 64);
    const std::string bytes = written(numbers);
    const std::size_t passed = random() % (numbers.size() + 1);
    NumberReader from(bytes);
    from.pass(passed);
    for (std::size_t i = passed; i < numbers.size(); ++i) ASSERT_EQ(from.take(), numbers[i]);
    ASSERT_TRUE(from.rest().empty());
    ASSERT_FALSE(from.is_short());
    from.pass(1);
    ASSERT_TRUE(from.is_short());
  }
}

TEST(NumberBytes, PassingAndTakingEndAtTheSamePlaceOfAnyBytes) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 4 == 0 ? random() % 128 : 128 + random() % 128);
    const std::size_t numbers = random() % 12;
    NumberReader passing(bytes), taking(bytes);
    passing.pass(numbers);
    for (std::size_t i = 0; i < numbers; ++i) taking.take();
    ASSERT_EQ(passing.is_short(), taking.is_short());
    ASSERT_EQ(passing.rest(), taking.rest());
  }
}

// A record of a plan that keeps the numbers of two columns.
class PackedRecord : public ::testing::Test {
 protected:
  PackedRecord() {
    plan_.last[1] = sizeof(EntityRecord);
    plan_.last[4] = sizeof(EntityRecord) + 4;
  }
  struct alignas(16) Room {
    std::array<std::byte, sizeof(EntityRecord) + 16> bytes{};
    EntityRecord& record = *new (bytes.data()) EntityRecord;
    ~Room() { record.~EntityRecord(); }
  };
  std::string packed(const EntityRecord& record) {
    std::string bytes(kPackedRecordMax, '?');
    bytes.resize(pack_record(record, plan_, bytes.data()));
    return bytes;
  }
  void expect_equal(const EntityRecord& a, const EntityRecord& b) {
    EXPECT_EQ(a.lifetime.transactions, b.lifetime.transactions);
    EXPECT_EQ(a.lifetime.declined, b.lifetime.declined);
    EXPECT_EQ(a.lifetime.frauds, b.lifetime.frauds);
    EXPECT_EQ(a.lifetime.amount_sum_minor, b.lifetime.amount_sum_minor);
    EXPECT_TRUE(a.lifetime.amount_square_sum == b.lifetime.amount_square_sum);
    EXPECT_EQ(a.lifetime.first_seen, b.lifetime.first_seen);
    EXPECT_EQ(a.lifetime.last_seen, b.lifetime.last_seen);
    EXPECT_EQ(a.lifetime.last_place, b.lifetime.last_place);
    EXPECT_EQ(a.lifetime.last_place_time, b.lifetime.last_place_time);
    EXPECT_EQ(a.home, b.home);
    for (const RecordOffset last : plan_.last) {
      if (last != 0) {
        EXPECT_EQ(a.get<std::uint32_t>(last), b.get<std::uint32_t>(last));
      }
    }
    EXPECT_EQ(a.chain.length(), b.chain.length());
    EXPECT_EQ(std::vector(a.chain.roots().begin(), a.chain.roots().end()),
              std::vector(b.chain.roots().begin(), b.chain.roots().end()));
  }
  // Through bytes that stand before others, into a new record.
  void expect_kept(const EntityRecord& record) {
    const std::string bytes = packed(record), before_others = bytes + "others";
    EXPECT_EQ(packed_record(before_others, plan_), bytes);
    const auto again = std::make_unique<Room>();
    unpack_record(bytes, plan_, again->record);
    expect_equal(again->record, record);
  }

  KindPlan plan_;
  std::unique_ptr<Room> room_ = std::make_unique<Room>();
  EntityRecord& record_ = room_->record;
};

TEST_F(PackedRecord, OfNothingIsKept) { expect_kept(record_); }

TEST_F(PackedRecord, AnyNumbersAreKept) {
  std::mt19937_64 random(9);
  const auto any = [&random] { return random() >> (random() % 64); };
  const auto any_signed = [&any, &random] { return static_cast<std::int64_t>(random() % 2 == 0 ? any() : 0 - any()); };
  const auto any_place = [&random] {
    return Place{static_cast<std::int32_t>(random()), static_cast<std::int32_t>(random())};
  };
  for (int round = 0; round < 500; ++round) {
    const auto room = std::make_unique<Room>();
    EntityRecord& record = room->record;
    record.lifetime.transactions = any();
    record.lifetime.declined = any();
    record.lifetime.frauds = any();
    record.lifetime.amount_sum_minor = any_signed();
    record.lifetime.amount_square_sum = static_cast<unsigned __int128>(any()) << 64 | any();
    record.lifetime.first_seen = EventTime{any_signed()};
    record.lifetime.last_seen = EventTime{any_signed()};
    record.lifetime.last_place_time = EventTime{any_signed()};
    if (random() % 2 == 0) record.lifetime.last_place = any_place();
    if (random() % 2 == 0) record.home = any_place();
    record.set(plan_.last[1], static_cast<std::uint32_t>(any()));
    record.set(plan_.last[4], static_cast<std::uint32_t>(any()));
    std::uint64_t address = 0;
    for (std::uint64_t i = random() % 200; i > 0; --i) record.chain.push(Address{address += 1 + random() % (1 << 30)});
    expect_kept(record);
  }
}

TEST_F(PackedRecord, OfATypicalDeviceIsHalfOfItsFields) {
  record_.lifetime.transactions = 2;
  record_.lifetime.amount_sum_minor = 12'345;
  record_.lifetime.amount_square_sum = 80'000'000;
  record_.lifetime.first_seen = EventTime{1'700'000'000'000'000};
  record_.lifetime.last_seen = record_.lifetime.last_place_time = EventTime{1'700'000'600'000'000};
  record_.lifetime.last_place = Place{481'234'567, 115'678'901};
  record_.set(plan_.last[1], std::uint32_t{60'000});
  record_.chain.push(Address{20'000'000'000});
  record_.chain.push(Address{20'000'100'000});
  EXPECT_LE(packed(record_).size(), 60u);
}

TEST_F(PackedRecord, CutShortIsNone) {
  record_.lifetime.last_place = Place{1, 2};
  record_.home = Place{3, 4};
  for (std::uint64_t i = 1; i < 6; ++i) record_.chain.push(Address{i << 20});
  const std::string bytes = packed(record_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(packed_record(std::string_view(bytes).substr(0, size), plan_), "") << size;
  }
}

TEST_F(PackedRecord, OfTooLongAHistoryOrTooManyBytesIsNone) {
  const std::vector<std::uint64_t> lifetime_and_last(1 + 9 + 2, 0);
  const std::string beginning = written(lifetime_and_last), history = written({std::uint64_t{1} << 32});
  EXPECT_EQ(packed_record(beginning + history + std::string(400, '\0'), plan_), "");
  const std::string endless = std::string(kPackedRecordMax, '\x80') + std::string(100, '\0');
  EXPECT_EQ(packed_record(endless, plan_), "");
}

}  // namespace
}  // namespace vigil::rules::packed_record_test
