// Models that follow the log together: who leaves, who waits for whom, and that it all comes to the same.
#include "projections/convoy.h"

#include <atomic>
#include <future>
#include <thread>

#include "projections/alerts.h"
#include "projections/customer_profile.h"
#include "projections/merchant_risk.h"
#include "projections/runner.h"
#include "tests/projections/log_fixture.h"

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ConvoyTest : public testing::Test {
 protected:
  std::unique_ptr<HostedModel> open(const std::string& name, const fs::path& models) {
    HostOptions options;
    options.boot_id = "boot";
    options.overlay_bytes_max = overlay_bytes_max_;
    auto model = HostedModel::open(models, name, writer_.log(), options);
    EXPECT_TRUE(model) << model.error().text;
    return std::move(*model);
  }
  std::unique_ptr<HostedModel> open(const std::string& name) { return open(name, directory_.path() / "models"); }

  // All models, live.
  void start(const std::vector<std::string>& names = model_names()) {
    const Clock clock = [] { return std::chrono::steady_clock::now(); };
    std::vector<std::unique_ptr<HostedModel>> models;
    Position furthest;
    for (const std::string& name : names) {
      models.push_back(open(name));
      furthest = std::max(furthest, models.back()->applied());
    }
    convoy_ = std::make_unique<Convoy>(writer_.log(), furthest, clock);
    for (std::size_t i = 0; i < models.size(); ++i) {
      const CommitSlots slots{clock(), flush_age_, flush_age_ * i / models.size()};
      runners_.push_back(std::make_unique<Runner>(writer_.log(), std::move(models[i]), *convoy_, i, slots, clock));
    }
  }
  Runner& runner(const std::string& name) {
    for (const auto& runner : runners_) {
      if (runner->model().name() == name) return *runner;
    }
    ADD_FAILURE() << name;
    std::abort();
  }
  void stop() {
    for (const auto& runner : runners_) EXPECT_TRUE(runner->stop());
    runners_.clear();
    convoy_.reset();
  }
  bool all_reach(Position position) {
    for (const auto& runner : runners_) {
      if (!runner->wait_for(position, 20s)) return false;
    }
    return true;
  }
  void until_together() {
    while (convoy_->size() < runners_.size()) std::this_thread::yield();
  }
  // Digests of the stopped models, and those of a plain fold of the whole log.
  void expect_equal_to_a_plain_fold() {
    const TemporaryDirectory elsewhere;
    for (const std::string& name : model_names()) {
      auto plain = open(name, elsewhere.path());
      auto fold = Fold::begin(writer_.log(), {plain.get()});
      while (plain->applied() < writer_.durable()) ASSERT_TRUE(fold->apply_batch(5000, writer_.durable()));
      ASSERT_TRUE(plain->sync());
      const ModelStatus live = open(name)->status();
      EXPECT_EQ(live.checkpoint, writer_.durable()) << name;
      EXPECT_EQ(live.digest, plain->status().digest) << name;
    }
  }

  std::uint64_t overlay_bytes_max_ = 64 << 20;
  std::chrono::milliseconds flush_age_{1000};
  TemporaryDirectory directory_;
  LogWriter writer_{directory_.path() / "log"};
  std::unique_ptr<Convoy> convoy_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

TEST_F(ConvoyTest, AllModelsOfANewLogGoTogether) {
  start();
  until_together();
  write_stream(writer_, 31, 500);
  ASSERT_TRUE(all_reach(writer_.durable()));
  EXPECT_EQ(convoy_->size(), model_names().size());
  stop();
  expect_equal_to_a_plain_fold();
}

TEST_F(ConvoyTest, ModelsThatStandFarBehindCatchUpAloneAndJoin) {
  write_stream(writer_, 32, 6000);
  for (const std::string name : {"customer_profile", "alerts"}) {
    auto model = open(name);
    auto fold = Fold::begin(writer_.log(), {model.get()});
    ASSERT_TRUE(fold->apply_batch(name == "alerts" ? 3000 : 100'000, writer_.durable()));
    ASSERT_TRUE(model->sync());
  }
  start();
  ASSERT_TRUE(all_reach(writer_.durable()));
  until_together();
  write_stream(writer_, 33, 300);
  ASSERT_TRUE(all_reach(writer_.durable()));
  stop();
  expect_equal_to_a_plain_fold();
}

TEST_F(ConvoyTest, CommittingWhileFoldingCommitsWhatStoodWhenItBegan) {
  flush_age_ = 0ms;  // a commit after every batch
  start();
  for (std::uint32_t seed = 40; seed < 60; ++seed) {
    write_stream(writer_, seed, 300);
    if (seed % 5 != 0) continue;
    ASSERT_TRUE(runners_[seed % runners_.size()]->flush());
  }
  ASSERT_TRUE(all_reach(writer_.durable()));
  stop();
  expect_equal_to_a_plain_fold();
}

TEST_F(ConvoyTest, AFullModelLeavesMakesRoomAndTheOutcomeIsTheSame) {
  overlay_bytes_max_ = 64 << 10;
  start();
  for (std::uint32_t seed = 60; seed < 66; ++seed) write_stream(writer_, seed, 400, 300);
  ASSERT_TRUE(all_reach(writer_.durable()));
  stop();
  expect_equal_to_a_plain_fold();
}

// A query that does not end keeps the model's lock.
TEST_F(ConvoyTest, AModelThatIsHeldUpDoesNotHoldUpTheOthers) {
  start();
  until_together();
  writer_.decided({.id = "t1"});
  ASSERT_TRUE(all_reach(writer_.settle()));
  std::promise<void> asked, answered;
  std::thread query([&] {
    (void)runner("customer_profile").model().read<CustomerProfileModel>([&](auto& model, auto& view) {
      asked.set_value();
      answered.get_future().wait();
      return model.customer(view, "alice");
    });
  });
  asked.get_future().wait();
  writer_.decided({.id = "t2"});
  const Position newest = writer_.settle();
  for (const auto& other : runners_) {
    if (other->model().name() == "customer_profile") continue;
    EXPECT_TRUE(other->wait_for(newest, 20s)) << other->model().name();
    EXPECT_TRUE(other->flush()) << other->model().name();
  }
  EXPECT_LT(runner("customer_profile").model().applied(), newest);
  answered.set_value();
  query.join();
  EXPECT_TRUE(runner("customer_profile").wait_for(newest, 20s));
  until_together();
  stop();
  expect_equal_to_a_plain_fold();
}

TEST_F(ConvoyTest, AModelThatCannotReadItsStoreParksAloneAndTheOthersGoOn) {
  writer_.decided({.id = "t0", .customer = "bob"});
  writer_.settle();
  {
    auto model = open("customer_profile");
    auto fold = Fold::begin(writer_.log(), {model.get()});
    ASSERT_TRUE(fold->apply_batch(10, writer_.durable()));
    ASSERT_TRUE(model->sync());
  }
  {
    const auto names = make_projection("customer_profile", nullptr);
    auto store = Store::open(directory_.path() / "models" / "customer_profile" / "gen-1",
                             {names->databases(), 1 << 30, names->schema_hash(), writer_.log().id()}, "boot");
    ASSERT_TRUE(store) << store.error().text;
    ASSERT_TRUE((*store)->write(writer_.durable(), [](WriteTransaction& out) { out.put(0, "alice", "?"); }));
    ASSERT_TRUE((*store)->sync());
  }
  start();
  ASSERT_TRUE(all_reach(writer_.durable()));
  writer_.decided({.id = "t1", .customer = "bob"});
  writer_.decided({.id = "t2"});
  const Position newest = writer_.settle();
  EXPECT_FALSE(runner("customer_profile").wait_for(newest, 20s));
  EXPECT_FALSE(runner("customer_profile").flush());
  EXPECT_NE(runner("customer_profile").model().status().reason.find("cannot be read"), std::string::npos);
  for (const auto& other : runners_) {
    if (other->model().name() == "customer_profile") continue;
    EXPECT_TRUE(other->wait_for(newest, 20s)) << other->model().name();
    EXPECT_TRUE(other->flush()) << other->model().name();
  }
}

TEST_F(ConvoyTest, AModelThatWaitsForNothingIsAnsweredWhenItStops) {
  start({"alerts"});
  std::thread waiter([&] { EXPECT_FALSE(runners_[0]->wait_for(Position{1}, 20s)); });
  EXPECT_TRUE(runners_[0]->stop());
  waiter.join();
  EXPECT_FALSE(runners_[0]->flush());
}

TEST(CommitSlots, EachModelHasAMomentOfItsOwnWithinTheAge) {
  const std::chrono::steady_clock::time_point origin(5s);
  const CommitSlots first{origin, 1s, 0ms}, second{origin, 1s, 250ms};
  EXPECT_EQ(first.after(origin), origin + 1s);
  EXPECT_EQ(second.after(origin), origin + 250ms);
  EXPECT_EQ(second.after(origin + 250ms), origin + 1250ms);
  EXPECT_EQ(second.after(origin + 7100ms), origin + 7250ms);
  EXPECT_EQ(first.after(origin + 7100ms), origin + 8s);
  EXPECT_EQ((CommitSlots{origin, 0s, 0ms}.after(origin + 3s)), origin + 3s);
}

TEST(SlowOne, IsTheModelThatTakesThreeQuartersOfTheTime) {
  EXPECT_FALSE(slow_one({}));
  EXPECT_FALSE(slow_one({0ns, 0ns}));
  EXPECT_FALSE(slow_one({500ns, 300ns, 200ns}));
  EXPECT_FALSE(slow_one({740ns, 160ns, 100ns}));
  EXPECT_EQ(slow_one({100ns, 750ns, 150ns}), 1u);
}

struct Number {
  static constexpr std::size_t kStoredBytesMax = 8;
  std::uint64_t number = 0;
  std::size_t store(char* out) const { return ValueWriter(out).put(number).bytes(); }
  bool load(std::string_view bytes) {
    ValueReader in(bytes);
    number = in.take<std::uint64_t>();
    return in.ok();
  }
};

TEST(TableImage, KeepsWhatStoodWhenItWasTakenAndScansSeeTheNewestMeanwhile) {
  const TemporaryDirectory directory;
  auto store = *Store::open(directory.path() / "store", {{"numbers"}, 1 << 20, 1, "log"}, "boot");
  Table<Number> table(nullptr, 0);
  const auto set = [&](std::string_view key, std::uint64_t to) { table.change(key, hash_of(key)).number = to; };
  const auto scan = [&] {
    std::string text;
    const auto view = *store->read();
    EXPECT_TRUE(table.scan(view, {}, [&](std::string_view key, const Number& value) {
      text += std::string(key) + std::to_string(value.number) + ' ';
      return true;
    }));
    return text;
  };
  const auto commit = [&](std::uint64_t at) {
    table.order();
    EXPECT_TRUE(store->write(Position{at}, [&](WriteTransaction& out) { table.write(out); }));
  };
  set("b", 1);
  set("a", 1);
  table.take_changes();
  set("b", 2);
  set("c", 2);
  EXPECT_EQ(scan(), "a1 b2 c2 ");
  commit(1);
  EXPECT_EQ(scan(), "a1 b2 c2 ");
  table.committed();
  EXPECT_EQ(scan(), "a1 b2 c2 ");
  EXPECT_EQ(table.changes(), 2u);
  const std::string stored(**store->read()->get(0, "b"));
  EXPECT_EQ(stored, std::string("\1\0\0\0\0\0\0\0", 8));
  table.take_changes();
  commit(2);
  table.committed();
  table.clear();
  EXPECT_EQ(scan(), "a1 b2 c2 ");
}

TEST(TableImage, ValuesOfAnySizeAreWrittenInOrderOfTheirKeys) {
  ChangeImage image;
  const std::vector<std::string> keys = {"m", std::string(40, 'x') + "2", "", "a", std::string(40, 'x') + "1"};
  for (int round = 0; round < 2; ++round) {
    for (const std::string& key : keys) {
      const std::size_t bytes = key == "m" ? 300 << 10 : key.size();
      std::memset(image.room(key, 400 << 10), 'v', bytes);
      image.add(bytes);
    }
    image.sort();
    std::vector<std::string> seen;
    image.for_each([&](std::string_view key, std::string_view value) {
      seen.emplace_back(key);
      EXPECT_EQ(value, std::string(key == "m" ? 300 << 10 : key.size(), 'v'));
    });
    EXPECT_EQ(seen, (std::vector<std::string>{"", "a", "m", keys[4], keys[1]}));
    image.clear();
  }
}

}  // namespace
}  // namespace vigil::projections
