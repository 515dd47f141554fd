// Quarantined input as a line of a file that `vigil quarantine resubmit` reads.
#pragma once

#include <string>

#include "eventlog/schema/events.h"

namespace vigil::tools {

// One line without its end: the raw input as it came, where that is possible. JSON over several lines loses the line
// breaks and spaces between its tokens and nothing else; a label gets its "op", without which a line is a transaction.
// A CSV row with line ends inside of quotes stays as it is: readers of CSV take it for one row. What remains, input
// with line ends that is neither, becomes a "quarantine" message (docs/protocol.md) which holds it.
std::string resubmit_line(const eventlog::TransactionQuarantined& event);

}  // namespace vigil::tools
