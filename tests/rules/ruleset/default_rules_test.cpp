// The built-in rules over the built-in features: each rule holds when it should, and only then.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "rules/expression/lists.h"
#include "rules/expression/transaction_fields.h"
#include "rules/ruleset/rule_set.h"

namespace vigil::rules::default_rules_test {
namespace {

using eventlog::Outcome;
using Given = std::map<std::string, Value>;

class DefaultRules : public ::testing::Test {
 protected:
  DefaultRules() {
    auto catalogue = Catalogue::parse(default_features_toml(), "default_features.toml");
    if (!catalogue) throw std::runtime_error(catalogue.error().text);
    catalogue_ = std::move(*catalogue);
    auto rules = RuleSet::parse(default_rules_toml(), "default_rules.toml", catalogue_);
    if (!rules) throw std::runtime_error(rules.error().text);
    rules_.emplace(std::move(*rules));
  }

  // The ordinary payment of an ordinary customer, with what is given changed.
  std::set<std::string> matched(const Given& given, const Lists& lists = {}) {
    Given facts{{"customer_id", text("c1")},
                {"merchant_id", text("m1")},
                {"device_id", text("d1")},
                {"amount_base", integer(4'550)},
                {"country", text("FR")},
                {"card_country", text("FR")},
                {"customer_count_10m", integer(1)},
                {"customer_count_1h", integer(1)},
                {"customer_count_24h", integer(2)},
                {"customer_count_30d", integer(60)},
                {"customer_lifetime_count", integer(600)},
                {"customer_seconds_since_last", Value::of(40'000.0)},
                {"customer_sum_24h", integer(9'000)},
                {"customer_mean_30d", Value::of(4'000.0)},
                {"customer_max_30d", integer(15'000)},
                {"customer_zscore_30d", Value::of(0.3)},
                {"customer_declines_24h", integer(0)},
                {"customer_failed_count_1h", integer(0)},
                {"customer_small_count_10m", integer(0)},
                {"customer_near_limit_count_24h", integer(0)},
                {"customer_round_count_24h", integer(0)},
                {"customer_night_ratio_30d", Value::of(0.01)},
                {"customer_merchants_1h", integer(1)},
                {"customer_merchant_known_30d", Value::boolean(true)},
                {"customer_device_known_30d", Value::boolean(true)},
                {"customer_last_country", text("FR")},
                {"customer_distance_km", Value::of(3.0)},
                {"customer_speed_kmh", Value::of(0.3)},
                {"customer_distance_home_km", Value::of(5.0)},
                {"merchant_count_10m", integer(3)},
                {"merchant_count_24h", integer(300)},
                {"merchant_fraud_count_30d", integer(1)},
                {"merchant_fraud_rate_30d", Value::of(0.001)},
                {"device_customers_24h", integer(1)},
                {"device_count_1h", integer(1)},
                {"is_night", Value::boolean(false)}};
    for (const auto& [name, value] : given) facts[name] = value;
    std::vector<Value> slots(kTransactionFields + catalogue_.size());
    std::set<std::string> unset;
    for (const Symbol& symbol : catalogue_.symbols()) {
      if (facts.contains(symbol.name)) slots[symbol.slot] = facts[symbol.name];
      else if (symbol.slot >= kTransactionFields) unset.insert(symbol.name);
    }
    EXPECT_TRUE(unset.empty()) << *unset.begin() << " has no ordinary value";
    std::vector<std::uint16_t> indexes;
    verdict_ = rules_->evaluate(slots, lists, indexes);
    std::set<std::string> ids;
    for (std::uint16_t index : indexes) ids.insert(rules_->rules()[index].id);
    return ids;
  }

  static Value integer(std::int64_t value) { return Value::of(value); }
  static Value text(std::string_view value) { return Value::of(value); }

  Catalogue catalogue_;
  std::optional<RuleSet> rules_;
  Verdict verdict_;
};

TEST_F(DefaultRules, ThirtyFeaturesAndAtLeastTwentyRules) {
  EXPECT_EQ(catalogue_.size(), 30u);
  EXPECT_GE(rules_->rules().size(), 20u);
  for (const Rule& rule : rules_->rules()) EXPECT_FALSE(rule.description.empty()) << rule.id;
}

TEST_F(DefaultRules, AreTheFilesOfTheSourceTree) {
  const auto file = [](const char* path) {
    std::stringstream text;
    text << std::ifstream(std::string(VIGIL_SOURCE_DIR) + path).rdbuf();
    return text.str();
  };
  EXPECT_EQ(default_rules_toml(), file("/rules/ruleset/default_rules.toml"));
  EXPECT_EQ(default_features_toml(), file("/rules/features/default_features.toml"));
}

TEST_F(DefaultRules, AnOrdinaryPaymentMatchesNothing) {
  EXPECT_EQ(matched({}), std::set<std::string>{});
  EXPECT_EQ(verdict_.outcome, Outcome::approve);
}

TEST_F(DefaultRules, TheFirstPaymentOfACustomerMatchesNothing) {
  Given first{{"customer_lifetime_count", integer(1)},
              {"customer_count_30d", integer(0)},
              {"customer_merchant_known_30d", Value::boolean(false)},
              {"customer_device_known_30d", Value::boolean(false)}};
  for (const char* unknown :
       {"customer_seconds_since_last", "customer_mean_30d", "customer_max_30d", "customer_zscore_30d",
        "customer_last_country", "customer_distance_km", "customer_speed_kmh", "customer_distance_home_km"}) {
    first[unknown] = Value::null();
  }
  EXPECT_EQ(matched(first), std::set<std::string>{});
}

TEST_F(DefaultRules, EachHoldsWhenItShould) {
  const Value yes = Value::boolean(true), no = Value::boolean(false);
  const std::map<std::string, Given> cases{
      {"velocity-10m", {{"customer_count_10m", integer(5)}}},
      {"velocity-1h", {{"customer_count_1h", integer(12)}}},
      {"velocity-24h", {{"customer_count_24h", integer(15)}}},
      {"many-merchants", {{"customer_merchants_1h", integer(6)}}},
      {"amount-spike", {{"amount_base", integer(20'001)}, {"customer_zscore_30d", Value::of(3.1)}}},
      {"amount-record", {{"amount_base", integer(50'000)}}},
      {"spending-spree", {{"customer_count_24h", integer(4)}, {"customer_sum_24h", integer(100'000)}}},
      {"round-amounts", {{"amount_base", integer(20'000)}, {"customer_round_count_24h", integer(3)}}},
      {"structuring", {{"amount_base", integer(950'000)}, {"customer_near_limit_count_24h", integer(3)}}},
      {"repeated-declines", {{"customer_declines_24h", integer(3)}}},
      {"failed-burst", {{"customer_failed_count_1h", integer(4)}}},
      {"card-testing", {{"amount_base", integer(499)}, {"customer_small_count_10m", integer(4)}}},
      {"card-testing-cashout", {{"amount_base", integer(20'000)}, {"customer_small_count_10m", integer(3)}}},
      {"impossible-travel", {{"customer_distance_km", Value::of(500.0)}, {"customer_speed_kmh", Value::of(1'000.0)}}},
      {"impossible-travel-high-amount",
       {{"customer_distance_km", Value::of(500.0)},
        {"customer_speed_kmh", Value::of(1'000.0)},
        {"amount_base", integer(20'000)}}},
      {"far-from-home", {{"customer_distance_home_km", Value::of(1'000.0)}, {"amount_base", integer(20'001)}}},
      {"country-mismatch", {{"country", text("US")}}},
      {"country-hop",
       {{"country", text("US")},
        {"customer_seconds_since_last", Value::of(3'599.0)},
        {"amount_base", integer(12'001)}}},
      {"new-device-high-amount", {{"customer_device_known_30d", no}, {"amount_base", integer(30'000)}}},
      {"account-takeover",
       {{"customer_device_known_30d", no},
        {"customer_merchant_known_30d", no},
        {"amount_base", integer(50'000)},
        {"customer_zscore_30d", Value::of(5.5)}}},
      {"new-merchant-at-night",
       {{"is_night", yes}, {"customer_merchant_known_30d", no}, {"amount_base", integer(16'001)}}},
      {"dormant-return",
       {{"customer_seconds_since_last", Value::of(90.0 * 86'400 + 1)},
        {"amount_base", integer(30'000)},
        {"customer_count_30d", integer(0)},
        {"customer_mean_30d", Value::null()}}},
      {"new-customer-high-amount", {{"customer_lifetime_count", integer(1)}, {"amount_base", integer(150'000)}}},
      {"merchant-burst", {{"merchant_count_10m", integer(30)}, {"merchant_count_24h", integer(432)}}},
      {"merchant-fraud-rate", {{"merchant_fraud_rate_30d", Value::of(0.2)}, {"merchant_fraud_count_30d", integer(5)}}},
      {"shared-device", {{"device_customers_24h", integer(4)}}},
      {"device-burst", {{"device_count_1h", integer(15)}}},
  };
  std::set<std::string> held;
  for (const auto& [id, given] : cases) {
    EXPECT_TRUE(matched(given).contains(id)) << id;
    held.insert(id);
  }
  for (const Rule& rule : rules_->rules()) {
    EXPECT_TRUE(held.contains(rule.id) || rule.id.starts_with("blocked-")) << rule.id << " has no case";
  }
}

TEST_F(DefaultRules, OneBelowTheLineDoesNotHold) {
  EXPECT_EQ(matched({{"customer_count_10m", integer(4)}}), std::set<std::string>{});
  EXPECT_EQ(matched({{"customer_declines_24h", integer(2)}}), std::set<std::string>{});
  EXPECT_EQ(matched({{"customer_distance_km", Value::of(499.9)}, {"customer_speed_kmh", Value::of(5e3)}}),
            std::set<std::string>{});
  EXPECT_EQ(matched({{"customer_distance_km", Value::of(5e3)}, {"customer_speed_kmh", Value::of(999.0)}}),
            std::set<std::string>{});
  EXPECT_EQ(matched({{"amount_base", integer(19'999)}, {"customer_zscore_30d", Value::of(4.0)}}),
            std::set<std::string>{});
}

TEST_F(DefaultRules, BlockedListsDecline) {
  const std::map<std::string, std::string> entries{
      {"blocked_customers", "c1"}, {"blocked_merchants", "m1"}, {"blocked_devices", "d1"}, {"blocked_countries", "FR"}};
  const std::map<std::string, std::string> ids{{"blocked_customers", "blocked-customer"},
                                               {"blocked_merchants", "blocked-merchant"},
                                               {"blocked_devices", "blocked-device"},
                                               {"blocked_countries", "blocked-country"}};
  for (const auto& [list, entry] : entries) {
    Lists lists;
    lists.apply({list, {entry}, {}});
    EXPECT_EQ(matched({}, lists), std::set<std::string>{ids.at(list)});
    EXPECT_EQ(verdict_.outcome, Outcome::decline) << list;
  }
}

}  // namespace
}  // namespace vigil::rules::default_rules_test
