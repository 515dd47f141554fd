// A start from an image of the state is a start from the whole log, whatever happened meanwhile.
#include "commands/state_image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <fstream>
#include <random>

#include "tests/commands/engine_fixture.h"
#include "tests/eventlog/storage/faulty_environment.h"

namespace vigil::commands::state_image_test {
namespace {

using namespace engine_fixture;  // NOLINT: tests only
using eventlog::Code;
using eventlog::ErrorKind;
using eventlog::EventTime;
using eventlog::LabelKind;

constexpr std::uint64_t kInterval = 20 << 10;

constexpr std::string_view kOnWatch = R"(
[[feature]]
name = "customer_amount_on_watch"
entity = "customer"
aggregate = "sum"
window = "12h"
filter = 'merchant_id in list "watched"'
)";
constexpr std::string_view kDeviceCategories = R"(
[[feature]]
name = "device_categories"
entity = "device"
aggregate = "distinct"
field = "category"
window = "1d"
)";
constexpr std::string_view kMerchantMax2d = R"(
[[feature]]
name = "merchant_max_2d"
entity = "merchant"
aggregate = "max"
window = "2d"
)";
const std::string kFeatures = joined({kCustomerCount1h, kOnWatch, kMerchantFrauds7d, kDeviceCategories});
const std::string kMoreFeatures = joined({kCustomerCount1h, kMerchantMax2d});
const std::string kRules = joined({kVelocity, "cooldown = \"3h\"\n", kBlocked});

// Commands that own their texts.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed) {}

  void add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) add_one();
  }
  void add(CommandBody body) { commands_.push_back({std::move(body), keep("{}"), "test"}); }
  std::span<const Command> commands() const { return commands_; }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::string_view one_of(const char* prefix, std::size_t count) { return keep(prefix + std::to_string(below(count))); }

  void add_one() {
    const std::size_t kind = below(100);
    if (kind < 70 || paid_.empty()) return pay();
    if (kind < 74) return add(SubmitTransaction{paid_[below(paid_.size())]});  // a repeat
    if (kind < 76) {
      auto changed = paid_[below(paid_.size())];
      changed.amount.minor += 1;
      return add(SubmitTransaction{changed});  // a conflict
    }
    if (kind < 88) {
      const LabelKind label = below(3) == 0 ? LabelKind::genuine : LabelKind::fraud;
      return add(ReportLabel{paid_[below(paid_.size())].id, 1, label, now(), "test"});
    }
    if (kind < 91) return add(UpdateList{{keep(below(2) == 0 ? "blocked" : "watched"), {one_of("m", 6), ""}, {}}});
    if (kind < 93) return add(UpdateList{{keep("blocked"), {one_of("c", 40)}, {one_of("c", 40), one_of("m", 6)}}});
    if (kind < 95) return add(UpdateCustomer{{one_of("c", 40), eventlog::Place{1, 2}, {}, {}}});
    if (kind < 96) return add(UpdateMerchant{{one_of("m", 6), one_of("shop", 3), {}, {}, {}}});
    if (kind < 98) {
      const auto rate = static_cast<std::int64_t>(1'000'000'000 + below(3));
      return add(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), rate}});
    }
    commands_.push_back({Unacceptable{"", {{"broken_json", "", "it is"}}}, one_of("broken ", 30), "test"});
  }

  void pay() {
    seconds_ += static_cast<std::int64_t>(below(600));
    eventlog::Transaction t;
    t.id = keep("t" + std::to_string(paid_.size()));
    t.event_time = now();
    if (below(8) == 0)
      t.event_time = EventTime{t.event_time.value() - static_cast<std::int64_t>(below(7200)) * kSecondUs};
    t.customer_id = one_of("c", 40);
    t.merchant_id = one_of("m", 6);
    t.device_id = below(4) == 0 ? keep("") : one_of("d", 60);
    t.category = one_of("category", 9);
    t.amount = {static_cast<std::int64_t>(1 + below(9000)), *Code::parse(below(5) == 0 ? "USD" : "EUR")};
    paid_.push_back(t);
    add(SubmitTransaction{t});
  }
  EventTime now() const { return EventTime{kStartUs + seconds_ * kSecondUs}; }

  std::mt19937 random_;
  std::deque<std::string> texts_;
  std::vector<eventlog::Transaction> paid_;
  std::vector<Command> commands_;
  std::int64_t seconds_ = 0;
};

std::string text(const Reply& reply) {
  std::string text = std::string(name(reply.status)) + (reply.repeat ? " again " : " ") +
                     std::string(eventlog::name(reply.outcome)) + " " + std::to_string(reply.score) + " at " +
                     std::to_string(reply.position.value());
  for (const std::uint16_t rule : reply.matched) text += " " + std::to_string(rule);
  for (const Reason& reason : reply.reasons) text += " " + std::string(reason.code);
  return text;
}

class StateImageTest : public engine_fixture::EngineFixture<eventlog::FaultyEnvironment> {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    options_.features_toml = kFeatures;
    options_.rules_toml = kRules;
    options_.image_interval_bytes = kInterval;
  }

  std::filesystem::path image() const { return data() / "models" / "decision_state.image"; }
  // Batches of odd sizes, committed at once; the answers as texts.
  void run(std::span<const Command> commands) {
    std::vector<Reply> replies;
    for (std::size_t done = 0; done < commands.size();) {
      const auto batch = commands.subspan(done, std::min<std::size_t>(1 + done % 9, commands.size() - done));
      const auto taken = engine_->submit(batch, replies);
      ASSERT_TRUE(taken) << taken.error().text;
      for (const Reply& reply : replies) answers_.push_back(text(reply));
      done += *taken;
      if (done % 3 == 0) {
        ASSERT_TRUE(engine_->settle());
      }
    }
    ASSERT_TRUE(engine_->settle());
  }
  // Gives the image under way, if any, the time to get to the disk; one that waits for the log to grow stays under way.
  void let_image_appear(int milliseconds = 50) {
    std::vector<Reply> replies;
    const auto written = [this] {
      return std::filesystem::exists(image()) && !std::filesystem::exists(image().string() + ".tmp");
    };
    for (int i = 0; i < milliseconds && !(i > 0 && written()); ++i) {
      ASSERT_TRUE(engine_->submit({}, replies));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void need_image() {
    for (int i = 0; i < 200 && !std::filesystem::exists(image()); ++i) let_image_appear();
    let_image_appear();
    ASSERT_TRUE(std::filesystem::exists(image()));
  }
  std::uint64_t replayed_digest() {
    auto state = WriteState::replay(engine_->log(), 0);
    EXPECT_TRUE(state) << state.error().text;
    return (*state)->decision().digest();
  }
  // The bytes of the image, until one test changed them.
  std::string read_image() {
    std::ifstream in(image(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_image(std::string_view bytes) {
    std::ofstream(image(), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::vector<std::string> answers_;
};

// The whole life in one go without images, and with images and a start every now and then.
TEST_F(StateImageTest, ALifeWithStartsFromImagesHasTheSameAnswersAndEvents) {
  std::size_t starts_from_images = 0;
  for (unsigned seed = 1; seed <= 4 && !HasFailure(); ++seed) {
    Life life(seed);
    life.add(2'500);
    std::filesystem::remove_all(data());
    options_.image_interval_bytes = 0;
    open();
    run(life.commands());
    EXPECT_EQ(engine_->state_report().image.value(), 0u);
    const std::vector<std::string> expected = std::exchange(answers_, {});

    std::filesystem::remove_all(data());
    options_.image_interval_bytes = kInterval;
    std::mt19937 random(seed);
    open();
    for (std::size_t done = 0; done < life.commands().size();) {
      const std::size_t next = std::min<std::size_t>(life.commands().size(), done + 150 + random() % 300);
      run(life.commands().subspan(done, next - done));
      done = next;
      if (random() % 2 == 0) let_image_appear();
      const std::uint64_t before = engine_->state().digest();
      open();
      starts_from_images += engine_->state_report().image.value() != 0;
      EXPECT_EQ(engine_->state_report().image_refused, "");
      ASSERT_EQ(engine_->state().digest(), before);
    }
    ASSERT_EQ(answers_, expected) << "seed " << seed;
    EXPECT_EQ(replayed_digest(), engine_->state().digest());
    answers_.clear();
  }
  EXPECT_GT(starts_from_images, 12u);
}

class DamagedImageTest : public StateImageTest {
 protected:
  void SetUp() override {
    StateImageTest::SetUp();
    life_.add(1'500);
    open();
    run(life_.commands());
    need_image();
    digest_ = engine_->state().digest();
    open();
    ASSERT_NE(engine_->state_report().image.value(), 0u) << engine_->state_report().image_refused;
    engine_.reset();
    whole_ = read_image();
    options_.image_interval_bytes = 0;  // so that it is not written anew
  }
  void expect_replayed(const std::string& why) {
    open();
    if (HasFatalFailure()) return;
    EXPECT_EQ(engine_->state_report().image.value(), 0u);
    EXPECT_NE(engine_->state_report().image_refused.find(why), std::string::npos)
        << engine_->state_report().image_refused;
    EXPECT_EQ(engine_->state().digest(), digest_);
  }

  // A log of its own of `count` commands, kept as directory_/"earlier", and `more` behind them until there is an image.
  void live_on(std::size_t count, std::size_t more) {
    std::filesystem::remove_all(data());
    options_.image_interval_bytes = kInterval;
    open();
    run(life_.commands().first(count));
    engine_.reset();
    std::filesystem::copy(data() / "log", directory_ / "earlier", std::filesystem::copy_options::recursive);
    open();
    run(life_.commands().subspan(count, more));
    need_image();
    engine_.reset();
  }

  Life life_{9};
  std::uint64_t digest_ = 0;
  std::string whole_;
};

TEST_F(DamagedImageTest, AnyBitThatChangedMakesItOfNoUse) {
  std::mt19937 random(1);
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    std::string bytes = whole_;
    const std::size_t at = i < 40 ? static_cast<std::size_t>(i) : random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    write_image(bytes);
    expect_replayed("");
    EXPECT_NE(engine_->state_report().image_refused, "") << "byte " << at;
  }
}

TEST_F(DamagedImageTest, APartOfItIsOfNoUse) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{40}, whole_.size() / 2,
                                  whole_.size() - 17, whole_.size() - 16, whole_.size() - 1}) {
    write_image(std::string_view(whole_).substr(0, bytes));
    expect_replayed("decision_state.image");
  }
  write_image(whole_ + '\0');
  expect_replayed("decision_state.image");
}

TEST_F(DamagedImageTest, ADiskThatCannotReadItCostsAReplay) {
  environment_.fail_from_now(eventlog::Call::read, "decision_state.image", ErrorKind::io);
  expect_replayed("injected failure");
}

TEST_F(DamagedImageTest, TheImageOfAnotherLogIsNotUsed) {
  std::filesystem::remove_all(data());
  eventlog::PosixEnvironment another;  // this one's logs have ids of their own
  auto engine = Engine::open(another, data(), options_);
  ASSERT_TRUE(engine) << engine.error().text;
  engine_ = std::move(*engine);
  run(life_.commands().first(60));
  digest_ = engine_->state().digest();
  engine_.reset();
  std::filesystem::create_directories(data() / "models");
  write_image(whole_);
  expect_replayed("is of another log");
}

// The same log, taken back to an earlier state and gone on otherwise.
TEST_F(DamagedImageTest, TheImageOfAnotherHistoryIsNotUsed) {
  live_on(700, 500);
  const std::string later = read_image();
  std::filesystem::remove_all(data());
  std::filesystem::create_directories(data() / "models");
  std::filesystem::rename(directory_ / "earlier", data() / "log");
  options_.image_interval_bytes = 0;
  open();
  Life other(10);
  other.add(3'000);
  run(other.commands());
  digest_ = engine_->state().digest();
  engine_.reset();
  write_image(later);
  expect_replayed("is of another history of this log");
}

TEST_F(DamagedImageTest, ALogThatEndsBeforeTheImageHasLostHistory) {
  live_on(300, life_.commands().size() - 300);
  std::filesystem::remove_all(data() / "log");
  std::filesystem::rename(directory_ / "earlier", data() / "log");
  const auto opened = Engine::open(environment_, data(), options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::damaged);
  EXPECT_NE(opened.error().text.find("history is missing"), std::string::npos) << opened.error().text;
}

// A failed image harms nobody, and what was there before stays.
TEST_F(StateImageTest, AnImageThatCannotBeWrittenIsTriedAgain) {
  Life life(5);
  life.add(3'000);
  open();
  for (const auto call : {eventlog::Call::open, eventlog::Call::write, eventlog::Call::sync, eventlog::Call::rename}) {
    environment_.set([call](eventlog::Call made, const std::filesystem::path& path) -> std::optional<eventlog::Error> {
      if (made != call || path.string().find("decision_state") == std::string::npos) return std::nullopt;
      return eventlog::Error{ErrorKind::full, "injected failure"};
    });
    const std::size_t share = life.commands().size() / 6;
    run(life.commands().subspan(static_cast<std::size_t>(call) % 5 * share, share));
    let_image_appear();
    EXPECT_FALSE(std::filesystem::exists(image()));
  }
  environment_.set({});
  run(life.commands().last(life.commands().size() / 6));
  need_image();
  const std::uint64_t digest = engine_->state().digest();
  EXPECT_EQ(replayed_digest(), digest);
  engine_.reset();
  EXPECT_FALSE(std::filesystem::exists(image().string() + ".tmp"));
  open();
  EXPECT_NE(engine_->state_report().image.value(), 0u);
  EXPECT_EQ(engine_->state().digest(), digest);
}

// New features and a longer horizon need the whole log again; the next image is of the new state.
TEST_F(StateImageTest, WhatAnImageCannotKnowIsReplayed) {
  Life life(6);
  life.add(2'000);
  open();
  run(life.commands().first(800));
  need_image();
  options_.image_interval_bytes = 0;
  for (const bool features : {true, false}) {
    open();
    EXPECT_NE(engine_->state_report().image.value(), 0u);
    Life change(7);
    Policy longer = engine_->policy();
    longer.horizon_us *= 3;
    const std::string policy = longer.to_toml();
    if (features) {
      change.add(ActivateFeatures{kMoreFeatures, "more.toml"});
    } else {
      change.add(UpdatePolicy{policy, "longer.toml"});
    }
    run(change.commands());
    const std::uint64_t digest = engine_->state().digest();
    open();
    EXPECT_EQ(engine_->state_report().image.value(), 0u);
    EXPECT_NE(engine_->state_report().image_refused.find("is older than"), std::string::npos);
    EXPECT_EQ(engine_->state().digest(), digest);
    options_.image_interval_bytes = kInterval;
    open();  // a replay of more than an interval writes an image at once
    options_.image_interval_bytes = 0;
    open();
    EXPECT_NE(engine_->state_report().image.value(), 0u);
    EXPECT_EQ(engine_->state().digest(), digest);
  }
}

// An image begun under a long horizon still knows what a shorter one before it made the state forget.
TEST_F(StateImageTest, WhatAnEarlierPolicyForgotIsStillAskedOfTheLog) {
  std::deque<std::string> ids;
  const auto paid = [&](std::int64_t day) {
    eventlog::Transaction t;
    t.id = ids.emplace_back("t" + std::to_string(ids.size()));
    t.event_time = EventTime{kStartUs + day * 86'400 * kSecondUs};
    t.customer_id = "c1";
    t.merchant_id = "m1";
    t.amount = {100, *Code::parse("EUR")};
    return t;
  };
  const auto horizon = [](const char* text) { return UpdatePolicy{text, "p.toml"}; };
  const eventlog::Transaction old = paid(-10);
  Life life(9);
  life.add(horizon("clock = 'stream'\nhorizon = '30d'"));
  life.add(horizon("clock = 'stream'\nhorizon = '1d'"));
  life.add(SubmitTransaction{old});
  for (int i = 0; i < 20; ++i) life.add(SubmitTransaction{paid(-5)});
  life.add(horizon("clock = 'stream'\nhorizon = '30d'"));
  const eventlog::Position last_policy{3 + life.commands().size()};
  for (int i = 0; i < 600; ++i) life.add(SubmitTransaction{paid(-5)});
  open();
  run(life.commands());
  need_image();
  open();
  ASSERT_GT(engine_->state_report().image, last_policy) << engine_->state_report().image_refused;
  answers_.clear();
  const Command again{SubmitTransaction{old}, "{}", "test"};
  run({&again, 1});
  EXPECT_EQ(answers_.front().substr(0, 13), "decided again");
}

// Lists are saved as of one moment, also when one changes while they are.
TEST_F(StateImageTest, LongListsMayChangeWhileTheyAreSaved) {
  std::deque<std::string> texts;
  open();
  for (int batch = 0; batch < 40; ++batch) {
    eventlog::ListUpdated update{"watched", {}, {}};
    for (int i = 0; i < 1'000; ++i)
      update.added.push_back(texts.emplace_back("an entry of some length " + std::to_string(texts.size())));
    Life life(8);
    life.add(UpdateList{update});
    life.add(30);
    run(life.commands());
  }
  need_image();
  const std::uint64_t digest = engine_->state().digest();
  open();
  EXPECT_NE(engine_->state_report().image.value(), 0u) << engine_->state_report().image_refused;
  EXPECT_EQ(engine_->state().digest(), digest);
}

}  // namespace
}  // namespace vigil::commands::state_image_test
