#include "commands/input_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>
#include <fstream>
#include <random>

namespace vigil::commands {
namespace {

namespace fs = std::filesystem;
using eventlog::ErrorKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kColumns = R"(
[columns]
transaction_id = "id"
event_time = { column = "t", unit = "s" }
customer_id = { column = "c", prefix = "c" }
merchant_id = "m"
amount = { column = "a", unit = "minor" }
[constants]
currency = "EUR"
)";
constexpr const char* kLabel = "[label]\ncolumn = \"f\"\nfraud = [\"1\"]\ndelay = \"10s\"\n";
const std::string kHeader = "id,t,c,m,a,f\n";

std::string compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// What a command says, in one line.
std::string describe(const Command& command) {
  struct Words {
    std::string operator()(const SubmitTransaction& c) const {
      return "tx " + std::string(c.transaction.id) + "@" + std::to_string(c.transaction.event_time.value()) + " " +
             std::string(c.transaction.customer_id) + " " + std::to_string(c.transaction.amount.minor);
    }
    std::string operator()(const ReportLabel& c) const {
      return std::string(eventlog::name(c.kind)) + " " + std::string(c.transaction_id) + "@" +
             std::to_string(c.reported_at.value()) + " " + std::string(c.source);
    }
    std::string operator()(const UpdateCustomer& c) const {
      return "customer " + std::string(c.update.customer_id) + " " + std::string(c.update.segment) +
             (c.update.home ? " " + std::to_string(c.update.home->latitude_e7) : "");
    }
    std::string operator()(const UpdateMerchant& c) const {
      return "merchant " + std::string(c.update.merchant_id) + " " + std::string(c.update.display_name);
    }
    std::string operator()(const Unacceptable& c) const {
      std::string out = "bad";
      for (const Reason& reason : c.reasons) out += " " + std::string(reason.code) + ":" + std::string(reason.field);
      return out;
    }
    std::string operator()(const UpdateList& c) const { return "list " + std::string(c.update.list); }
    std::string operator()(const UpdateRate&) const { return "rate"; }
    std::string operator()(const UpdatePolicy& c) const { return "policy " + std::string(c.text); }
    std::string operator()(const ActivateFeatures&) const { return "features"; }
    std::string operator()(const ActivateRules&) const { return "rules"; }
  };
  return std::visit(Words{}, command.body);
}

class InputReaderTest : public ::testing::Test {
 protected:
  InputReaderTest() {
    folder_ = fs::path(::testing::TempDir()) /
              ("vigil_input_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~InputReaderTest() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  fs::path map(const std::string& more = "") { return write("x.map.toml", more + kColumns); }

  std::unique_ptr<InputReader> open(const fs::path& input, const std::optional<fs::path>& with_map) {
    auto reader = InputReader::open(input, with_map);
    EXPECT_TRUE(reader) << reader.error().text;
    return reader ? std::move(*reader) : nullptr;
  }
  // "SOURCE RAW" is left out where a test does not care: only what each command says.
  std::vector<std::string> read_all(InputReader& reader, std::size_t count = 100) {
    std::vector<std::string> out;
    while (true) {
      const auto commands = reader.read(count);
      if (!commands) {
        out.push_back("error " + commands.error().text);
        return out;
      }
      if (commands->empty()) return out;
      EXPECT_LE(commands->size(), count);
      for (const Command& command : *commands) {
        out.push_back(describe(command));
        sources_.emplace_back(command.source);
        raws_.emplace_back(command.raw);
      }
    }
  }
  std::vector<std::string> rows(const std::string& csv, const std::string& more = "") {
    auto reader = open(write("tx.csv", csv), map(more));
    return reader ? read_all(*reader) : std::vector<std::string>{};
  }
  std::string refusal(const fs::path& input, const std::optional<fs::path>& with_map, ErrorKind kind) {
    const auto reader = InputReader::open(input, with_map);
    EXPECT_FALSE(reader);
    if (reader) return {};
    EXPECT_EQ(reader.error().kind, kind);
    return reader.error().text;
  }

  fs::path folder_;
  std::vector<std::string> sources_, raws_;
};

TEST_F(InputReaderTest, RowsBecomeTransactionsAsTheMapSays) {
  EXPECT_THAT(rows(kHeader + "t1,5,7,m,1234,0\nt2,6.5,8,m,1,1\n"),
              ElementsAre("tx t1@5000000 c7 1234", "tx t2@6500000 c8 1"));
  EXPECT_THAT(sources_, ElementsAre("tx.csv:2", "tx.csv:3"));
  EXPECT_THAT(raws_, ElementsAre("t1,5,7,m,1234,0", "t2,6.5,8,m,1,1"));
}

TEST_F(InputReaderTest, UnitsEpochsAndMajorAmountsAreExact) {
  const std::string columns =
      "[columns]\ntransaction_id = \"id\"\ncustomer_id = \"c\"\nmerchant_id = \"c\"\n"
      "currency = \"cur\"\nlatitude = \"lat\"\nlongitude = \"lon\"\namount = \"a\"\nevent_time = ";
  const auto one = [&](const std::string& time, const std::string& cell) {
    auto reader =
        open(write("u.csv", "id,c,cur,lat,lon,a,t\nt,c,KWD,1.5,2,1.5," + cell + "\n"), write("u.toml", columns + time));
    return read_all(*reader).at(0);
  };
  EXPECT_EQ(one("{ column = \"t\", unit = \"s\", epoch = \"1970-01-01T00:00:10Z\" }", "1.000001"),
            "tx t@11000001 c 1500");
  EXPECT_EQ(one("{ column = \"t\", unit = \"ms\" }", "1500.5"), "tx t@1500500 c 1500");
  EXPECT_EQ(one("{ column = \"t\", unit = \"us\" }", "7"), "tx t@7 c 1500");
  EXPECT_EQ(one("{ column = \"t\", format = \"rfc3339\" }", "1970-01-01T00:00:01Z"), "tx t@1000000 c 1500");
  EXPECT_EQ(one("\"t\"", "1970-01-01T00:00:01Z"), "tx t@1000000 c 1500");
  EXPECT_EQ(one("{ column = \"t\", unit = \"us\" }", "7.5"), "bad bad_time:event_time");
  EXPECT_EQ(one("{ column = \"t\", unit = \"s\" }", ""), "bad empty_field:event_time");
  EXPECT_EQ(one("{ column = \"t\", unit = \"s\", epoch = \"1970-01-01T00:00:10Z\" }", "-11"),
            "bad bad_time:event_time");
}

TEST_F(InputReaderTest, BadRowsAreReportedWithTheirLineAndTheRestGoesOn) {
  EXPECT_THAT(rows(kHeader + "t1,5,7,m,1,0\nt2,6\nt3,soon,8,m,x,1\nt4,7,9,m,1,0\n,8,,m,1,0\n"),
              ElementsAre("tx t1@5000000 c7 1", "bad bad_row:", "bad bad_time:event_time bad_amount:amount_minor",
                          "tx t4@7000000 c9 1", "bad empty_field:transaction_id empty_field:customer_id"));
  EXPECT_EQ(sources_[1], "tx.csv:3");
  EXPECT_EQ(raws_[1], "t2,6");
}

TEST_F(InputReaderTest, QuotesCommasAndNewlinesInCells) {
  EXPECT_THAT(rows(kHeader + "\"t,1\",5,\"say "
                             "\"\"hi\"\"\",m,1,0\r\n\"t2\",6,\"\",m,1,0\r\nt3,7,8,\"two\nlines\",1,0\nt4,8,9,m,1,0"),
              ElementsAre("tx t,1@5000000 csay \"hi\" 1", "bad empty_field:customer_id",
                          "bad bad_characters:merchant_id", "tx t4@8000000 c9 1"));
  EXPECT_THAT(sources_, ElementsAre("tx.csv:2", "tx.csv:3", "tx.csv:4", "tx.csv:6"));
}

TEST_F(InputReaderTest, AByteOrderMarkAndEmptyLinesAreSkipped) {
  EXPECT_THAT(rows("\xEF\xBB\xBF\n" + kHeader + "\r\nt1,5,7,m,1,0\n\n\n"), ElementsAre("tx t1@5000000 c7 1"));
  EXPECT_THAT(sources_, ElementsAre("tx.csv:4"));
}

TEST_F(InputReaderTest, ABrokenQuoteSpoilsItsOwnLineOnly) {
  EXPECT_THAT(rows(kHeader + "\"t1,5,7,m,1,0\nt2,6,7,m,1,0\nt3,7,\"x\"y,m,1,0\nt4,8,a\"b,m,1,0\nt5,9,7,m,1,0\n"),
              ElementsAre("bad bad_row:", "tx t2@6000000 c7 1", "bad bad_row:", "bad bad_row:", "tx t5@9000000 c7 1"));
  EXPECT_EQ(raws_[0], "\"t1,5,7,m,1,0");
}

TEST_F(InputReaderTest, ARowThatIsNotUtf8IsReported) {
  EXPECT_THAT(rows(kHeader + "t\xff,5,7,m,1,0\nt2,6,7,m,1,0\n"),
              ElementsAre("bad invalid_utf8:", "tx t2@6000000 c7 1"));
}

TEST_F(InputReaderTest, ALineBeyondTheLimitIsCutAndReported) {
  for (const char* end : {"\nt2,6,7,m,1,0\n", "\nt2,6,7,m,1,0"}) {
    raws_.clear();
    EXPECT_THAT(rows(kHeader + std::string(kMessageBytesMax * 3, 'x') + end),
                ElementsAre("bad bad_row:", "tx t2@6000000 c7 1"));
    EXPECT_EQ(raws_[0].size(), kQuarantineRawBytesMax);
    EXPECT_EQ(sources_.back(), "tx.csv:3");
  }
}

TEST_F(InputReaderTest, ALabelComesBeforeTheFirstTransactionAtOrAfterItsTime) {
  EXPECT_THAT(rows(kHeader + "t1,5,7,m,1,1\nt2,6,7,m,1,0\nt3,14,7,m,1,0\nt4,15,7,m,1,0\n", kLabel),
              ElementsAre("tx t1@5000000 c7 1", "tx t2@6000000 c7 1", "tx t3@14000000 c7 1", "fraud t1@15000000 file",
                          "tx t4@15000000 c7 1"));
}

TEST_F(InputReaderTest, LabelsComeByTimeThenRowAlsoWhenTransactionsAreLate) {
  EXPECT_THAT(
      rows(kHeader + "a,9,7,m,1,1\nb,5,7,m,1,1\nc,5,7,m,1,1\nd,5,7,m,1,0\ne,30,7,m,1,1\nf,20,7,m,1,0\n", kLabel),
      ElementsAre("tx a@9000000 c7 1", "tx b@5000000 c7 1", "tx c@5000000 c7 1", "tx d@5000000 c7 1",
                  "fraud b@15000000 file", "fraud c@15000000 file", "fraud a@19000000 file", "tx e@30000000 c7 1",
                  "tx f@20000000 c7 1"));
}

TEST_F(InputReaderTest, LabelsOfBadRowsAndOfTheFutureAreNotReported) {
  auto reader = open(write("tx.csv", kHeader + "a,5,7,m,x,1\nb,6,7,m,1,1\nc,15,7,m,1,1\nd,15,7,m,1,0\n"), map(kLabel));
  EXPECT_THAT(read_all(*reader), ElementsAre("bad bad_amount:amount_minor", "tx b@6000000 c7 1", "tx c@15000000 c7 1",
                                             "tx d@15000000 c7 1"));
  EXPECT_EQ(reader->labels_not_yet_known(), 2u);
}

TEST_F(InputReaderTest, GenuineAndChargebackLabelsWhenAskedFor) {
  EXPECT_THAT(rows(kHeader + "a,5,7,m,1,no\nb,6,7,m,1,cb\nc,7,7,m,1,?\nd,99,7,m,1,\n",
                   "[label]\ncolumn = \"f\"\ngenuine = [\"no\"]\nchargeback = [\"cb\"]\nsource = \"bank\"\n"),
              ElementsAre("tx a@5000000 c7 1", "genuine a@5000000 bank", "tx b@6000000 c7 1",
                          "chargeback b@6000000 bank", "tx c@7000000 c7 1", "tx d@99000000 c7 1"));
}

// A stream with late rows, bad rows, quotes and many labels.
std::string long_stream() {
  std::mt19937_64 random(3);
  std::string csv = kHeader;
  for (int i = 0; i < 3000; ++i) {
    const auto roll = random() % 20;
    csv += (roll == 0 ? "\"q" : "t") + std::to_string(i) + (roll == 0 ? "\"" : "") + "," +
           std::to_string(100 + i / 7 - static_cast<int>(random() % 9)) + ",7," + (roll == 1 ? "" : "m") + ",1," +
           (random() % 3 == 0 ? "1" : "0") + (roll == 2 ? ",x\n" : "\n");
  }
  return csv;
}

TEST_F(InputReaderTest, TheSameFileGivesTheSameCommandsForAnyReadSize) {
  const fs::path csv = write("tx.csv", long_stream()), zst = write("z/tx.csv", compressed(long_stream()));
  const fs::path with = map(kLabel);
  auto reader = open(csv, with);
  const std::vector<std::string> whole = read_all(*reader, 1'000'000);
  const std::vector<std::string> sources = std::exchange(sources_, {}), raws = std::exchange(raws_, {});
  EXPECT_GT(whole.size(), 3500u);
  for (const std::size_t count : {1u, 2u, 7u, 64u, 1000u}) {
    auto again = open(count == 7 ? zst : csv, with);
    EXPECT_EQ(read_all(*again, count), whole) << count;
    EXPECT_EQ(std::exchange(sources_, {}), sources);
    EXPECT_EQ(std::exchange(raws_, {}), raws);
  }
}

TEST_F(InputReaderTest, ZstdIsKnownByItsContentAndProgressCountsCompressedBytes) {
  const std::string csv = long_stream(), zst = compressed(csv);
  for (const char* name : {"tx.csv.zst", "tx.bin"}) {
    auto reader = open(write(name, zst), map());
    EXPECT_EQ(reader->bytes_total(), zst.size());
    read_all(*reader);
    EXPECT_EQ(reader->bytes_done(), zst.size());
  }
  auto several = open(write("two.zst", compressed(kHeader) + compressed("t1,5,7,m,1,0\n")), map());
  EXPECT_THAT(read_all(*several), ElementsAre("tx t1@5000000 c7 1")) << "frames one behind the other are one text";
}

TEST_F(InputReaderTest, TruncatedAndBrokenZstdAreErrorsAfterWhatCouldBeRead) {
  const std::string good = compressed(kHeader + "t1,5,7,m,1,0\n"), rest = compressed(long_stream());
  auto truncated = open(write("t.zst", good + rest.substr(0, rest.size() - 9)), map());
  EXPECT_THAT(read_all(*truncated),
              ElementsAre("tx t1@5000000 c7 1", HasSubstr("t.zst: the zstd data ends too early, at byte")));
  EXPECT_FALSE(truncated->read(1)) << "an error stays one";
  std::string broken = rest;
  broken.replace(rest.size() / 2, 40, std::string(40, '\x55'));
  auto damaged = open(write("b.zst", good + broken), map());
  EXPECT_THAT(read_all(*damaged), ElementsAre("tx t1@5000000 c7 1", HasSubstr("b.zst: broken zstd data")));
  EXPECT_THAT(refusal(write("h.zst", rest.substr(0, 9)), map(), ErrorKind::damaged), HasSubstr("ends too early"));
  EXPECT_THAT(refusal(write("n.csv.zst", kHeader), map(), ErrorKind::damaged), HasSubstr("is not zstd data"));
}

TEST_F(InputReaderTest, JsonLinesNeedNoMap) {
  auto reader = open(
      write("tx.jsonl", R"({"transaction_id":"t\u0031","event_time":5,"customer_id":"c",)"
                        R"("merchant_id":"m","amount_minor":1,"currency":"EUR","x":1})"
                        "\r\n\n"
                        R"({"op":"customer","customers":[{"customer_id":"a"},{"customer_id":1},{"customer_id":"b"}]})"
                        "\nnonsense\n"
                        R"({"op":"query","what":1})"
                        "\n"
                        R"({"op":"list","list":{"list":"blocked","add":["x"]}})"),
      std::nullopt);
  for (const std::size_t count : {1u, 2u, 100u}) {
    auto again = open(folder_ / "tx.jsonl", std::nullopt);
    sources_.clear();
    EXPECT_THAT(read_all(*again, count),
                ElementsAre("tx t1@5 c 1", "customer a ", "bad wrong_type:customer_id", "customer b ",
                            "bad broken_json:", "bad unknown_operation:op", "list blocked"));
    EXPECT_THAT(sources_, ElementsAre("tx.jsonl:1", "tx.jsonl:3", "tx.jsonl:3", "tx.jsonl:3", "tx.jsonl:4",
                                      "tx.jsonl:5", "tx.jsonl:6"));
  }
}

TEST_F(InputReaderTest, JsonLinesMayBeMappedByColumnsToo) {
  auto reader = open(write("tx.jsonl",
                           "{\"id\":\"t\\u0031\",\"t\":5,\"c\":7,\"m\":\"m\",\"a\":12,\"other\":[1],\"f\":1}\n"
                           "{\"id\":\"t2\",\"t\":15,\"c\":null,\"m\":{},\"a\":12}\n"
                           "{\"id\":\"t3\",\"t\":16,\"c\":null,\"m\":\"m\",\"a\":12}\n[]\n{\n"
                           "{\"id\":\"t4\",\"t\":17,\"c\":1,\"m\":\"m\",\"a\":12}\n"),
                     map(std::string("format = \"jsonl\"\n") + kLabel));
  EXPECT_THAT(read_all(*reader),
              ElementsAre("tx t1@5000000 c7 12", "bad wrong_type:m", "bad empty_field:customer_id",
                          "bad wrong_type:", "bad broken_json:", "fraud t1@15000000 file", "tx t4@17000000 c1 12"));
}

TEST_F(InputReaderTest, ThePolicyOfTheMapIsHandedOn) {
  auto reader = open(write("tx.csv", kHeader), map("[policy]\namount_minor_min = 0\nclock = \"stream\"\n"));
  ASSERT_TRUE(reader->policy());
  EXPECT_EQ(reader->policy()->amount_minor_min, 0);
  EXPECT_EQ(reader->policy()->clock, ReferenceClock::stream);
  EXPECT_FALSE(open(write("tx.csv", kHeader), map())->policy());
  EXPECT_THAT(refusal(write("tx.csv", kHeader), map("[policy]\nclok = \"stream\"\n"), ErrorKind::invalid),
              HasSubstr("x.map.toml:2:1: unknown key 'clok'; did you mean 'clock'?"));
}

class ReferenceTest : public InputReaderTest {
 protected:
  ReferenceTest() {
    write("maps/customers.map.toml",
          "kind = \"customer\"\n[columns]\ncustomer_id = { column = \"id\", prefix = \"c\" }\nlatitude = "
          "\"lat\"\n"
          "longitude = \"lon\"\nsegment = \"s\"\n");
    write("maps/merchants.map.toml", "kind = \"merchant\"\n[columns]\nmerchant_id = \"id\"\ndisplay_name = \"name\"\n");
    input_ = write("in/tx.csv", kHeader + "t1,5,7,m,1,0\n");
    map_ = write("maps/x.map.toml", std::string(kColumns) +
                                        "[[reference]]\nmap = \"customers.map.toml\"\nfiles = "
                                        "[\"customers.csv.zst\", \"customers.csv\"]\n"
                                        "search = [\"../far\"]\n[[reference]]\nmap = "
                                        "\"merchants.map.toml\"\nfiles = [\"merchants.csv\"]\n");
    write("maps/merchants.csv", "id,name\nm,Shop\n");
  }
  std::vector<std::string> read(std::size_t count) { return read_all(*open(input_, map_), count); }

  const std::string customers_ = "id,lat,lon,s\n7,1.5,2,vip\n8,,,\n9,91,2,\n";
  fs::path input_, map_;
};

TEST_F(ReferenceTest, ReferenceRowsComeFirst) {
  write("in/customers.csv", customers_);
  for (const std::size_t count : {1u, 3u, 100u}) {
    EXPECT_THAT(read(count), ElementsAre("customer c7 vip 15000000", "customer c8 ", "bad bad_place:latitude",
                                         "merchant m Shop", "tx t1@5000000 c7 1"));
  }
  EXPECT_EQ(sources_[2], "customers.csv:4");
}

TEST_F(ReferenceTest, TheFileIsLookedForBesideTheInputThenTheMapThenWhereItSays) {
  const auto first = [this] { return read(100).at(0); };
  write("far/customers.csv", "id,lat,lon,s\nfar,,,\n");
  EXPECT_EQ(first(), "customer cfar ");
  write("maps/customers.csv", "id,lat,lon,s\nmap,,,\n");
  EXPECT_EQ(first(), "customer cmap ");
  write("in/customers.csv", "id,lat,lon,s\nbeside,,,\n");
  EXPECT_EQ(first(), "customer cbeside ");
  write("in/customers.csv.zst", compressed("id,lat,lon,s\nzstd,,,\n"));
  EXPECT_EQ(first(), "customer czstd ");
}

TEST_F(ReferenceTest, AReferenceThatIsNowhereIsAnErrorThatSaysWhereItLooked) {
  const std::string text = refusal(input_, map_, ErrorKind::not_found);
  EXPECT_THAT(text, HasSubstr("x.map.toml: the reference file is nowhere"));
  EXPECT_THAT(text, HasSubstr((folder_ / "in/customers.csv.zst").string()));
  EXPECT_THAT(text, HasSubstr((folder_ / "far/customers.csv").string()));
}

TEST_F(ReferenceTest, AReferenceMustBeReferenceData) {
  write("in/customers.csv", customers_);
  write("maps/customers.map.toml", kColumns);
  EXPECT_THAT(refusal(input_, map_, ErrorKind::invalid), HasSubstr("as a reference it must have kind"));
}

TEST_F(InputReaderTest, FilesThatCannotBeReadAreErrors) {
  EXPECT_THAT(refusal(folder_ / "no.csv", map(), ErrorKind::not_found), HasSubstr("no.csv: open: No such file"));
  EXPECT_THAT(refusal(folder_, map(), ErrorKind::io), HasSubstr("is a directory"));
  EXPECT_THAT(refusal(write("tx.csv", kHeader), folder_ / "no.toml", ErrorKind::not_found), HasSubstr("no.toml"));
  EXPECT_THAT(refusal(write("tx.csv", ""), map(), ErrorKind::invalid), HasSubstr("is empty"));
  EXPECT_THAT(refusal(write("tx.csv", "\"a\n"), map(), ErrorKind::invalid), HasSubstr("tx.csv:1: the header has"));
  EXPECT_THAT(refusal(write("tx.csv.zst", compressed(kHeader)), std::nullopt, ErrorKind::invalid),
              HasSubstr("needs a map"));
}

TEST_F(InputReaderTest, AMissingColumnIsNamedWithThoseThereAre) {
  EXPECT_THAT(refusal(write("tx.csv", "id,t,c,m,amt\n"), map(), ErrorKind::invalid),
              HasSubstr("tx.csv: no column 'a'; it has id, t, c, m, amt"));
  EXPECT_THAT(refusal(write("tx.csv", "id,t,c,m,a,fraud\n"), map("[label]\ncolumn = \"fruad\"\nfraud = [\"1\"]\n"),
                      ErrorKind::invalid),
              HasSubstr("no column 'fruad'; it has id, t, c, m, a, fraud; did you mean 'fraud'?"));
}

TEST_F(InputReaderTest, MistakesInTheMapNameTheirPlace) {
  const fs::path csv = write("tx.csv", kHeader);
  const auto mistake = [&](const std::string& text) {
    return refusal(csv, write("bad.toml", text), ErrorKind::invalid);
  };
  EXPECT_THAT(mistake("format = \"cvs\"\n"),
              HasSubstr("bad.toml:1:10: 'cvs' is not csv or jsonl; did you mean 'csv'?"));
  EXPECT_THAT(mistake("kind = \"card\"\n"),
              HasSubstr("bad.toml:1:8: 'card' is not transaction or customer or merchant"));
  EXPECT_THAT(mistake("[colums]\n"), HasSubstr("unknown key 'colums'; did you mean 'columns'?"));
  EXPECT_THAT(mistake("[columns]\ncustomr_id = \"c\"\n"),
              HasSubstr("bad.toml:2:1: unknown key 'customr_id'; did you mean 'customer_id'?"));
  EXPECT_THAT(mistake("[columns]\ntransaction_id = \"c\"\n"),
              HasSubstr("neither [columns] nor [constants] says where 'event_time' comes from"));
  EXPECT_THAT(mistake("[columns]\ncountry = \"c\"\n[constants]\ncountry = \"DE\"\n"),
              HasSubstr("bad.toml:4:11: 'country' has a column already"));
  EXPECT_THAT(mistake("[columns]\ncountry = 1\n"), HasSubstr("bad.toml:2:11: 'country' must be a table"));
  EXPECT_THAT(mistake("[columns]\ncountry = { prefix = \"x\" }\n"), HasSubstr("'country' needs column"));
  EXPECT_THAT(mistake("[columns]\ncountry = { column = \"x\", unit = \"s\" }\n"), HasSubstr("unknown key 'unit'"));
  EXPECT_THAT(mistake("[columns]\nevent_time = { column = \"x\", unit = \"min\" }\n"),
              HasSubstr("'min' is not s or ms or us"));
  EXPECT_THAT(mistake("[columns]\nevent_time = { column = \"x\", epoch = \"1970-01-01T00:00:00Z\" }\n"),
              HasSubstr("an epoch needs a unit"));
  EXPECT_THAT(mistake("[columns]\nevent_time = { column = \"x\", unit = \"s\", epoch = \"1970\" }\n"),
              HasSubstr("'1970' is no time"));
  EXPECT_THAT(mistake("[columns]\nevent_time = { column = \"x\", unit = \"s\", format = \"rfc3339\" }\n"),
              HasSubstr("neither unit nor epoch"));
  EXPECT_THAT(mistake(std::string(kColumns) + "[label]\ncolumn = \"f\"\n"),
              HasSubstr("needs the values that mean fraud"));
  EXPECT_THAT(mistake(std::string(kColumns) + "[label]\ncolumn = \"f\"\nfraud = [1]\n"), HasSubstr("array of texts"));
  EXPECT_THAT(mistake(std::string(kColumns) + "[label]\ncolumn = \"f\"\nfraud = [\"1\"]\ndelay = \"week\"\n"),
              HasSubstr("'week' is no duration"));
  EXPECT_THAT(mistake("format = \"jsonl\"\n[label]\ncolumn = \"f\"\nfraud = [\"1\"]\n"),
              HasSubstr("[label] needs [columns]"));
  EXPECT_THAT(mistake("format = \"jsonl\"\n[[reference]]\nfiles = [\"x\"]\n"), HasSubstr("needs map"));
  EXPECT_THAT(mistake("format = "), HasSubstr("bad.toml:1:"));
}

TEST_F(InputReaderTest, TheOracleMapsAreWellFormed) {
  const fs::path oracle = fs::path(VIGIL_SOURCE_DIR) / "tests" / "oracle";
  auto handbook =
      open(write("h.csv",
                 "TRANSACTION_ID,TX_TIME_SECONDS,CUSTOMER_ID,TERMINAL_ID,AMOUNT_CENTS,TX_FRAUD,TX_FRAUD_SCENARIO\n"
                 "748066,6739215,1263,145,3227,0,0\n"),
           oracle / "handbook.map.toml");
  EXPECT_THAT(read_all(*handbook), ElementsAre("tx 748066@1529280015000000 1263 3227"));
  EXPECT_EQ(handbook->policy()->amount_minor_min, 0);
  write("customers.csv", "customer_id,lat,long\n31,34.9983,-97.0419\n");
  write("merchants.csv", "merchant_id,merchant\n333,Shop\n");
  auto sparkov =
      open(write("s.csv",
                 "tx_id,unix_time,customer_id,merchant_id,category,amount_cents,merch_lat,merch_long,is_fraud\n"
                 "1076610,1588291239,31,333,home,4159,39.195571,-75.823035,0\n"),
           oracle / "sparkov.map.toml");
  EXPECT_THAT(read_all(*sparkov),
              ElementsAre("customer 31  349983000", "merchant 333 Shop", "tx 1076610@1588291239000000 31 4159"));
}

}  // namespace
}  // namespace vigil::commands
