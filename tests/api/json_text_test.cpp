#include "api/json_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "api/time_text.h"

namespace vigil::api {
namespace {

std::string written(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, PlainAndInternationalTextsStandAsTheyAre) {
  EXPECT_EQ(written(""), "\"\"");
  EXPECT_EQ(written("merchant-17"), "\"merchant-17\"");
  EXPECT_EQ(written("Café Zürich 東京 🦀"), "\"Café Zürich 東京 🦀\"");
}

TEST(JsonText, EveryByteThatNeedsItIsEscaped) {
  for (int byte = 0; byte < 128; ++byte) {
    const std::string text = "a" + std::string(1, static_cast<char>(byte)) + "z";
    EXPECT_EQ(nlohmann::json::parse(written(text)).get<std::string>(), text) << byte;
  }
}

TEST(JsonText, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  // A lone continuation, a cut sequence, overlong forms, a surrogate, beyond U+10FFFF, and bytes that never are.
  for (const std::string bad : {"\x80", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                "\xf0\x80\x80\xaf", "\xfe", "\xff"}) {
    const std::string text = written("a" + bad + "z");
    const auto parsed = nlohmann::json::parse(text, nullptr, false);
    ASSERT_TRUE(parsed.is_string()) << text;
    EXPECT_NE(parsed.get<std::string>().find("\xef\xbf\xbd"), std::string::npos);
    EXPECT_EQ(parsed.get<std::string>().front(), 'a');
    EXPECT_EQ(parsed.get<std::string>().back(), 'z');
  }
}

TEST(JsonText, IntegersReachTheirEnds) {
  std::string out;
  append_json_integer(out, std::numeric_limits<std::int64_t>::min());
  out += ' ';
  append_json_integer(out, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(out, "-9223372036854775808 18446744073709551615");
}

TEST(TimeText, IsReadBackAsItWasWritten) {
  for (const std::int64_t micros :
       {0ll, 1ll, 1'772'366'400'000'000ll, 951'782'399'999'999ll, 253'402'300'799'999'999ll}) {
    EXPECT_EQ(parse_time(time_text(micros)), micros) << time_text(micros);
  }
  EXPECT_EQ(time_text(1'772'366'400'000'000), "2026-03-01T12:00:00.000000Z");
}

TEST(TimeText, ADateIsItsFirstInstant) {
  EXPECT_EQ(parse_time("2026-03-01"), 1'772'323'200'000'000);
  EXPECT_FALSE(parse_time("2026-02-30"));
  EXPECT_FALSE(parse_time("2026-03-01T12:00:00"));
  EXPECT_FALSE(parse_time("soon"));
}

}  // namespace
}  // namespace vigil::api
