// Values as CSV fields (RFC 4180).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eventlog/schema/value.h"

namespace vigil::tools {

// Quoted only when it has to be: it contains a comma, a quote or a line break.
void append_csv_text(std::string& out, std::string_view text);
void append_csv_integer(std::string& out, std::int64_t number);
// Integers as digits, floating point as the shortest text that reads back as the same bits, booleans as 0
// and 1, null as an empty field.
void append_csv_value(std::string& out, const eventlog::Value& value);

}  // namespace vigil::tools
