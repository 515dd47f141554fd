// Whatever happens to a process, a disk or a schema: the models equal a fold of the log, or say why not.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "projections/durable_file.h"
#include "projections/hosted_model.h"
#include "projections/merchant_risk.h"
#include "projections/rebuild.h"
#include "projections/runner.h"
#include "tests/projections/log_fixture.h"

namespace vigil::projections {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class RecoveryTest : public testing::Test {
 protected:
  fs::path models() const { return directory_.path() / "models"; }

  std::vector<std::unique_ptr<HostedModel>> open_all(HostOptions options = {}) {
    if (options.boot_id.empty()) options.boot_id = "boot";
    std::vector<std::unique_ptr<HostedModel>> all;
    for (const std::string& name : model_names()) {
      auto model = HostedModel::open(models(), name, writer_.log(), options);
      EXPECT_TRUE(model) << model.error().text;
      all.push_back(std::move(*model));
    }
    return all;
  }
  static std::vector<HostedModel*> pointers(const std::vector<std::unique_ptr<HostedModel>>& all) {
    std::vector<HostedModel*> result;
    for (const auto& model : all) result.push_back(model.get());
    return result;
  }
  // Folds to the end in batches of 1 … `batch_max`, committing a model after a batch one time in `flush_one_in`.
  void fold_to_end(const std::vector<std::unique_ptr<HostedModel>>& all, std::uint32_t seed, std::size_t batch_max,
                   std::size_t flush_one_in, Position end = Position{~0ull}) {
    std::mt19937 random(seed);
    auto fold = Fold::begin(writer_.log(), pointers(all));
    ASSERT_TRUE(fold) << fold.error().text;
    end = std::min(end, writer_.durable());
    while (fold->at() < end) {
      auto applied = fold->apply_batch(1 + random() % batch_max, end);
      ASSERT_TRUE(applied) << applied.error().text;
      for (const auto& model : all) {
        if (random() % flush_one_in != 0) continue;
        ASSERT_TRUE(model->flush());
      }
    }
  }
  std::map<std::string, std::string> digests(const std::vector<std::unique_ptr<HostedModel>>& all) {
    std::map<std::string, std::string> result;
    for (const auto& model : all) {
      EXPECT_TRUE(model->sync());
      EXPECT_EQ(model->status().checkpoint, writer_.durable());
      result[model->name()] = model->status().digest;
    }
    return result;
  }
  // What an undisturbed fold of the whole log comes to.
  std::map<std::string, std::string> undisturbed() {
    const TemporaryDirectory elsewhere;
    std::vector<std::unique_ptr<HostedModel>> all;
    for (const std::string& name : model_names()) {
      HostOptions options;
      options.boot_id = "boot";
      all.push_back(std::move(*HostedModel::open(elsewhere.path(), name, writer_.log(), options)));
    }
    fold_to_end(all, 0, 5000, 1'000'000);
    return digests(all);
  }
  void complete_models() {
    auto all = open_all();
    fold_to_end(all, 1, 500, 3);
    digests(all);
  }
  std::unique_ptr<HostedModel> open(const std::string& name, const std::string& boot_id = "boot") {
    HostOptions options;
    options.boot_id = boot_id;
    auto model = HostedModel::open(models(), name, writer_.log(), options);
    EXPECT_TRUE(model) << model.error().text;
    return model ? std::move(*model) : nullptr;
  }

  TemporaryDirectory directory_;
  LogWriter writer_{directory_.path() / "log"};
};

TEST_F(RecoveryTest, DigestsDoNotDependOnWhereBatchesAndCommitsFell) {
  write_stream(writer_, 7, 3000);
  const auto expected = undisturbed();
  std::set<std::string> distinct;
  for (const auto& [name, digest] : expected) distinct.insert(digest);
  EXPECT_EQ(distinct.size(), model_names().size());  // none is empty, none is another's
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    auto all = open_all();
    fold_to_end(all, seed, seed * seed * 10, seed);
    EXPECT_EQ(digests(all), expected) << "seed " << seed;
    all.clear();
    fs::remove_all(models());
  }
}

TEST_F(RecoveryTest, DigestsDoNotDependOnWhatTheOverlayCouldHold) {
  write_stream(writer_, 8, 2000);
  const auto expected = undisturbed();
  HostOptions tiny;
  tiny.overlay_bytes_max = 1;  // dropped after every batch: everything is read back
  auto all = open_all(tiny);
  fold_to_end(all, 3, 40, 1000);
  EXPECT_EQ(digests(all), expected);
}

TEST_F(RecoveryTest, AProcessThatDiesBetweenCommitsContinuesExactlyOnce) {
  write_stream(writer_, 9, 2500);
  const auto expected = undisturbed();
  for (std::uint64_t until = 300; until < writer_.durable().value(); until += 450) {
    auto all = open_all();
    fold_to_end(all, static_cast<std::uint32_t>(until), 60, 4, Position{until});
  }  // destroyed without a commit: what was only in the overlays is lost
  auto all = open_all();
  EXPECT_LT(all[0]->applied(), writer_.durable());
  EXPECT_GT(all[0]->applied(), Position{0});
  fold_to_end(all, 1, 500, 3);
  EXPECT_EQ(digests(all), expected);
}

TEST_F(RecoveryTest, ATinyMapGrowsAndTheCommitIsRetriedWhole) {
  write_stream(writer_, 10, 3000, 500);
  const auto expected = undisturbed();
  HostOptions options;
  options.map_bytes_initial = 64 << 10;
  auto all = open_all(options);
  fold_to_end(all, 1, 1000, 2);
  EXPECT_EQ(digests(all), expected);
  EXPECT_GT(all[0]->store().map_bytes(), 128u << 10);
}

TEST_F(RecoveryTest, RebuiltEqualsLiveAndTakesItsPlace) {
  write_stream(writer_, 11, 3000);
  complete_models();
  RebuildOptions options;
  std::uint64_t reported = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_LE(done, all);
    reported = std::max(reported, done);
  };
  const auto rebuilt = rebuild(models(), writer_.log(), {}, options);
  ASSERT_TRUE(rebuilt) << rebuilt.error().text;
  ASSERT_EQ(rebuilt->size(), model_names().size());
  for (const RebuiltModel& model : *rebuilt) {
    EXPECT_EQ(model.equal, true) << model.name;
    EXPECT_EQ(model.digest, model.old_digest);
    EXPECT_EQ(model.events, writer_.durable().value());
    EXPECT_EQ(Generations(models(), model.name).current()->value(), 2u);
    EXPECT_FALSE(fs::exists(models() / model.name / "gen-1"));
  }
  EXPECT_EQ(reported, writer_.durable().value());
}

TEST_F(RecoveryTest, ARebuildIsComparedWhereTheOldModelStoodAndGoesOnToTheEnd) {
  write_stream(writer_, 12, 1000);
  complete_models();
  const Position old = writer_.durable();
  write_stream(writer_, 13, 1000);
  const auto rebuilt = rebuild(models(), writer_.log(), {"alerts", "aggregates"});
  ASSERT_TRUE(rebuilt) << rebuilt.error().text;
  const auto expected = undisturbed();
  for (const RebuiltModel& model : *rebuilt) {
    EXPECT_EQ(model.old_checkpoint, old);
    EXPECT_EQ(model.equal, true);
    EXPECT_NE(model.digest, model.old_digest);
    EXPECT_EQ(model.checkpoint, writer_.durable());
    EXPECT_EQ(model.digest, expected.at(model.name));
  }
}

TEST_F(RecoveryTest, ARebuildWithinATinyBudgetSpillsAndIsStillEqual) {
  write_stream(writer_, 14, 3000);
  complete_models();
  RebuildOptions options;
  options.budget_bytes = 7;
  options.threads = 3;
  const auto rebuilt = rebuild(models(), writer_.log(), {}, options);
  ASSERT_TRUE(rebuilt) << rebuilt.error().text;
  for (const RebuiltModel& model : *rebuilt) EXPECT_EQ(model.equal, true) << model.name;
}

TEST_F(RecoveryTest, ATamperedModelIsUnequalToItsRebuild) {
  write_stream(writer_, 15, 500);
  complete_models();
  {
    const auto names = make_projection("merchant_risk", nullptr);
    auto store = Store::open(models() / "merchant_risk" / "gen-1",
                             {names->databases(), 1 << 30, names->schema_hash(), writer_.log().id()}, "boot");
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->write(writer_.durable(), [](WriteTransaction& out) { out.remove(0, "m1"); }));
    ASSERT_TRUE((*store)->sync());
  }
  const auto rebuilt = rebuild(models(), writer_.log(), {"merchant_risk"});
  ASSERT_TRUE(rebuilt) << rebuilt.error().text;
  EXPECT_EQ(rebuilt->at(0).equal, false);
}

TEST_F(RecoveryTest, ARebuildOfAnUnknownModelNamesTheKnownOnes) {
  const auto rebuilt = rebuild(models(), writer_.log(), {"alert"});
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().kind, ErrorKind::invalid);
  EXPECT_NE(rebuilt.error().text.find("merchant_risk"), std::string::npos);
}

TEST_F(RecoveryTest, ARebuildBesideAWriterIsLockedOut) {
  const auto lock = DirectoryLock::acquire(models());
  ASSERT_TRUE(lock);
  const auto rebuilt = rebuild(models(), writer_.log());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().kind, ErrorKind::locked);
}

TEST_F(RecoveryTest, AnEventThatCannotBeAppliedStopsTheRebuildAndLeavesTheOldInService) {
  write_stream(writer_, 16, 200);
  complete_models();
  writer_.unappliable();
  writer_.settle();
  const auto rebuilt = rebuild(models(), writer_.log(), {"merchant_risk"});
  ASSERT_FALSE(rebuilt);
  EXPECT_NE(rebuilt.error().text.find("merchant_risk"), std::string::npos);
  EXPECT_NE(rebuilt.error().text.find("position " + std::to_string(writer_.durable().value())), std::string::npos)
      << rebuilt.error().text;
  EXPECT_EQ(Generations(models(), "merchant_risk").current()->value(), 1u);
  EXPECT_TRUE(fs::exists(models() / "merchant_risk" / "gen-1" / "data.mdb"));
}

TEST_F(RecoveryTest, EventsNoModelFoldsArePassedOverAndStillMoveTheCheckpoint) {
  writer_.unappliable();  // a transaction, and this model folds none
  writer_.quarantined("{bad", "bad_json");
  writer_.unappliable();
  writer_.settle();
  auto model = open("quarantine");
  auto fold = Fold::begin(writer_.log(), {model.get()});
  EXPECT_EQ(fold->apply_batch(1, Position{~0ull}).value(), 1u);
  EXPECT_EQ(model->applied(), Position{1});
  EXPECT_EQ(fold->apply_batch(10, Position{~0ull}).value(), 2u);
  ASSERT_TRUE(model->sync());
  EXPECT_EQ(model->status().checkpoint, Position{3});
}

TEST_F(RecoveryTest, AParkedModelDoesNotStopTheOthers) {
  write_stream(writer_, 17, 200);
  complete_models();
  {
    const auto names = make_projection("customer_profile", nullptr);
    auto store = Store::open(models() / "customer_profile" / "gen-1",
                             {names->databases(), 1 << 30, names->schema_hash(), writer_.log().id()}, "boot");
    ASSERT_TRUE((*store)->write(writer_.durable(), [](WriteTransaction& out) { out.put(0, "alice", "?"); }));
    ASSERT_TRUE((*store)->sync());
  }
  const Position before = writer_.durable();
  writer_.decided({.id = "t1"});
  writer_.settle();
  auto all = open_all();
  fold_to_end(all, 1, 10, 2);
  for (const auto& model : all) {
    const bool spoilt = model->name() == "customer_profile";
    EXPECT_EQ(model->parked(), spoilt) << model->name();
    EXPECT_EQ(model->applied(), spoilt ? before : writer_.durable());
  }
  EXPECT_NE(all[0]->status().reason.find("cannot be read"), std::string::npos) << all[0]->status().reason;
}

// alice's row cannot be read: customer_profile parks before her next payment, the others go on.
TEST_F(RecoveryTest, AnAnswerClaimsAndWaitsForNoMoreThanItsOwnModelsKnow) {
  writer_.decided({.id = "a1", .customer = "alice"});
  writer_.decided({.id = "b1", .customer = "bob"});
  writer_.settle();
  complete_models();
  {
    const auto names = make_projection("customer_profile", nullptr);
    auto store = Store::open(models() / "customer_profile" / "gen-1",
                             {names->databases(), 1 << 30, names->schema_hash(), writer_.log().id()}, "boot");
    ASSERT_TRUE((*store)->write(writer_.durable(), [](WriteTransaction& out) { out.put(0, "alice", "?"); }));
    ASSERT_TRUE((*store)->sync());
  }
  const Position parked = writer_.durable();
  writer_.decided({.id = "a2", .customer = "alice"});
  writer_.decided({.id = "b2", .customer = "bob"});
  const Position last = writer_.settle();
  auto opened = ReadModels::open(models(), writer_.log(), {.boot_id = "boot"});
  ASSERT_TRUE(opened) << opened.error().text;
  const ReadModels& live = **opened;
  constexpr std::string_view kProfile[] = {"customer_profile"}, kOthers[] = {"merchant_risk", "snapshots", "alerts"};
  EXPECT_TRUE(live.wait_for(last, std::chrono::seconds(20), kOthers));
  EXPECT_FALSE(live.wait_for(last, std::chrono::seconds(20), kProfile));
  EXPECT_TRUE(live.wait_for(parked, std::chrono::seconds(20), kProfile));
  EXPECT_EQ(live.applied_by(kOthers), last);
  EXPECT_EQ(live.applied_by(kProfile), parked);

  const auto bob = live.state_as_of(EntityKind::customer, "bob", last);
  ASSERT_TRUE(bob && *bob);
  EXPECT_EQ((*bob)->as_of, parked);
  EXPECT_EQ((*bob)->state.lifetime.transactions, 1u);
  const auto bakery = live.state_as_of(EntityKind::merchant, "bakery", last);
  ASSERT_TRUE(bakery && *bakery);
  EXPECT_EQ((*bakery)->as_of, last);
  EXPECT_EQ((*bakery)->state.lifetime.transactions, 4u);

  (void)(*opened)->close();  // says that one is parked
  const auto stored = ReadModels::open_read_only(models(), &writer_.log());
  ASSERT_TRUE(stored);
  EXPECT_TRUE((*stored)->wait_for(last, std::chrono::milliseconds(0), kOthers));
  EXPECT_FALSE((*stored)->wait_for(last, std::chrono::milliseconds(0), kProfile));
  EXPECT_EQ((*stored)->state_as_of(EntityKind::customer, "bob", last)->value().as_of, parked);
  EXPECT_EQ((*stored)->state_as_of(EntityKind::merchant, "bakery", last)->value().as_of, last);
}

TEST_F(RecoveryTest, AModelOfAnotherSchemaIsMadeAnewBesideTheOldOne) {
  write_stream(writer_, 18, 300);
  complete_models();
  const auto expected = undisturbed();
  {
    const auto names = make_projection("alerts", nullptr);
    auto store = Store::open(models() / "alerts" / "gen-2",
                             {names->databases(), 1 << 30, names->schema_hash() + 1, writer_.log().id()}, "boot");
    ASSERT_TRUE((*store)->write(Position{7}, [](WriteTransaction&) {}));
    ASSERT_TRUE((*store)->sync());
    ASSERT_TRUE(Generations(models(), "alerts").promote(2));
  }
  auto model = open("alerts");
  EXPECT_EQ(model->status().state, ModelState::rebuilding);
  EXPECT_NE(model->status().reason.find("another version"), std::string::npos) << model->status().reason;
  EXPECT_EQ(Generations(models(), "alerts").current()->value(), 2u);  // not before it is complete
  std::vector<std::unique_ptr<HostedModel>> one;
  one.push_back(std::move(model));
  fold_to_end(one, 1, 50, 3);
  EXPECT_EQ(one[0]->status().state, ModelState::following);
  EXPECT_EQ(Generations(models(), "alerts").current()->value(), 3u);
  EXPECT_EQ(digests(one).at("alerts"), expected.at("alerts"));
}

TEST_F(RecoveryTest, AModelOfAnotherLogIsMadeAnew) {
  write_stream(writer_, 19, 100);
  complete_models();
  LogWriter other(directory_.path() / "other");
  auto model = HostedModel::open(models(), "alerts", other.log(), {});
  ASSERT_TRUE(model) << model.error().text;
  EXPECT_NE((*model)->status().reason.find("belongs to the log"), std::string::npos) << (*model)->status().reason;
  EXPECT_EQ((*model)->applied(), Position{0});
}

TEST_F(RecoveryTest, ACheckpointAheadOfTheLogIsRefused) {
  write_stream(writer_, 20, 100);
  complete_models();
  {
    const auto names = make_projection("alerts", nullptr);
    auto store = Store::open(models() / "alerts" / "gen-1",
                             {names->databases(), 1 << 30, names->schema_hash(), writer_.log().id()}, "boot");
    ASSERT_TRUE((*store)->write(next(writer_.durable()), [](WriteTransaction&) {}));
  }
  auto opened = ReadModels::open(models(), writer_.log(), {.boot_id = "boot"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::damaged);
  EXPECT_NE(opened.error().text.find("vigil restore"), std::string::npos);
}

TEST_F(RecoveryTest, APowerLossDiscardsUnsyncedCommitsAndASyncedModelStays) {
  write_stream(writer_, 21, 300);
  complete_models();
  EXPECT_EQ(open("alerts", "next boot")->applied(), writer_.durable());  // synced: trusted
  {
    const Position before = writer_.durable();
    write_stream(writer_, 22, 50);
    std::vector<std::unique_ptr<HostedModel>> one;
    one.push_back(open("alerts"));
    EXPECT_EQ(one[0]->applied(), before);
    fold_to_end(one, 1, 10, 1);
  }  // committed, not synced
  EXPECT_GT(open("alerts", "boot")->applied(), Position{300});  // the machine stayed up: the commits stand
  auto model = open("alerts", "next boot");
  EXPECT_EQ(model->applied(), Position{0});
  EXPECT_NE(model->status().reason.find("went down"), std::string::npos) << model->status().reason;
}

TEST_F(RecoveryTest, ADamagedFileIsNoticedAndTheModelMadeAnew) {
  write_stream(writer_, 23, 500);
  complete_models();
  const fs::path file = models() / "alerts" / "gen-1" / "data.mdb";
  fs::resize_file(file, fs::file_size(file) / 2 / 4096 * 4096);
  auto shorter = open("alerts");
  EXPECT_EQ(shorter->status().state, ModelState::rebuilding);
  EXPECT_NE(shorter->status().reason.find("shorter than its contents"), std::string::npos);
  std::fstream(models() / "merchant_risk" / "gen-1" / "data.mdb", std::ios::in | std::ios::out | std::ios::binary)
      << std::string(8192, 'x');
  EXPECT_EQ(open("merchant_risk")->status().state, ModelState::rebuilding);
  auto refused = HostedModel::open_read_only(models(), "alerts", &writer_.log());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::damaged);
}

TEST_F(RecoveryTest, ReadOnlyModelsSeeTheCheckpointAndAnswer) {
  writer_.decided({.id = "t1"});
  writer_.alerted("t1", "velocity");
  writer_.settle();
  complete_models();
  auto opened = ReadModels::open_read_only(models(), &writer_.log());
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ((*opened)->applied(), Position{2});
  EXPECT_TRUE((*opened)->wait_for(Position{2}, 0ms));
  EXPECT_FALSE((*opened)->wait_for(Position{3}, 0ms));
  EXPECT_EQ((*opened)->customer("alice")->value().state.alerts, 1u);
  EXPECT_EQ((*opened)->alerts({})->size(), 1u);
  EXPECT_EQ((*opened)->state_as_of(EntityKind::merchant, "bakery", Position{1})->value().state.alerts, 0u);
  for (const ModelStatus& status : (*opened)->status()) EXPECT_EQ(status.checkpoint, Position{2});
  auto without_log = ReadModels::open_read_only(models());
  EXPECT_FALSE(without_log && (*without_log)->state_as_of(EntityKind::customer, "alice", Position{1}));
}

TEST_F(RecoveryTest, AReadTransactionHeldOpenSeesOneStateAcrossCommits) {
  writer_.decided({.id = "t0", .device = "d0"});
  writer_.settle();
  auto model = open("customer_profile");
  auto fold = Fold::begin(writer_.log(), {model.get()});
  ASSERT_TRUE(fold->apply_batch(10, Position{~0ull}));
  ASSERT_TRUE(model->flush());
  auto held = model->store().read();
  ASSERT_TRUE(held) << held.error().text;
  const auto entry = [&] { return std::string(*held->get(0, "alice").value()); };
  const std::string before = entry();
  for (int i = 1; i <= 50; ++i) {
    writer_.decided({.id = "t" + std::to_string(i), .device = "d" + std::to_string(i)});
    writer_.settle();
    ASSERT_TRUE(fold->apply_batch(10, Position{~0ull}));
    ASSERT_TRUE(model->flush());
    ASSERT_EQ(entry(), before) << "after commit " << i;
  }
  auto now = model->store().read();
  EXPECT_NE(std::string(*now->get(0, "alice").value()), before);
}

// Waits for the child and gives its exit code, or 255.
int exit_code_of(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 255;
  return WEXITSTATUS(status);
}

// What the second process does: 0 when every state it saw until `end` was whole and none older than the one before.
int watch_bakery(const fs::path& models, std::uint64_t end) {
  auto model = HostedModel::open_read_only(models, "merchant_risk", nullptr);
  if (!model) return 1;
  std::uint64_t seen = 0;
  while (seen < end) {
    const std::uint64_t checkpoint = (*model)->status().checkpoint.value();
    auto bakery =
        (*model)->read<MerchantRiskModel>([](auto& risk, auto& view) { return risk.merchant(view, "bakery"); });
    if (!bakery || !*bakery) return 2;
    const EntityState& state = (*bakery)->state;
    if (state.events < std::max(seen, checkpoint)) return 3;  // every event is the bakery's
    if (state.newest.value() != state.events || state.lifetime.transactions != state.events) return 4;
    if (state.lifetime.amount_sum_minor != static_cast<std::int64_t>(state.events) * 1000) return 5;
    seen = state.events;
  }
  return 0;
}

TEST_F(RecoveryTest, AnotherProcessReadsWholeStatesWhileTheWriterCommits) {
  constexpr std::uint64_t kPayments = 400;
  // Forked before the environment is opened: LMDB's must not cross a fork.
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const TemporaryDirectory elsewhere;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char go = 0;
    ::alarm(60);  // outlives no test that fails
    ::close(ready[1]);
    ::_exit(::read(ready[0], &go, 1) == 1 ? watch_bakery(elsewhere.path(), kPayments) : 100);
  }
  ::close(ready[0]);
  HostOptions options;
  options.boot_id = "boot";
  auto model = HostedModel::open(elsewhere.path(), "merchant_risk", writer_.log(), options);
  ASSERT_TRUE(model) << model.error().text;
  auto fold = Fold::begin(writer_.log(), {model->get()});
  for (std::uint64_t i = 0; i < kPayments; ++i) {
    writer_.decided({.id = "t" + std::to_string(i)});
    writer_.settle();
    ASSERT_TRUE(fold->apply_batch(10, Position{~0ull}));
    ASSERT_TRUE((*model)->flush());
    if (i > 0) continue;
    ASSERT_EQ(::write(ready[1], "g", 1), 1);
  }
  EXPECT_EQ(exit_code_of(child), 0);
  ::close(ready[1]);
}

TEST_F(RecoveryTest, ReadOnlyWithoutModelsIsNotFound) {
  auto opened = ReadModels::open_read_only(models());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::not_found);
}

TEST_F(RecoveryTest, LiveModelsCommitByAgeAndResumeAfterClosing) {
  write_stream(writer_, 24, 400);
  std::atomic<std::int64_t> now{0};
  ReadModelsOptions options;
  options.boot_id = "boot";
  options.clock = [&] { return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(now.load())); };
  auto live = ReadModels::open(models(), writer_.log(), options);
  ASSERT_TRUE(live) << live.error().text;
  ASSERT_TRUE((*live)->wait_for(writer_.durable(), 20s));
  ASSERT_TRUE((*live)->flush());
  writer_.decided({.id = "t1"});
  writer_.settle();
  ASSERT_TRUE((*live)->wait_for(writer_.durable(), 20s));
  EXPECT_LT((*live)->status()[0].checkpoint, writer_.durable());  // folded, and the second has not passed
  now = 2'000'000'000;
  writer_.decided({.id = "t2"});
  writer_.settle();
  while ((*live)->status()[0].checkpoint < Position{writer_.durable().value() - 1}) std::this_thread::yield();
  ASSERT_TRUE((*live)->wait_for(writer_.durable(), 20s));  // close() commits what is folded, no more
  ASSERT_TRUE((*live)->close());
  auto all = open_all();
  EXPECT_EQ(all[0]->applied(), writer_.durable());
  EXPECT_EQ(digests(all), undisturbed());
}

}  // namespace
}  // namespace vigil::projections
