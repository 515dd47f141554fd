// Records of a text file, and the cells of a CSV record (RFC 4180).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/byte_arena.h"
#include "commands/zstd_input.h"

namespace vigil::commands {

// One record as it stands in the file, without its line end.
struct TextRecord {
  std::string_view raw;
  std::uint64_t line = 0;    // 1-based number of its first line
  std::string_view mistake;  // why it is none: too long, a quote that is not closed; else ""
};

// Cuts a file into records, skipping empty lines and a byte order mark. Lines end with LF or CRLF. With
// quoted newlines (CSV) a record may span lines; one whose quote is never closed is a mistake of its first
// line alone, and reading goes on with the second. Not thread-safe.
class TextRecords {
 public:
  enum class Newlines { always_end, may_be_quoted };

  TextRecords(std::unique_ptr<ZstdInput> input, Newlines newlines);
  // The next record, valid until the next call; nothing at the end. Errors are those of the input.
  eventlog::Expected<std::optional<TextRecord>> next();
  const ZstdInput& input() const { return *input_; }

 private:
  eventlog::Expected<void> refill();
  TextRecord take(std::size_t bytes, std::string_view mistake);
  eventlog::Expected<TextRecord> skip_long_line();
  std::string_view window() const { return {buffer_.data() + begin_, end_ - begin_}; }

  std::unique_ptr<ZstdInput> input_;
  Newlines newlines_;
  std::vector<char> buffer_;
  std::string long_line_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t line_ = 1;
  bool input_ended_ = false, first_ = true;
};

// Cuts `record` into `cells` (cleared first). Cells without quotes are views of the record; quoted ones with
// doubled quotes are written to `arena`. Returns what is wrong, "" when nothing is.
std::string_view split_csv(std::string_view record, std::vector<std::string_view>& cells, ByteArena& arena);

}  // namespace vigil::commands
