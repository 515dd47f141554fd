// An engine on a log in a directory of its own, and the texts of features and rules that its tests share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "commands/engine.h"

namespace vigil::commands::engine_fixture {

inline constexpr std::int64_t kSecondUs = 1'000'000;
inline constexpr std::int64_t kStartUs = 1'700'000'000 * kSecondUs;

// Tables of TOML, to be put one behind the other.
inline constexpr std::string_view kCustomerCount1h = R"(
[[feature]]
name = "customer_count_1h"
entity = "customer"
aggregate = "count"
window = "1h"
)";
inline constexpr std::string_view kMerchantFrauds7d = R"(
[[feature]]
name = "merchant_frauds_7d"
entity = "merchant"
aggregate = "fraud_count"
window = "7d"
)";
inline constexpr std::string_view kThresholds = R"(
[thresholds]
review_score = 50
decline_score = 100
)";
// A key like `cooldown = "1h"` may follow.
inline constexpr std::string_view kVelocity = R"(
[[rule]]
id = "velocity"
description = "three or more in an hour"
when = "customer_count_1h >= 3"
outcome = "review"
score = 20
severity = "P2"
)";
inline constexpr std::string_view kBlocked = R"(
[[rule]]
id = "blocked"
description = "on the list"
when = 'customer_id in list "blocked"'
outcome = "decline"
score = 100
severity = "P0"
)";
inline std::string joined(std::initializer_list<std::string_view> texts) {
  std::string all;
  for (const std::string_view text : texts) all += text;
  return all;
}

// Opens nothing by itself. Event times are the clock, segments are small.
template <class Environment>
class EngineFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::temp_directory_path() /
                 (std::string("vigil-") + test->test_suite_name() + "-" + test->name() + std::to_string(::getpid()));
    std::filesystem::remove_all(directory_);
    options_.log.segment_bytes = 4 << 20;
    options_.policy.clock = ReferenceClock::stream;
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::filesystem::path data() const { return directory_ / "data"; }
  void open() {
    engine_.reset();
    auto engine = Engine::open(environment_, data(), options_);
    ASSERT_TRUE(engine) << engine.error().text;
    engine_ = std::move(*engine);
  }

  Environment environment_;
  std::filesystem::path directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace vigil::commands::engine_fixture
