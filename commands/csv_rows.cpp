#include "commands/csv_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "commands/command.h"

namespace vigil::commands {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kTooLong = "a line longer than 1 MiB";
constexpr std::string_view kUnclosed = "a quote that is not closed";
constexpr std::string_view kBroken = "quotes that are not closed, or not at the ends of a cell";

// The record at the front of a text: how long it is, when that can be said.
struct RecordEnd {
  std::optional<std::size_t> bytes;  // up to its LF, or to the end of the file
  bool broken = false;               // its quotes make no sense
};

// `whole` when nothing follows `text` in the file. Quotes only count at the beginning of a cell.
RecordEnd quoted_record_end(std::string_view text, bool whole) {
  std::size_t at = 0;
  while (true) {
    if (at < text.size() && text[at] == '"') {
      do {
        at = text.find('"', at + 1);
        if (at == text.npos) return {};
        ++at;
      } while (at < text.size() && text[at] == '"');
      if (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r') return {{}, true};
    }
    at = text.find_first_of(",\n", at);
    if (at == text.npos) return {whole ? std::optional(text.size()) : std::nullopt, false};
    if (text[at] == '\n') return {at, false};
    ++at;
  }
}

// Appends the cell in quotes at the front of `rest` and returns the bytes it takes; 0 when it is not closed.
std::size_t take_quoted(std::string_view rest, std::vector<std::string_view>& cells, ByteArena& arena) {
  std::size_t at = 1, doubled = 0;
  while (true) {
    at = rest.find('"', at);
    if (at == rest.npos) return 0;
    if (at + 1 >= rest.size() || rest[at + 1] != '"') break;
    ++doubled;
    at += 2;
  }
  const std::string_view inner = rest.substr(1, at - 1);
  if (doubled == 0) {
    cells.push_back(inner);
    return at + 1;
  }
  char* const begin = arena.allocate(inner.size() - doubled);
  char* out = begin;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    *out++ = inner[i];
    if (inner[i] == '"') ++i;
  }
  cells.emplace_back(begin, static_cast<std::size_t>(out - begin));
  return at + 1;
}

}  // namespace

TextRecords::TextRecords(std::unique_ptr<ZstdInput> input, Newlines newlines)
    : input_(std::move(input)), newlines_(newlines), buffer_(2 * kMessageBytesMax) {}

eventlog::Expected<void> TextRecords::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  do {
    const auto got = input_->read({buffer_.data() + end_, buffer_.size() - end_});
    if (!got) return std::unexpected(got.error());
    end_ += *got;
    input_ended_ = *got == 0;
    // Compressed data may come in pieces of any length: a mark is known when it could be there whole.
  } while (first_ && !input_ended_ && window().size() < kByteOrderMark.size());
  if (std::exchange(first_, false) && window().starts_with(kByteOrderMark)) begin_ += kByteOrderMark.size();
  return {};
}

// Steps over `bytes` and the LF behind them.
TextRecord TextRecords::take(std::size_t bytes, std::string_view mistake) {
  TextRecord record{window().substr(0, bytes), line_, mistake};
  line_ += static_cast<std::uint64_t>(std::ranges::count(record.raw, '\n')) + 1;
  begin_ += std::min(bytes + 1, end_ - begin_);
  if (record.raw.ends_with('\r')) record.raw.remove_suffix(1);
  return record;
}

// Keeps the beginning of the line at hand and drops the rest of it.
eventlog::Expected<TextRecord> TextRecords::skip_long_line() {
  long_line_.assign(window().substr(0, kQuarantineRawBytesMax));
  while (true) {
    const std::size_t newline = window().find('\n');
    begin_ = newline == std::string_view::npos ? end_ : begin_ + newline + 1;
    if (newline != std::string_view::npos || input_ended_) return TextRecord{long_line_, line_++, kTooLong};
    if (auto filled = refill(); !filled) return std::unexpected(filled.error());
  }
}

eventlog::Expected<std::optional<TextRecord>> TextRecords::next() {
  while (true) {
    // What is too long must not depend on how much happens to be in the buffer.
    const std::string_view ahead = window().substr(0, kMessageBytesMax + 1);
    const bool full = ahead.size() > kMessageBytesMax;
    if (ahead.empty() && input_ended_) return std::nullopt;
    const std::size_t newline = ahead.find('\n');
    const bool line_ends = newline != ahead.npos || (input_ended_ && !full);
    const std::size_t line_bytes = std::min(newline, ahead.size());
    if (line_ends && (line_bytes == 0 || (line_bytes == 1 && ahead[0] == '\r'))) {
      take(line_bytes, {});
      continue;
    }
    if (line_ends) {
      const bool quotes = newlines_ == Newlines::may_be_quoted && std::memchr(ahead.data(), '"', line_bytes) != nullptr;
      if (!quotes) return take(line_bytes, {});
      const RecordEnd end = quoted_record_end(ahead, input_ended_ && !full);
      if (end.bytes) return take(*end.bytes, {});
      if (end.broken || full || input_ended_) return take(line_bytes, kBroken);
    } else if (full) {
      auto record = skip_long_line();
      if (!record) return std::unexpected(record.error());
      return *record;
    }
    if (auto filled = refill(); !filled) return std::unexpected(filled.error());
  }
}

std::string_view split_csv(std::string_view record, std::vector<std::string_view>& cells, ByteArena& arena) {
  cells.clear();
  std::size_t at = 0;
  while (true) {
    if (at < record.size() && record[at] == '"') {
      const std::size_t taken = take_quoted(record.substr(at), cells, arena);
      if (taken == 0) return kUnclosed;
      at += taken;
      if (at < record.size() && record[at] != ',') return "something behind a closing quote";
    } else {
      const char* const begin = record.data() + at;
      const void* comma = std::memchr(begin, ',', record.size() - at);
      const std::size_t bytes =
          comma == nullptr ? record.size() - at : static_cast<std::size_t>(static_cast<const char*>(comma) - begin);
      cells.emplace_back(begin, bytes);
      if (std::memchr(begin, '"', bytes) != nullptr) return "a quote inside a cell that does not begin with one";
      at += bytes;
    }
    if (at == record.size()) return {};
    ++at;
  }
}

}  // namespace vigil::commands
