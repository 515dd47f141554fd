// The simulated stream as text: JSON lines (docs/protocol.md) or CSV (docs/ingest.md).
#pragma once

#include <functional>
#include <string>

#include "tools/simulation/stream.h"

namespace vigil::tools::simulation {

enum class Format { json_lines, csv };

// Appends lines to a text the caller drains. JSON lines begin with what the payments refer to: the policy
// (history is judged by the stream's own clock), exchange rates, customers with homes, merchants with places.
// CSV carries payments alone, each with its later truth; its header is the first line.
class Writer {
 public:
  Writer(Format format, const Stream& stream) : format_(format), stream_(stream) {}

  // Calls `take` with every line (without its newline) that comes before the first payment.
  void write_preamble(const std::function<void(std::string_view)>& take) const;
  // One line without its newline; false when this format has none for the item.
  bool write(std::string& out, const Item& item) const;

 private:
  void write_payment(std::string& out, const NumberedPayment& item) const;
  void write_label(std::string& out, const Label& label) const;
  void write_csv(std::string& out, const NumberedPayment& item) const;
  void write_id(std::string& out, std::uint64_t number) const;

  Format format_;
  const Stream& stream_;
};

}  // namespace vigil::tools::simulation
