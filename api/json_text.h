// JSON written by hand where every microsecond counts: appended to a string the caller reuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vigil::api {

// The text in quotes, escaped. Bytes that are not UTF-8 become U+FFFD, so that what leaves is always JSON.
void append_json_string(std::string& out, std::string_view text);
// JSON without the white space between its tokens, so on one line; nothing else about it changes.
void append_json_on_one_line(std::string& out, std::string_view json);
void append_json_integer(std::string& out, std::int64_t number);
void append_json_integer(std::string& out, std::uint64_t number);

}  // namespace vigil::api
