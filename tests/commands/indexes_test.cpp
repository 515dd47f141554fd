// The write side's small indexes and folds against plain standard containers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "commands/alert_cooldown.h"
#include "commands/rates.h"
#include "commands/transaction_index.h"

namespace vigil::commands {
namespace {

using eventlog::Address;
using eventlog::Code;
using eventlog::EventTime;

constexpr std::int64_t kHourUs = 3600ll * 1'000'000;
constexpr Address kAllSettled{~std::uint64_t{0}};

std::set<std::uint64_t> found(const AddressIndex& index, std::uint64_t key) {
  std::set<std::uint64_t> addresses;
  index.find(key, [&](Address address) {
    addresses.insert(address.value());
    return false;
  });
  return addresses;
}

TEST(AddressIndex, BehavesLikeAMultimapUnderRandomInsertsAndErases) {
  std::mt19937_64 random(3);
  AddressIndex index;
  std::map<std::uint64_t, std::set<std::uint64_t>> model;
  // Few distinct keys that share their low bits, so that runs are long and wrap around.
  const auto any_key = [&] { return (random() % 4 << 56) | (random() % 8 << 40) | (random() % 13); };
  for (int i = 1; i <= 50'000; ++i) {
    const std::uint64_t key = any_key();
    if (random() % 5 < 3) {
      index.insert(key, Address{static_cast<std::uint64_t>(i)});
      model[key].insert(static_cast<std::uint64_t>(i));
    } else if (auto& addresses = model[key]; !addresses.empty()) {
      index.erase(key, Address{*addresses.begin()});
      addresses.erase(addresses.begin());
    }
    if (i % 1000 == 0) {
      for (const auto& [k, addresses] : model) ASSERT_EQ(found(index, k), addresses);
    }
  }
  std::size_t size = 0;
  for (const auto& [k, addresses] : model) size += addresses.size();
  EXPECT_EQ(index.size(), size);
}

TEST(AddressIndex, ReplaceKeepsOneAddressPerKey) {
  AddressIndex index;
  index.replace(7, Address{1});
  index.replace(7, Address{2});
  EXPECT_EQ(found(index, 7), (std::set<std::uint64_t>{2}));
  EXPECT_TRUE(found(index, 8).empty());
}

TEST(TransactionIndex, ForgetsOnlyWhatIsOlderThanTheHorizon) {
  TransactionIndex index;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    index.insert(i << 50, Address{i}, EventTime{static_cast<std::int64_t>(i) * kHourUs / 10});
  }
  // Ids 1 … 499 are in hours before the 50th; a call forgets a few, many calls all of them.
  for (int i = 0; i < 1000; ++i) index.expire(EventTime{50 * kHourUs}, kAllSettled);
  const auto knows = [&](std::uint64_t i) { return index.find(i << 50, [](Address) { return true; }); };
  EXPECT_FALSE(knows(499));
  EXPECT_TRUE(knows(500));
  EXPECT_EQ(index.size(), 501u);
}

TEST(TransactionIndex, EventTimesBefore1970AreOrdered) {
  TransactionIndex index;
  index.insert(1, Address{1}, EventTime{-1});
  index.expire(EventTime{0}, kAllSettled);
  EXPECT_EQ(index.size(), 0u);
}

TEST(TransactionIndex, SaysFromWhereOnNothingWasForgotten) {
  TransactionIndex index;
  index.insert(1, Address{1}, EventTime{0});
  index.expire(EventTime{50 * kHourUs}, kAllSettled);
  index.expire(EventTime{10 * kHourUs}, kAllSettled);
  EXPECT_EQ(index.forgotten_before(), EventTime{50 * kHourUs});
  index.restore_forgotten_before(EventTime{40 * kHourUs});
  EXPECT_EQ(index.forgotten_before(), EventTime{50 * kHourUs});
  index.restore_forgotten_before(EventTime{60 * kHourUs});
  EXPECT_EQ(index.forgotten_before(), EventTime{60 * kHourUs});
}

TEST(TransactionIndex, WhatTheLogMayNotHaveSyncedYetIsKept) {
  TransactionIndex index;
  index.insert(1, Address{100}, EventTime{0});
  index.expire(EventTime{50 * kHourUs}, Address{100});
  EXPECT_EQ(index.size(), 1u);
  index.expire(EventTime{50 * kHourUs}, Address{101});
  EXPECT_EQ(index.size(), 0u);
}

TEST(Rates, ConvertsExactlyAndRoundsHalfAwayFromZero) {
  const Code eur = *Code::parse("EUR"), usd = *Code::parse("USD"), jpy = *Code::parse("JPY");
  Rates rates;
  EXPECT_EQ(rates.to_base({123, eur}, eur), 123);
  EXPECT_FALSE(rates.to_base({123, usd}, eur));
  rates.apply({usd, eur, 500'000'000});
  EXPECT_EQ(rates.to_base({101, usd}, eur), 51);  // 50.5 cents
  EXPECT_EQ(rates.to_base({-101, usd}, eur), -51);
  rates.apply({jpy, eur, 6'123'456});
  EXPECT_EQ(rates.to_base({10'000, jpy}, eur), 6123);  // 10000 yen · 0.006123456 = 61.23456 euros
  rates.apply({eur, jpy, 163'000'000'000});
  EXPECT_EQ(rates.to_base({100, eur}, jpy), 163);
}

TEST(Rates, WhatDoesNotFitIsRefused) {
  const Code eur = *Code::parse("EUR"), usd = *Code::parse("USD");
  Rates rates;
  rates.apply({usd, eur, INT64_MAX});
  EXPECT_FALSE(rates.to_base({INT64_MAX, usd}, eur));
}

TEST(AlertCooldown, CoolsPerRuleAndCustomerInEventTime) {
  AlertCooldown cooldown;
  eventlog::AlertRaised alert;
  alert.rule_id = "velocity";
  alert.customer_id = "c1";
  alert.event_time = EventTime{10 * kHourUs};
  cooldown.apply(alert);
  const auto cooling = [&](const char* rule, const char* customer, std::int64_t hour) {
    return cooldown.cooling(rule, customer, EventTime{hour * kHourUs}, kHourUs + 1);
  };
  EXPECT_TRUE(cooling("velocity", "c1", 10));
  EXPECT_TRUE(cooling("velocity", "c1", 11));
  EXPECT_FALSE(cooling("velocity", "c1", 12));
  EXPECT_FALSE(cooling("velocity", "c2", 10));
  EXPECT_FALSE(cooling("other", "c1", 10));
  EXPECT_FALSE(cooldown.cooling("velocity", "c1", EventTime{10 * kHourUs}, 0));
}

TEST(AlertCooldown, AnAlertDueToBeForgottenCountsNoMoreThoughItIsStillThere) {
  constexpr std::int64_t kMonthUs = 30 * 24 * kHourUs;
  AlertCooldown cooldown;
  const auto raise = [&](const char* customer, std::int64_t time_us) {
    eventlog::AlertRaised alert;
    alert.rule_id = "velocity";
    alert.customer_id = customer;
    alert.event_time = EventTime{time_us};
    cooldown.apply(alert);
  };
  raise("c1", kMonthUs);
  raise("c2", 3 * kMonthUs);
  EXPECT_TRUE(cooldown.cooling("velocity", "c1", EventTime{kMonthUs}, kMonthUs));
  raise("c2", 3 * kMonthUs + 1);
  EXPECT_FALSE(cooldown.cooling("velocity", "c1", EventTime{kMonthUs}, kMonthUs));
}

// The newest alert is far ahead of a stream that lags: each of a burst would be an alert.
TEST(AlertCooldown, ABurstThatComesLateIsOneAlert) {
  AlertCooldown cooldown;
  std::size_t raised = 0;
  const auto matched = [&](std::int64_t hour) {
    if (cooldown.cooling("velocity", "c1", EventTime{hour * kHourUs}, 24 * kHourUs)) return;
    eventlog::AlertRaised alert;
    alert.rule_id = "velocity";
    alert.customer_id = "c1";
    alert.event_time = EventTime{hour * kHourUs};
    cooldown.apply(alert);
    ++raised;
  };
  matched(1000);
  for (int i = 0; i < 50; ++i) matched(100 + i % 7);
  EXPECT_EQ(raised, 2u);
  matched(1001);  // the newest is not forgotten for the late one
  EXPECT_EQ(raised, 2u);
  eventlog::Piece piece;
  for (std::size_t shard = 0; shard < AlertCooldown::kShards; ++shard) cooldown.save(shard, piece);
  AlertCooldown restored;
  eventlog::ValueReader reader(piece.view());
  ASSERT_TRUE(restored.restore(reader));
  for (const int hour : {101, 1001}) {
    EXPECT_TRUE(restored.cooling("velocity", "c1", EventTime{hour * kHourUs}, 24 * kHourUs)) << hour;
  }
}

// Few customers with many rules, so that neighbours collide; enough pairs that old ones are forgotten.
TEST(AlertCooldown, BehavesLikeAMapOfRuleAndCustomerAndForgetsOnlyWhatIsOld) {
  constexpr std::int64_t kWeekUs = 7 * 24 * kHourUs, kYearUs = 52 * kWeekUs, kCooldownUs = 3 * kWeekUs;
  std::mt19937_64 random(5);
  AlertCooldown cooldown;
  struct Alerts {
    std::int64_t newest_us = INT64_MIN, last_us = 0;
  };
  std::map<std::pair<std::string, std::string>, Alerts> model;
  std::int64_t now_us = 0;
  const auto check = [&](const std::string& rule, const std::string& customer) {
    const auto found = model.find({rule, customer});
    const std::int64_t asked_us = now_us - static_cast<std::int64_t>(random() % (12 * kWeekUs));
    const bool expected = found != model.end() && (std::abs(asked_us - found->second.newest_us) < kCooldownUs ||
                                                   std::abs(asked_us - found->second.last_us) < kCooldownUs);
    ASSERT_EQ(cooldown.cooling(rule, customer, EventTime{asked_us}, kCooldownUs), expected) << rule << ' ' << customer;
  };
  for (int i = 0; i < 150'000; ++i) {
    now_us += kHourUs / 1000;
    const std::string rule = "rule-" + std::to_string(random() % 31);
    const std::string customer = "customer-" + std::to_string(random() % 5 == 0 ? random() % 20 : random() % 20'000);
    eventlog::AlertRaised alert;
    alert.rule_id = rule;
    alert.customer_id = customer;
    const std::int64_t late_us =
        static_cast<std::int64_t>(random() % 10 == 0 ? random() % (6 * kWeekUs) : random() % kHourUs);
    alert.event_time = EventTime{now_us - late_us};
    cooldown.apply(alert);
    Alerts& alerts = model[{rule, customer}];
    alerts.last_us = alert.event_time.value();
    alerts.newest_us = std::max(alerts.newest_us, alerts.last_us);
    check(rule, customer);
    check("rule-" + std::to_string(random() % 40), "customer-" + std::to_string(random() % 25'000));
  }
  EXPECT_EQ(cooldown.size(), model.size());
  now_us += 14 * kWeekUs;
  const std::size_t before = model.size();
  for (int i = 0; cooldown.size() >= before; ++i) {  // new pairs until the old ones are swept out
    ASSERT_LT(i, 1'000'000) << "nothing is ever forgotten";
    eventlog::AlertRaised alert;
    const std::string customer = "late-" + std::to_string(i);
    alert.rule_id = "rule-0";
    alert.customer_id = customer;
    alert.event_time = EventTime{now_us};
    cooldown.apply(alert);
  }
  EXPECT_TRUE(cooldown.cooling("rule-0", "late-0", EventTime{now_us}, kYearUs));
  for (const auto& [pair, alerts] : model) {
    ASSERT_FALSE(cooldown.cooling(pair.first, pair.second, EventTime{now_us}, kYearUs)) << "not forgotten";
  }
}

TEST(TransactionIndex, AnHourThatWasForgottenMayComeBack) {
  TransactionIndex index;
  index.insert(1ull << 50, Address{1}, EventTime{0});
  for (int i = 0; i < 3; ++i) index.expire(EventTime{5 * kHourUs}, kAllSettled);
  EXPECT_EQ(index.size(), 0u);
  index.insert(2ull << 50, Address{2}, EventTime{1});
  EXPECT_TRUE(index.find(2ull << 50, [](Address) { return true; }));
  index.expire(EventTime{5 * kHourUs}, kAllSettled);
  EXPECT_EQ(index.size(), 0u);
}

}  // namespace
}  // namespace vigil::commands
