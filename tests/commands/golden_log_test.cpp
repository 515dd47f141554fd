// A whole log as this version writes it, kept for ever: tests/golden/log/v1. To write that of a new format version, run
// this test with VIGIL_WRITE_GOLDEN=1 and look at what changed.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "commands/engine.h"
#include "eventlog/storage/frame.h"
#include "eventlog/storage/posix_environment.h"
#include "eventlog/storage/segment.h"
#include "projections/read_models.h"
#include "tests/commands/event_dump.h"

namespace vigil::commands::golden_log {
namespace {

namespace fs = std::filesystem;
using eventlog::Code;
using eventlog::ErrorKind;
using eventlog::EventTime;
using eventlog::LabelKind;

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kStartUs = 1'700'000'000 * kSecondUs;

fs::path golden(const std::string& name) { return fs::path(VIGIL_SOURCE_DIR) / "tests/golden/log/v1" / name; }

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string compressed(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 19));
  return out;
}
std::string decompressed(const std::string& bytes) {
  std::string out(ZSTD_getFrameContentSize(bytes.data(), bytes.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size()), out.size());
  return out;
}

// The machine, but for a clock that is set and random bits that are the same every time.
class FixedEnvironment : public eventlog::PosixEnvironment {
 public:
  eventlog::IngestTime now() override { return eventlog::IngestTime{now_us}; }
  void random(std::span<std::byte> bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i + 1);
  }
  std::atomic<std::int64_t> now_us = kStartUs;
};

constexpr std::string_view kFeatures = R"([[feature]]
name = "customer_count_1h"
entity = "customer"
aggregate = "count"
window = "1h"

[[feature]]
name = "customer_mean_7d"
entity = "customer"
aggregate = "mean"
field = "amount_base"
window = "7d"

[[feature]]
name = "merchant_frauds_7d"
entity = "merchant"
aggregate = "fraud_count"
window = "7d"

[[feature]]
name = "device_last_country"
entity = "device"
aggregate = "last"
field = "country"

[[feature]]
name = "abroad"
aggregate = "expression"
expression = "country != card_country"
)";

constexpr std::string_view kRules = R"([thresholds]
review_score = 50
decline_score = 100

[[rule]]
id = "velocity"
when = "customer_count_1h >= 3"
outcome = "review"
score = 20
severity = "P2"
cooldown = "1h"

[[rule]]
id = "blocked"
when = 'customer_id in list "blocked"'
outcome = "decline"
score = 100
severity = "P0"

[[rule]]
id = "abroad"
when = "abroad"
outcome = "approve"
score = 15
alert = false
)";

EngineOptions options() {
  EngineOptions options;
  options.log.segment_bytes = 4 << 20;
  options.features_toml = kFeatures;
  options.rules_toml = kRules;
  options.policy.clock = ReferenceClock::stream;
  return options;
}

// Gives one command after the other, a second apart, each a commit of its own.
class Author {
 public:
  Author(FixedEnvironment& environment, Engine& engine) : environment_(environment), engine_(engine) {}

  void run(CommandBody body, std::string_view raw = "{}", ReplyStatus expected = ReplyStatus::applied) {
    environment_.now_us += kSecondUs;
    const Command command{std::move(body), raw, "golden"};
    std::vector<Reply> replies;
    const auto taken = engine_.submit(std::span(&command, 1), replies);
    ASSERT_TRUE(taken && *taken == 1);
    ASSERT_TRUE(replies.front().status == expected) << name(replies.front().status);
    ASSERT_TRUE(engine_.settle());
  }
  void pay(std::string_view id, std::string_view customer, std::int64_t minor, bool everything = false) {
    eventlog::Transaction t;
    t.id = id;
    t.event_time = EventTime{kStartUs + ++payments_ * kSecondUs};
    t.customer_id = customer;
    t.merchant_id = payments_ % 2 == 0 ? "merchant-a" : "merchant-b";
    t.amount = {minor, *Code::parse(everything ? "USD" : "EUR")};
    if (everything) {
      t.device_id = "device-1";
      t.country = *Code::parse("FR");
      t.card_country = *Code::parse("DE");
      t.category = "grocery";
      t.channel = "online";
      t.status = eventlog::Status::pending;
      t.place = eventlog::Place{488'566'000, 23'522'000};
      t.extra = R"({"terminal":"x"})";
    }
    run(SubmitTransaction{t}, "{}", ReplyStatus::decided);
  }
  void label(std::string_view id, std::uint16_t version, LabelKind kind) {
    run(ReportLabel{id, version, kind, EventTime{kStartUs + 86'400 * kSecondUs}, "chargeback"});
  }
  // Rules with a long comment, so that few commits fill a segment and compress to nothing.
  void fill_segment() {
    for (int i = 0; i < 8; ++i) {
      const std::string text =
          "# " + std::to_string(i) + std::string(450'000, static_cast<char>('a' + i)) + "\n" + std::string(kRules);
      run(ActivateRules{text, "rules.toml"});
    }
  }

 private:
  FixedEnvironment& environment_;
  Engine& engine_;
  std::int64_t payments_ = 0;
};

void write_log(FixedEnvironment& environment, const fs::path& data) {
  auto opened = Engine::open(environment, data, options());
  ASSERT_TRUE(opened) << opened.error().text;
  Author author(environment, **opened);
  author.run(UpdateCustomer{{"customer-1", eventlog::Place{488'566'000, 23'522'000}, *Code::parse("FR"), "gold"}});
  author.run(UpdateMerchant{{"merchant-a", "A \xC3\xA9picerie", "grocery", *Code::parse("FR"), {}}});
  author.run(UpdateList{{"blocked", {"customer-9", "customer-8"}, {}}});
  author.run(UpdateList{{"blocked", {}, {"customer-8"}}});
  author.run(UpdateRate{{*Code::parse("USD"), *Code::parse("EUR"), 923'400'000}});
  author.pay("t-1", "customer-1", 1'000, true);
  author.pay("t-2", "customer-1", 2'550);
  author.pay("t-3", "customer-1", 99'999, true);
  author.pay("t-4", "customer-9", 1);
  author.label("t-1", 1, LabelKind::fraud);
  author.label("t-1", 1, LabelKind::genuine);
  author.run(Unacceptable{"t-5", {{"bad_amount", "amount", "no number"}, {"bad_time", "", "no time"}}}, "{\"\\\x01",
             ReplyStatus::quarantined);
  author.run(ActivateFeatures{std::string(kFeatures) + "# second\n", "features.toml"});
  author.fill_segment();
  author.pay("t-6", "customer-1", 777, true);
  author.pay("t-7", "customer-2", 778);
  author.label("t-6", 1, LabelKind::chargeback);
  // The index of the full segment is written beside the commits, and by nobody once the log is closed.
  while (!fs::exists(data / "log" / eventlog::index_name(1))) std::this_thread::yield();
  ASSERT_TRUE((*opened)->close());
}

class GoldenLog : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("vigil-golden-" + std::to_string(::getpid()) + "-" +
                                         ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
    if (std::getenv("VIGIL_WRITE_GOLDEN") != nullptr) write_golden();
    for (const auto& entry : fs::directory_iterator(golden("."))) {
      if (entry.path().extension() == ".zst") {
        write_file(log() / entry.path().stem(), decompressed(read_file(entry.path())));
      }
    }
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path data() const { return root_ / "data"; }
  fs::path log() const { return data() / "log"; }

  // Names and contents of what makes a log, without what a writer keeps beside it.
  static std::map<std::string, std::string> files(const fs::path& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename();
      if (name.ends_with(".seg") || name.ends_with(".idx") || name == "CLEAN") files[name] = read_file(entry.path());
    }
    return files;
  }
  std::string events() {
    const auto reader = eventlog::LogReader::open(environment_, log());
    if (!reader) return reader.error().text;
    std::string text;
    auto cursor = (*reader)->read_from(eventlog::Position{1});
    while (const auto record = *(*cursor)->next()) text += testing::EventDump::of(*record) + '\n';
    return text;
  }
  // What is folded from the log: the state decisions are made on, and every read model.
  std::string digests() {
    auto engine = Engine::open(environment_, data(), options());
    if (!engine) return engine.error().text;
    char state[32];
    std::snprintf(state, sizeof state, "%016llx", static_cast<unsigned long long>((*engine)->state().digest()));
    std::string text = "decision_state " + std::string(state) + '\n';
    auto models = projections::ReadModels::open(data() / "models", (*engine)->log());
    if (!models) return models.error().text;
    EXPECT_TRUE((*models)->flush());
    for (const projections::ModelStatus& model : (*models)->status()) {
      text += model.name + ' ' + model.digest + " @" + std::to_string(model.checkpoint.value()) + '\n';
    }
    EXPECT_TRUE((*models)->close());
    return text;
  }
  void write_golden() {
    FixedEnvironment environment;
    write_log(environment, data());
    for (const auto& [name, bytes] : files(log())) write_file(golden(name + ".zst"), compressed(bytes));
    write_file(golden("events.txt"), events());
    write_file(golden("digests.txt"), digests());
    fs::remove_all(data());
  }
  void patch(const fs::path& file, std::size_t offset, std::span<const std::byte> bytes) {
    std::string all = read_file(file);
    std::memcpy(all.data() + offset, bytes.data(), bytes.size());
    write_file(file, all);
  }

  fs::path root_;
  FixedEnvironment environment_;
};

TEST_F(GoldenLog, HoldsEveryKindOfEventInTwoSegmentsWithAnIndexAndACleanEnd) {
  std::set<std::uint16_t> types;
  const auto reader = eventlog::LogReader::open(environment_, log());
  ASSERT_TRUE(reader) << reader.error().text;
  auto cursor = (*reader)->read_from(eventlog::Position{1});
  while (const auto record = *(*cursor)->next()) types.insert(record->type);
  EXPECT_EQ(types.size(), static_cast<std::size_t>(eventlog::EventType::rules_activated));
  std::multiset<std::string> kinds;
  for (const auto& [name, bytes] : files(log())) kinds.insert(fs::path(name).extension().string());
  EXPECT_EQ(kinds, (std::multiset<std::string>{"", ".idx", ".seg", ".seg"}));
}

TEST_F(GoldenLog, EveryEventReadsAsItDidWhenItWasWritten) { EXPECT_EQ(events(), read_file(golden("events.txt"))); }

TEST_F(GoldenLog, ChecksOutFromTheFirstByteToTheLast) {
  const auto verified = eventlog::verify(environment_, log());
  ASSERT_TRUE(verified) << verified.error().text;
  EXPECT_EQ(verified->segments, 2u);
  EXPECT_EQ(verified->torn_tail, "");
  const std::string text = read_file(golden("events.txt"));
  EXPECT_EQ(verified->records, static_cast<std::uint64_t>(std::ranges::count(text, '\n')));
}

TEST_F(GoldenLog, OpensCleanAndFoldsToTheSameState) {
  {
    const auto opened = eventlog::Log::open(environment_, log(), options().log);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_TRUE((*opened)->recovery().clean_shutdown);
  }
  EXPECT_EQ(digests(), read_file(golden("digests.txt")));
}

TEST_F(GoldenLog, GoesOnToBeWritten) {
  auto engine = Engine::open(environment_, data(), options());
  ASSERT_TRUE(engine) << engine.error().text;
  environment_.now_us = kStartUs + 86'400 * kSecondUs;
  const eventlog::Position before = (*engine)->log().durable();
  Author(environment_, **engine).pay("t-new", "customer-1", 5);
  EXPECT_GT((*engine)->log().durable(), before);
  ASSERT_TRUE((*engine)->close());
  EXPECT_TRUE(eventlog::verify(environment_, log()));
}

TEST_F(GoldenLog, IsWhatTheSameInputIsWrittenAsToday) {
  FixedEnvironment environment;
  write_log(environment, root_ / "again");
  const auto today = files(root_ / "again/log"), then = files(log());
  ASSERT_EQ(today.size(), then.size());
  for (const auto& [name, bytes] : then) EXPECT_TRUE(today.at(name) == bytes) << name << " is written differently";
}

// A newer format may write frames this Vigil knows nothing of. Its segments say so before any frame is looked at: the
// refusal is not one of damage, and nothing is taken for a torn tail and cut.
TEST_F(GoldenLog, FramesOfANewerFormatAreRefusedByTheirSegmentAndLeftAlone) {
  const fs::path first = log() / eventlog::segment_name(1);
  std::string last_name;
  for (const auto& [name, bytes] : files(log())) last_name = name.ends_with(".seg") ? name : last_name;
  for (const fs::path& segment : {log() / last_name, first}) {
    eventlog::SegmentHeader header;
    std::memcpy(&header, read_file(segment).data(), sizeof header);
    header.format_version = eventlog::kFormatVersion + 1;
    patch(segment, 0, eventlog::encode_segment_header(header));
    patch(segment, eventlog::kBlockBytes, std::as_bytes(std::span("VIGILFR2", 8)));
    fs::remove(log() / "CLEAN");
    const auto before = files(log());
    const auto opened = eventlog::Log::open(environment_, log(), options().log);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::unsupported_version);
    EXPECT_NE(opened.error().text.find("written in format 2, this Vigil reads format 1; use a newer Vigil"),
              std::string::npos)
        << opened.error().text;
    EXPECT_TRUE(files(log()) == before);
  }
}

// An index is no history: one of a newer format is made anew from its segment.
TEST_F(GoldenLog, AnIndexOfANewerFormatIsMadeAnew) {
  const fs::path index = log() / eventlog::index_name(1);
  const std::uint32_t newer = eventlog::kFormatVersion + 1;
  patch(index, 8, std::as_bytes(std::span(&newer, 1)));
  const auto reader = eventlog::LogReader::open(environment_, log());
  ASSERT_TRUE(reader) << reader.error().text;
  const auto found = (*reader)->find_key(eventlog::transaction_key("t-1"));
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_FALSE(found->empty());
}

TEST_F(GoldenLog, AnEventOfANewerVersionStopsTheOpeningAndSaysWhatToDo) {
  // The first segment's first record, with its frame sealed anew.
  const fs::path segment = log() / eventlog::segment_name(1);
  std::string all = read_file(segment);
  eventlog::FrameHeader header;
  std::memcpy(&header, all.data() + eventlog::kBlockBytes, sizeof header);
  const auto whole = std::as_writable_bytes(std::span(all))
                         .subspan(eventlog::kBlockBytes, eventlog::frame_bytes(header.payload_bytes));
  const std::uint16_t newer = 2;
  std::memcpy(&whole[eventlog::kFrameHeaderBytes + 6], &newer, sizeof newer);
  eventlog::Sha256 sha;
  eventlog::seal_frame(whole, header, sha);
  // Alone in its log: what follows it would not follow from its hash any more.
  std::fill(all.begin() + static_cast<std::ptrdiff_t>(eventlog::kBlockBytes + whole.size()), all.end(), '\0');
  fs::remove_all(log());
  write_file(segment, all);
  const auto engine = Engine::open(environment_, data(), options());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::unsupported_version);
  EXPECT_NE(
      engine.error().text.find("PolicyUpdated version 2 was written by a newer Vigil; upgrade this one to read it"),
      std::string::npos)
      << engine.error().text;
}

}  // namespace
}  // namespace vigil::commands::golden_log
