// Times as people write them: RFC 3339 in UTC, microseconds since 1970 inside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vigil::api {

// "2026-03-01T12:00:00.000000Z"; six digits always, so that texts sort as times do.
void append_time(std::string& out, std::int64_t micros);
std::string time_text(std::int64_t micros);

// A date ("2026-03-01", its first instant in UTC) or a time of RFC 3339 with its zone. Nothing when it is
// neither, or lies outside the range of event times.
std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace vigil::api
