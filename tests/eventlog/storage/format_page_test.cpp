// docs/log-format.md is held to the code: its tables to the structs, its worked example to bytes that were just
// written. VIGIL_WRITE_GOLDEN=1 writes the example anew.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "eventlog/schema/events.h"
#include "eventlog/storage/format.h"
#include "tests/eventlog/storage/log_fixture.h"

namespace vigil::eventlog {
namespace {

struct Field {
  std::string_view name;
  std::size_t offset, bytes;
  std::string_view type;  // as the page's tables call it
};
#define VIGIL_FIELD(Struct, field, type) {#field, offsetof(Struct, field), sizeof(Struct::field), type}

const std::vector<Field> kSegmentFields = {
    VIGIL_FIELD(SegmentHeader, magic, "u64"),
    VIGIL_FIELD(SegmentHeader, format_version, "u32"),
    VIGIL_FIELD(SegmentHeader, frame_bytes_max, "u32"),
    VIGIL_FIELD(SegmentHeader, log_id, "16 bytes"),
    VIGIL_FIELD(SegmentHeader, epoch, "u64"),
    VIGIL_FIELD(SegmentHeader, first_position, "u64"),
    VIGIL_FIELD(SegmentHeader, base_address, "u64"),
    VIGIL_FIELD(SegmentHeader, segment_bytes, "u64"),
    VIGIL_FIELD(SegmentHeader, created_us, "i64"),
    VIGIL_FIELD(SegmentHeader, previous_end_address, "u64"),
    VIGIL_FIELD(SegmentHeader, previous_hash, "32 bytes"),
    VIGIL_FIELD(SegmentHeader, reserved, "u32"),
    VIGIL_FIELD(SegmentHeader, header_crc, "u32"),
};
const std::vector<Field> kFrameFields = {
    VIGIL_FIELD(FrameHeader, magic, "u64"),          VIGIL_FIELD(FrameHeader, payload_bytes, "u32"),
    VIGIL_FIELD(FrameHeader, payload_crc, "u32"),    VIGIL_FIELD(FrameHeader, address, "u64"),
    VIGIL_FIELD(FrameHeader, first_position, "u64"), VIGIL_FIELD(FrameHeader, epoch, "u64"),
    VIGIL_FIELD(FrameHeader, ingest_time_us, "i64"), VIGIL_FIELD(FrameHeader, durable_through, "u64"),
    VIGIL_FIELD(FrameHeader, log_id, "16 bytes"),    VIGIL_FIELD(FrameHeader, previous_hash, "32 bytes"),
    VIGIL_FIELD(FrameHeader, event_count, "u32"),    VIGIL_FIELD(FrameHeader, reserved, "u32"),
    VIGIL_FIELD(FrameHeader, reserved_too, "u32"),   VIGIL_FIELD(FrameHeader, header_crc, "u32"),
};
const std::vector<Field> kTrailerFields = {
    VIGIL_FIELD(FrameTrailer, hash, "32 bytes"),
    VIGIL_FIELD(FrameTrailer, frame_bytes, "u32"),
    VIGIL_FIELD(FrameTrailer, reserved, "u32"),
    VIGIL_FIELD(FrameTrailer, magic, "u64"),
};
const std::vector<Field> kRecordFields = {
    VIGIL_FIELD(RecordHeader, record_bytes, "u32"),    VIGIL_FIELD(RecordHeader, type, "u16"),
    VIGIL_FIELD(RecordHeader, version, "u16"),         VIGIL_FIELD(RecordHeader, frame_distance, "u32"),
    VIGIL_FIELD(RecordHeader, index_and_shape, "u32"),
};
const std::vector<Field> kCleanFields = {
    VIGIL_FIELD(CleanMarker, magic, "u64"),        VIGIL_FIELD(CleanMarker, format_version, "u32"),
    VIGIL_FIELD(CleanMarker, reserved, "u32"),     VIGIL_FIELD(CleanMarker, log_id, "16 bytes"),
    VIGIL_FIELD(CleanMarker, epoch, "u64"),        VIGIL_FIELD(CleanMarker, last_position, "u64"),
    VIGIL_FIELD(CleanMarker, end_address, "u64"),  VIGIL_FIELD(CleanMarker, hash, "32 bytes"),
    VIGIL_FIELD(CleanMarker, reserved_too, "u32"), VIGIL_FIELD(CleanMarker, marker_crc, "u32"),
};
#undef VIGIL_FIELD

std::filesystem::path page_path() { return std::filesystem::path(VIGIL_SOURCE_DIR) / "docs/log-format.md"; }

// A file of the log, shown from its beginning on, line by line.
class Dump {
 public:
  Dump(std::string bytes, std::string& out) : bytes_(std::move(bytes)), out_(out) {}

  std::size_t at() const { return at_; }
  void title(const std::string& text) { out_ += "\n" + text + "\n"; }
  // The next bytes, 16 a line, the meaning beside the first ones.
  void show(std::size_t bytes, const std::string& meaning) {
    const std::size_t end = at_ + bytes;
    for (std::string beside = meaning; at_ < end; beside.clear()) {
      const std::size_t row = std::min<std::size_t>(16, end - at_);
      std::string hexed = hex(std::as_bytes(std::span(bytes_)).subspan(at_, row));
      if (!beside.empty()) hexed.resize(33, ' ');
      char offset[32];
      std::snprintf(offset, sizeof offset, "%06zx  ", at_);
      out_ += offset + hexed + beside + '\n';
      at_ += row;
    }
  }
  void show(const std::vector<Field>& fields) {
    for (const Field& field : fields) show(field.bytes, std::string(field.name) + value(field));
  }
  void words(const std::vector<std::string>& meanings) {
    for (const std::string& meaning : meanings) show(8, meaning);
  }
  void zeros_up_to(std::size_t end) {
    ASSERT_TRUE(bytes_.find_first_not_of('\0', at_) >= end) << "not only zeros behind " << at_;
    char line[64];
    std::snprintf(line, sizeof line, "%06zx … %06zx  zeros\n", at_, end - 1);
    out_ += line;
    at_ = end;
  }

 private:
  std::string value(const Field& field) const {
    if (field.name == "magic") return " \"" + bytes_.substr(at_, 8) + '"';
    if (field.bytes > 8 || field.name.starts_with("reserved")) return {};
    std::uint64_t number = 0;
    std::memcpy(&number, bytes_.data() + at_, field.bytes);
    if (field.name == "type")
      return " " + std::to_string(number) + " = " + std::string(eventlog::name(EventType(number)));
    if (field.name == "index_and_shape") {
      return ": index " + std::to_string(number >> 8) + ((number & kHasKey) != 0 ? ", a key, " : ", no key, ") +
             std::to_string(number & kLinkCountMask) + " links";
    }
    char text[32];
    const bool in_hex = field.name.ends_with("crc");
    std::snprintf(text, sizeof text, in_hex ? " 0x%08llx" : " %llu", static_cast<unsigned long long>(number));
    return text;
  }

  std::string bytes_;
  std::string& out_;
  std::size_t at_ = 0;
};

class FormatPage : public LogFixture {
 protected:
  // A customer and a rate in one commit, a label of that customer in the next.
  void write_example() {
    open();
    FrameBuilder& builder = log_->builder();
    builder.begin(IngestTime{1'700'000'000'123'456});
    const Placed customer = eventlog::append(builder, CustomerUpdated{"c-1", {}, *Code::parse("FR"), ""}, {});
    eventlog::append(builder, RateUpdated{*Code::parse("USD"), *Code::parse("EUR"), 923'400'000});
    ASSERT_TRUE(log_->settle());
    builder.begin(IngestTime{1'700'000'000'200'000});
    LabelReported label;
    label.transaction_id = "t-1";
    label.kind = LabelKind::chargeback;
    label.customer_id = "c-1";
    label.merchant_id = "m-1";
    label.transaction_time = EventTime{1'699'000'000'000'000};
    label.reported_at = EventTime{1'700'000'000'000'000};
    label.amount_base_minor = 1250;
    label.source = "bank";
    eventlog::append(builder, label, EntityLinks{Link{customer.address, Address{}}, Link{}, Link{}});
    ASSERT_TRUE(log_->settle());
    log_.reset();
  }

  std::string example() {
    std::string out;
    Dump segment(read_file(last_segment()), out);
    segment.title("00000000000000000001.seg: SegmentHeader");
    segment.show(kSegmentFields);
    segment.zeros_up_to(kBlockBytes);
    segment.title("first frame: FrameHeader");
    segment.show(kFrameFields);
    segment.title("first record: RecordHeader, three links, a CustomerUpdated");
    segment.show(kRecordFields);
    for (const char* slot : {"customer", "merchant", "device"}) {
      segment.words({std::string(slot) + ": previous, none", "jump, none"});
    }
    segment.words({"segments - 1 = 0, words = 6", "root: a struct, 2 words of data, 2 pointers behind it",
                   "latitudeE7, longitudeE7", "country 4860 = FR, hasHome 0",
                   "customerId: a text of 4 bytes, behind 1 more word", "segment: absent", "\"c-1\" and a zero"});
    segment.title("second record: RecordHeader, a RateUpdated");
    segment.show(kRecordFields);
    segment.words({"segments - 1 = 0, words = 3", "root: a struct, 2 words of data, no pointer", "rateE9 923400000",
                   "currency 15826 = USD, base 4230 = EUR"});
    segment.zeros_up_to(2 * kBlockBytes - kFrameTrailerBytes);
    segment.title("first frame: FrameTrailer");
    segment.show(kTrailerFields);
    segment.title("second frame: FrameHeader; previous_hash is the hash above");
    segment.show(kFrameFields);
    segment.title("its record: RecordHeader, key, three links, a LabelReported");
    segment.show(kRecordFields);
    segment.words({"key: XXH3-64 of \"t-1\"", "customer: previous, the CustomerUpdated at 0x1078", "jump, none"});
    segment.words({"merchant: previous, none", "jump, none", "device: previous, none", "jump, none"});
    segment.words({"segments - 1 = 0, words = 14", "root: a struct, 4 words of data, 5 pointers", "transactionTimeUs",
                   "reportedAtUs", "amountBaseMinor 1250",
                   "transactionVersion 1, kind 2 = chargeback, correctedKind, corrects",
                   "transactionId: a text of 4 bytes, behind 4 more words", "customerId", "merchantId",
                   "deviceId: absent", "source", "\"t-1\"", "\"c-1\"", "\"m-1\"", "\"bank\""});
    segment.zeros_up_to(3 * kBlockBytes - kFrameTrailerBytes);
    segment.title("second frame: FrameTrailer");
    segment.show(kTrailerFields);
    segment.zeros_up_to(1 << 20);
    Dump clean(read_file(directory_ / "CLEAN"), out);
    clean.title("CLEAN");
    clean.show(kCleanFields);
    return out;
  }

  static void expect_table(const std::string& page, const std::string& section, const std::vector<Field>& fields,
                           std::size_t bytes) {
    const std::size_t begin = page.find("\n### " + section + " (" + std::to_string(bytes) + " bytes");
    ASSERT_NE(begin, page.npos) << section << " of " << bytes << " bytes has no section";
    const std::string text = page.substr(begin, page.find("\n##", begin + 1) - begin);
    std::size_t end = 0;
    for (const Field& field : fields) {
      EXPECT_EQ(field.offset, end) << section << " has a gap before " << field.name;
      end = field.offset + field.bytes;
      const std::string row = "\n| " + std::to_string(field.offset) + " | " + std::string(field.type) + " | `" +
                              std::string(field.name) + "` |";
      EXPECT_NE(text.find(row), text.npos) << section << " lacks the row" << row;
    }
    EXPECT_EQ(end, bytes);
  }
};

TEST_F(FormatPage, TablesAreTheStructs) {
  const std::string page = read_file(page_path());
  expect_table(page, "SegmentHeader", kSegmentFields, kSegmentHeaderBytes);
  expect_table(page, "FrameHeader", kFrameFields, kFrameHeaderBytes);
  expect_table(page, "FrameTrailer", kTrailerFields, kFrameTrailerBytes);
  expect_table(page, "RecordHeader", kRecordFields, kRecordHeaderBytes);
  expect_table(page, "CleanMarker", kCleanFields, kCleanMarkerBytes);
}

TEST_F(FormatPage, TheWorkedExampleIsWhatIsWritten) {
  constexpr std::string_view kBegin = "<!-- worked example -->\n```", kEnd = "```\n<!-- end of the worked example -->";
  write_example();
  const std::string written = example();
  std::string page = read_file(page_path());
  const std::size_t begin = page.find(kBegin), end = page.find(kEnd);
  ASSERT_TRUE(begin != page.npos && end != page.npos) << "the page has no worked example";
  const std::size_t from = begin + kBegin.size();
  if (std::getenv("VIGIL_WRITE_GOLDEN") != nullptr) {
    std::ofstream(page_path(), std::ios::binary) << page.substr(0, from) << written << page.substr(end);
    page = read_file(page_path());
  }
  EXPECT_EQ(page.substr(from, page.find(kEnd) - from), written);
}

}  // namespace
}  // namespace vigil::eventlog
